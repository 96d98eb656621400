//! Random tariffs and sessions: what holds for all of them.

use super::*;

/// A random number generator (xorshift64): the tests are the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.roll(all.len() as u64) as usize]
    }

    fn tariff(&mut self) -> String {
        let elements: Vec<_> = (0..=self.roll(4)).map(|_| self.element()).collect();
        let limits = self.one_of(&[
            "",
            r#", "min_price": {"excl_vat": 3, "incl_vat": 3.5}"#,
            r#", "max_price": {"excl_vat": 2}"#,
            r#", "max_price": 1.5, "tax_included": "YES""#,
            r#", "min_price": 1, "max_price": {"excl_vat": 5, "incl_vat": 5.2}"#,
        ]);
        tariff(&elements.join(","), limits)
    }

    fn element(&mut self) -> String {
        let components: Vec<_> = (0..=self.roll(3)).map(|_| self.component()).collect();
        let restrictions = self.one_of(&[
            "",
            "",
            r#""start_time": "12:30", "end_time": "13:15""#,
            r#""start_time": "20:00", "end_time": "13:20""#,
            r#""min_kwh": 2, "max_kwh": 7.5"#,
            r#""max_power": 16"#,
            r#""min_duration": 1800"#,
            r#""max_duration": 3600, "day_of_week": ["THURSDAY"]"#,
            r#""reservation": "RESERVATION""#,
            r#""reservation": "RESERVATION_EXPIRES""#,
        ]);
        let components = components.join(",");
        format!(r#"{{"price_components": [{components}], "restrictions": {{{restrictions}}}}}"#)
    }

    fn component(&mut self) -> String {
        let kind = self.one_of(&["ENERGY", "TIME", "PARKING_TIME", "FLAT"]);
        let price = self.one_of(&["0", "0.25", "0.333333", "2.5", "60"]);
        let step = self.one_of(&["0", "1", "60", "900"]);
        let tax = self.one_of(&["", r#", "vat": 0"#, r#", "vat": 19"#, r#", "vat": 7.7"#]);
        format!(r#"{{"type": "{kind}", "price": {price}, "step_size": {step}{tax}}}"#)
    }

    fn session(&mut self) -> Session {
        let activities = [
            Activity::Charging,
            Activity::Charging,
            Activity::PausedByCar,
            Activity::PausedByLoadControl,
            Activity::Idle,
        ];
        let mut periods = vec![];
        if self.roll(4) == 0 {
            let expired = self.roll(2) == 0;
            let activity = if expired { Activity::ReservationExpired } else { Activity::Reserved };
            periods.push((activity, self.roll(40) as i64, 0));
        }
        for _ in 0..=self.roll(8) {
            let activity = activities[self.roll(5) as usize];
            periods.push((activity, self.roll(50) as i64, self.roll(3_000)));
        }
        session(&periods)
    }
}

#[test]
fn every_bill_keeps_the_rules_of_the_host() {
    let mut dice = Dice(0x5eed_0001);
    let mut priced_some = 0;
    for _ in 0..20_000 {
        let (text, session) = (dice.tariff(), dice.session());
        let lines = match priced(&text, &session) {
            Ok(lines) => lines,
            Err(Error::NotApplicable(_)) => continue,
            Err(error) => panic!("{error:?}: {text}"),
        };
        priced_some += 1;
        for line in &lines {
            let product = i128::from(line.quantity) * i128::from(line.unit_price);
            let per = i128::from(line.unit.per_unit_price());
            assert!((product - i128::from(line.amount) * per).abs() * 2 <= per, "{line:?}: {text}");
            assert!(line.quantity > 0, "{line:?}: {text}");
            assert!(session.start <= line.start && line.start <= line.end, "{line:?}: {text}");
            assert!(line.end <= session.end, "{line:?}: {text}");
        }
        let (excl, incl) = totals(&lines);
        assert!(excl >= 0 && incl >= 0, "{lines:?}: {text}");
    }
    assert!(priced_some > 10_000);
}

#[test]
fn a_longer_session_is_never_cheaper_by_one_price() {
    let mut dice = Dice(0x5eed_0002);
    for _ in 0..5_000 {
        let text = tariff(&element(&[("ENERGY", "0.3", 100), ("TIME", "2", 60)], ""), "");
        let mut session = dice.session();
        session.periods.retain(|period| period.activity == Activity::Charging);
        let Some(last) = session.periods.last() else { continue };
        session.end = last.end;
        let before = totals(&priced(&text, &session).unwrap());
        session.end += MINUTE;
        if let Some(last) = session.periods.last_mut() {
            last.end += MINUTE;
            last.energy += 1;
        }
        assert!(totals(&priced(&text, &session).unwrap()) >= before);
    }
}

#[test]
fn no_text_makes_prepare_panic() {
    let mut dice = Dice(0x5eed_0003);
    for _ in 0..2_000 {
        let text = dice.tariff();
        let cut = dice.roll(text.len() as u64) as usize;
        assert!(prepared(&text[..cut]).is_err());
        let mut bytes = text.into_bytes();
        let place = dice.roll(bytes.len() as u64) as usize;
        bytes[place] = dice.one_of(&["\"", "}", "-", "9", "e", "\\", "[", " "]).as_bytes()[0];
        if let Ok(text) = String::from_utf8(bytes) {
            let _refused_or_another_tariff = prepared(&text);
        }
    }
}
