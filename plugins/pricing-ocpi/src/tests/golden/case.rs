//! Owns the reading of a golden case as a cut session: the least that the cases need. The host has
//! its own way from OCPI to a session, and its own tests.

use std::path::Path;

use busbar_sdk::json::{self, Node, Value};
use busbar_sdk::{Activity, Line, Period, Session};
use jiff::{Timestamp, tz::TimeZone};

pub(super) struct Case {
    pub(super) id: String,
    pub(super) tariff: String,
    pub(super) currency: String,
    pub(super) session: Session,
    pub(super) is_credit: bool,
    pub(super) expected: Expected,
}

/// In millionths.
pub(super) enum Expected {
    NotApplicable,
    Totals { excl: Option<i64>, incl: Option<i64>, tolerance: u64 },
}

const FILES: &[&str] = &[
    "ocpi-spec/ocpi_spec.json",
    "ocpi_tariffs_popular.json",
    "ocpi_tariffs_real_cdrs.json",
    "edge_cases.json",
];

/// Every case. The totals of two are called disputed by their source; ours are the same: time is
/// taken from the timestamps where a period gives none, and no energy costs nothing.
pub(super) fn all() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut cases = vec![];
    for file in FILES {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let document = json::parse(&text).unwrap();
        let items = document.root().field("cases").unwrap().items().unwrap();
        cases.extend(items.iter().map(read));
    }
    cases
}

/// The session with every period that is long enough cut once more, where nothing changes.
pub(super) fn cut_in_half(session: &Session) -> Session {
    let mut cut = session.clone();
    cut.periods = session.periods.iter().flat_map(halves).collect();
    cut
}

/// Without and with taxes.
pub(super) fn totals(lines: &[Line]) -> (i64, i64) {
    lines.iter().fold((0, 0), |(excl, incl), line| {
        let taxes: i64 = line.taxes.iter().map(|tax| tax.amount).sum();
        match line.tax_included {
            true => (excl + line.amount - taxes, incl + line.amount),
            false => (excl + line.amount, incl + line.amount + taxes),
        }
    })
}

fn halves(period: &Period) -> Vec<Period> {
    let length = period.end - period.start;
    let half = length / 2;
    let energy = (u128::from(period.energy) * u128::from(half.unsigned_abs()))
        .checked_div(u128::from(length.unsigned_abs()))
        .unwrap_or_default() as u64;
    if half == 0 {
        return vec![*period];
    }
    let middle = period.start + half;
    vec![
        Period { end: middle, energy, ..*period },
        Period { start: middle, energy: period.energy - energy, ..*period },
    ]
}

fn read(case: &Node<'_>) -> Case {
    let cdr = case.optional("cdr").unwrap();
    let session = cdr.clone().unwrap_or_else(|| case.field("session").unwrap());
    let tariff = case
        .optional("tariff")
        .unwrap()
        .unwrap_or_else(|| session.field("tariffs").unwrap().items().unwrap().remove(0));
    let zone = session.optional("timezone").unwrap().or(case.optional("timezone").unwrap());
    let expected = case.field("expected").unwrap();
    let amount = |name: &str| {
        let amount = expected.optional(name).unwrap()?;
        Some(json::parse(amount.text().unwrap()).unwrap().root().decimal(6).unwrap())
    };
    let is_not_applicable = expected.optional("not_applicable").unwrap().is_some();
    let expected = match is_not_applicable {
        true => Expected::NotApplicable,
        false => Expected::Totals {
            excl: amount("total_excl_vat"),
            incl: amount("total_incl_vat"),
            tolerance: amount("tolerance").unwrap().unsigned_abs(),
        },
    };
    Case {
        id: case.field("id").unwrap().text().unwrap().into(),
        currency: tariff.field("currency").unwrap().text().unwrap().into(),
        tariff: written(tariff.value),
        session: cut(&session, &TimeZone::get(zone.unwrap().text().unwrap()).unwrap()),
        is_credit: is_true(&session, "credit"),
        expected,
    }
}

fn cut(session: &Node<'_>, zone: &TimeZone) -> Session {
    let end = session.optional("end_date_time").unwrap();
    let end = end.unwrap_or_else(|| session.field("stop_date_time").unwrap());
    let (start, end) = (instant(&session.field("start_date_time").unwrap()), instant(&end));
    let is_expired = is_true(session, "reservation_expired");
    let mut periods = session.field("charging_periods").unwrap().items().unwrap();
    // Real CDRs hold them in any order.
    periods.sort_by_key(|node| instant(&node.field("start_date_time").unwrap()));
    let starts: Vec<_> =
        periods.iter().map(|node| instant(&node.field("start_date_time").unwrap())).collect();
    let mut cut = vec![];
    for (index, node) in periods.iter().enumerate() {
        let until = starts.get(index + 1).copied().unwrap_or(end);
        let volumes = Volumes::of(node);
        let start = starts[index];
        let offset = zone.to_offset(Timestamp::from_millisecond(start).unwrap()).seconds() / 60;
        cut.extend(volumes.split(volumes.period(start, until, offset, is_expired)));
    }
    Session { start, end, periods: cut, complete: true, attributes: vec![] }
}

/// The dimensions of a charging period, in millionths.
struct Volumes(Vec<(String, i64)>);

impl Volumes {
    fn of(period: &Node<'_>) -> Self {
        let read = |node: &Node<'_>| {
            let name = node.field("type").unwrap().text().unwrap().to_owned();
            (name, node.field("volume").unwrap().decimal(6).unwrap())
        };
        Self(period.field("dimensions").unwrap().items().unwrap().iter().map(read).collect())
    }

    fn get(&self, name: &str) -> Option<i64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, volume)| *volume)
    }

    fn period(&self, start: i64, end: i64, utc_offset: i32, is_expired: bool) -> Period {
        let activity = match () {
            () if self.get("RESERVATION_TIME").is_some() && is_expired => {
                Activity::ReservationExpired
            }
            () if self.get("RESERVATION_TIME").is_some() => Activity::Reserved,
            () if self.get("PARKING_TIME").is_some() && self.get("TIME").is_none_or(|t| t <= 0) => {
                Activity::Idle
            }
            () => Activity::Charging,
        };
        let thousandth = |name| self.get(name).map(|volume| volume.unsigned_abs() / 1_000);
        Period {
            start,
            end,
            utc_offset,
            activity,
            energy: self.get("ENERGY").unwrap_or(0).unsigned_abs(),
            min_power: thousandth("MIN_POWER"),
            max_power: thousandth("MAX_POWER"),
            min_current: thousandth("MIN_CURRENT"),
            max_current: thousandth("MAX_CURRENT"),
        }
    }

    /// A period of charging and of parking: first the one, then the other.
    fn split(&self, period: Period) -> Vec<Period> {
        let parking = self.get("PARKING_TIME").unwrap_or(0);
        let milliseconds = (parking * 36 + 5) / 10;
        if period.activity != Activity::Charging || parking <= 0 {
            return vec![period];
        }
        let middle = period.end - milliseconds;
        vec![
            Period { end: middle, ..period },
            Period { start: middle, activity: Activity::Idle, energy: 0, ..period },
        ]
    }
}

fn is_true(node: &Node<'_>, name: &str) -> bool {
    node.optional(name).unwrap().is_some_and(|node| *node.value == Value::Boolean(true))
}

fn instant(node: &Node<'_>) -> i64 {
    node.text().unwrap().parse::<Timestamp>().unwrap().as_millisecond()
}

/// The JSON text of a value.
fn written(value: &Value) -> String {
    let all = |items: Vec<String>| items.join(",");
    match value {
        Value::Null => "null".into(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Number(number) => number.clone(),
        Value::Text(text) => format!("{text:?}"),
        Value::Array(items) => format!("[{}]", all(items.iter().map(written).collect())),
        Value::Object(fields) => {
            let field = |(name, value): &(String, Value)| format!("{name:?}:{}", written(value));
            format!("{{{}}}", all(fields.iter().map(field).collect()))
        }
    }
}
