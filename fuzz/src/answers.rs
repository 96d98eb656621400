//! What a pricing plugin answers: boundaries and lines. A session is cut into periods without gap
//! or overlap that hold all its energy; lines are added up exactly or refused with the line's
//! number. The input is lines of words, as [`read`] takes them. Must never call a plugin.

use busbar_charging::pricing::bill::{Totals, add_up};
use busbar_charging::pricing::cut::{CutError, check_boundaries, cut};
use busbar_charging::pricing::{
    Activity, Boundaries, CutSession, Dimension, Line, MeteredSession, PriceError, QuantityUnit,
    Tax,
};
use busbar_charging::units::{Currency, Current, Energy, Micros, Millis, Power, Timestamp};

/// Cuts a session and adds up a bill.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(answers) = read(text) else { return };
    let exist = check_boundaries(&answers.boundaries);
    match cut(&answers.session, &answers.boundaries) {
        Ok(cut) => {
            assert_eq!(exist, Ok(()), "boundaries that do not exist were cut at");
            is_whole(&answers.session, &cut);
        }
        Err(CutError::Boundaries { at, message }) => {
            assert!(exist.is_err() && !at.is_empty() && !message.is_empty());
        }
        Err(CutError::Session { at, message }) => assert!(!at.is_empty() && !message.is_empty()),
    }
    let added = add_up(&answers.lines, answers.currency, answers.negative_prices);
    match added {
        Ok(totals) => adds_up(&answers, &totals),
        Err(PriceError::Misbehaved(why)) => {
            assert!(why.starts_with("line ") || why.contains("total"), "{why}");
        }
        Err(other) => panic!("lines are the plugin's, and it was told {other:?}"),
    }
}

fn is_whole(session: &MeteredSession, cut: &CutSession) {
    assert_eq!((cut.start, cut.end), (session.start, session.end));
    assert!(!cut.periods.is_empty() && cut.periods.len() <= 100_000);
    let mut at = session.start;
    let mut energy = 0_i128;
    for period in &cut.periods {
        assert_eq!(period.start, at, "a gap or an overlap");
        assert!(period.end >= period.start, "{period:?}");
        assert!(period.energy.0 >= 0, "{period:?}");
        assert!(period.min_power <= period.max_power && period.min_current <= period.max_current);
        at = period.end;
        energy += i128::from(period.energy.0);
    }
    assert_eq!(at, session.end);
    let metered = session.energy.last().map_or(0, |(_, energy)| i128::from(energy.0));
    assert_eq!(energy, metered, "energy was lost or invented");
}

fn adds_up(answers: &Answers, totals: &Totals) {
    let (mut excl, mut incl) = (0_i128, 0_i128);
    for line in &answers.lines {
        let amount = i128::from(line.amount.0);
        let taxes = line.taxes.iter().map(|tax| i128::from(tax.amount.0)).sum::<i128>();
        excl += if line.tax_included { amount - taxes } else { amount };
        incl += if line.tax_included { amount } else { amount + taxes };
        let exact = i128::from(line.quantity) * i128::from(line.unit_price.0);
        let per = i128::from(line.unit.per_unit_price());
        assert!((exact - amount * per).abs() <= per, "a line that is no product: {line:?}");
    }
    assert_eq!((i128::from(totals.excl_tax.0), i128::from(totals.incl_tax.0)), (excl, incl));
    assert!(answers.negative_prices || (excl >= 0 && incl >= 0), "a negative total: {totals:?}");
    let off = (totals.payable.amount.0 - totals.incl_tax.0).abs();
    let unit = 10_i64.pow(6 - totals.payable.currency.decimals().min(6));
    assert!(off * 2 <= unit, "rounded by {off}");
    assert_eq!(totals.payable.amount.0 % unit, 0, "not in units of the currency");
}

#[derive(Debug)]
struct Answers {
    session: MeteredSession,
    boundaries: Boundaries,
    lines: Vec<Line>,
    negative_prices: bool,
    currency: Currency,
}

/// `session START END ZONE`, `energy AT MWH`, `activity AT n`, `power AT W`, `current AT MA`;
/// `times_of_day`, `dates`, `energies`, `durations` and values; `line DIMENSION QUANTITY UNIT
/// PRICE AMOUNT INCLUDED START END`, `tax RATE AMOUNT` of the line before it; `negative`;
/// `currency CODE`. Words that are none of these are passed over.
fn read(text: &str) -> Option<Answers> {
    let currency = Currency::parse("EUR")?;
    let mut answers = Answers {
        session: MeteredSession {
            start: Timestamp(0),
            end: Timestamp(0),
            time_zone: "UTC".into(),
            energy: Vec::new(),
            activities: vec![(Timestamp(i64::MIN), Activity::Charging)],
            power: Vec::new(),
            current: Vec::new(),
            complete: true,
            attributes: Vec::new(),
        },
        boundaries: Boundaries::default(),
        lines: Vec::new(),
        negative_prices: false,
        currency,
    };
    for line in text.lines().take(200) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        answers.take(word, &rest.split(' ').collect::<Vec<_>>());
    }
    Some(answers)
}

impl Answers {
    fn take(&mut self, word: &str, values: &[&str]) -> Option<()> {
        let number = |at: usize| values.get(at).and_then(|text| text.parse::<i64>().ok());
        let numbers = || values.iter().filter_map(|text| text.parse::<i64>().ok());
        let session = &mut self.session;
        match word {
            "session" => {
                (session.start, session.end) = (Timestamp(number(0)?), Timestamp(number(1)?));
                session.time_zone = (*values.get(2)?).to_owned();
            }
            "energy" => session.energy.push((Timestamp(number(0)?), Energy(number(1)?))),
            "power" => session.power.push((Timestamp(number(0)?), Power(number(1)?))),
            "current" => session.current.push((Timestamp(number(0)?), Current(number(1)?))),
            "activity" => {
                session.activities.push((Timestamp(number(0)?), activity(number(1)?)));
            }
            "times_of_day" => self.boundaries.times_of_day.extend(numbers().map(|n| n as u32)),
            "dates" => self.boundaries.dates.extend(values.iter().map(|date| (*date).into())),
            "energies" => self.boundaries.energies.extend(numbers().map(Energy)),
            "durations" => self.boundaries.durations.extend(numbers().map(Millis)),
            "line" => self.lines.push(line(&number)?),
            "tax" => {
                let (rate, amount) = (number(0)?, Micros(number(1)?));
                self.lines.last_mut()?.taxes.push(Tax { name: "VAT".into(), rate, amount });
            }
            "negative" => self.negative_prices = true,
            "currency" => self.currency = Currency::parse(values.first()?)?,
            _ => {}
        }
        Some(())
    }
}

fn activity(number: i64) -> Activity {
    match number {
        1 => Activity::PausedByCar,
        2 => Activity::PausedByStation,
        3 => Activity::PausedByLoadControl,
        4 => Activity::Reserved,
        5 => Activity::ReservationExpired,
        6 => Activity::Idle,
        _ => Activity::Charging,
    }
}

fn line(number: &impl Fn(usize) -> Option<i64>) -> Option<Line> {
    Some(Line {
        dimension: match number(0)? {
            1 => Dimension::Adjustment,
            2 => Dimension::Flat,
            _ => Dimension::Energy,
        },
        description: "as charged".into(),
        quantity: number(1)?,
        unit: match number(2)? {
            1 => QuantityUnit::Time,
            2 => QuantityUnit::Count,
            _ => QuantityUnit::Energy,
        },
        unit_price: Micros(number(3)?),
        amount: Micros(number(4)?),
        tax_included: number(5)? == 1,
        taxes: Vec::new(),
        start: Timestamp(number(6)?),
        end: Timestamp(number(7)?),
    })
}
