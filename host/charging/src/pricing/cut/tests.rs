//! Tables of sessions and their periods, and properties over seeded random sessions.

use super::*;
use crate::units::Millis;

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn session(start: &str, end: &str, energy: &[(&str, i64)]) -> MeteredSession {
    MeteredSession {
        start: at(start),
        end: at(end),
        time_zone: "Europe/Berlin".into(),
        energy: energy.iter().map(|(when, mwh)| (at(when), Energy(*mwh))).collect(),
        activities: vec![(at(start), Activity::Charging)],
        power: Vec::new(),
        current: Vec::new(),
        complete: true,
        attributes: Vec::new(),
    }
}

/// Start after the session's start in minutes, energy in Wh, offset in minutes.
fn table(cut: &CutSession) -> Vec<(i64, i64, i32)> {
    let row = |period: &Period| {
        let minutes = period.start.since(cut.start).0 / MINUTE;
        (minutes, period.energy.0 / 1000, period.utc_offset)
    };
    cut.periods.iter().map(row).collect()
}

fn times(minutes: &[u32]) -> Boundaries {
    let times_of_day = minutes.iter().map(|minute| minute * 60_000).collect();
    Boundaries { times_of_day, ..Boundaries::default() }
}

#[test]
fn readings_midnight_and_states_cut() {
    let mut session = session(
        "2026-05-05T21:00:00Z",
        "2026-05-05T23:00:00Z",
        &[("2026-05-05T21:30:00Z", 6_000_000), ("2026-05-05T22:30:00Z", 18_000_000)],
    );
    session.activities.push((at("2026-05-05T22:40:00Z"), Activity::PausedByCar));
    session.activities.push((at("2026-05-05T22:50:00Z"), Activity::PausedByCar));
    let cut = cut(&session, &Boundaries::default()).unwrap();
    let expected = [(0, 6000, 120), (30, 6000, 120), (60, 6000, 120), (90, 0, 120), (100, 0, 120)];
    assert_eq!(table(&cut)[..5], expected);
    assert_eq!(cut.periods[3].activity, Activity::Charging);
    assert_eq!(cut.periods[4].activity, Activity::PausedByCar);
}

#[test]
fn a_time_that_the_clock_skips_is_the_instant_of_the_change() {
    let session = session(
        "2026-03-29T00:30:00Z",
        "2026-03-29T01:30:00Z",
        &[("2026-03-29T01:30:00Z", 10_000_000)],
    );
    let cut = cut(&session, &times(&[120, 150, 180])).unwrap();
    assert_eq!(table(&cut), [(0, 5000, 60), (30, 5000, 120)]);
}

#[test]
fn a_time_that_happens_twice_cuts_twice() {
    let session = session(
        "2026-10-24T23:30:00Z",
        "2026-10-25T02:30:00Z",
        &[("2026-10-25T02:30:00Z", 15_000_000)],
    );
    let cut = cut(&session, &times(&[150])).unwrap();
    // 02:30 summer time, the change at 03:00, 02:30 winter time.
    assert_eq!(table(&cut), [(0, 5000, 120), (60, 2500, 120), (90, 2500, 60), (120, 5000, 60)]);
}

#[test]
fn a_day_may_have_no_midnight() {
    // In Cairo the clock goes from 23:59:59 on Thursday to 01:00 on Friday.
    let mut session = session(
        "2026-04-23T21:00:00Z",
        "2026-04-23T23:00:00Z",
        &[("2026-04-23T23:00:00Z", 2_000_000)],
    );
    session.time_zone = "Africa/Cairo".into();
    let cut = cut(&session, &Boundaries::default()).unwrap();
    assert_eq!(table(&cut), [(0, 1000, 120), (60, 1000, 180)]);
}

#[test]
fn a_threshold_is_met_exactly() {
    let boundaries = Boundaries {
        energies: vec![Energy(10_000_000), Energy(10_000_000), Energy(99_000_000)],
        ..Boundaries::default()
    };
    let session = session(
        "2026-05-05T08:00:00Z",
        "2026-05-05T09:00:00Z",
        &[("2026-05-05T09:00:00Z", 22_000_000)],
    );
    let cut = cut(&session, &boundaries).unwrap();
    let energies: Vec<i64> = cut.periods.iter().map(|period| period.energy.0).collect();
    assert_eq!(energies, [10_000_000, 12_000_000]);
    // 10/22 of an hour is 1,636,363.6 ms.
    assert_eq!(cut.periods[1].start.since(cut.start), Millis(1_636_364));
}

#[test]
fn durations_cut_within_the_session_only() {
    let durations = vec![Millis(0), Millis(30 * MINUTE), Millis(HOUR), Millis(i64::MAX)];
    let boundaries = Boundaries { durations, ..Boundaries::default() };
    let session = session("2026-05-05T08:00:00Z", "2026-05-05T09:00:00Z", &[]);
    let cut = cut(&session, &boundaries).unwrap();
    assert_eq!(table(&cut), [(0, 0, 120), (30, 0, 120)]);
}

#[test]
fn power_holds_until_it_changes_and_several_at_once_are_a_range() {
    let mut session = session("2026-05-05T08:00:00Z", "2026-05-05T09:00:00Z", &[]);
    session.power = vec![
        (at("2026-05-05T08:10:00Z"), Power(3000)),
        (at("2026-05-05T08:10:00Z"), Power(11_000)),
        (at("2026-05-05T08:20:00Z"), Power(5000)),
        (at("2026-05-05T08:30:00Z"), Power(5000)),
        (at("2026-05-05T08:40:00Z"), Power(-3)),
    ];
    let cut = cut(&session, &Boundaries::default()).unwrap();
    let found: Vec<_> =
        cut.periods.iter().map(|p| (p.min_power.map(|w| w.0), p.max_power.map(|w| w.0))).collect();
    let expected =
        [(None, None), (Some(3000), Some(11_000)), (Some(5000), Some(5000)), (Some(0), Some(0))];
    assert_eq!(found, expected);
}

#[test]
fn readings_outside_count_at_the_edge() {
    let session = session(
        "2026-05-05T08:00:00Z",
        "2026-05-05T09:00:00Z",
        &[
            ("2026-05-05T07:59:00Z", 1_000),
            ("2026-05-05T08:30:00Z", 5_001_000),
            ("2026-05-05T09:00:03Z", 9_000_000),
        ],
    );
    let cut = cut(&session, &Boundaries::default()).unwrap();
    assert_eq!(cut.periods[0].energy, Energy(5_001_000));
    assert_eq!(cut.periods[1].energy, Energy(3_999_000));
}

#[test]
fn a_session_of_no_length_is_one_period() {
    let session =
        session("2026-05-05T08:00:00Z", "2026-05-05T08:00:00Z", &[("2026-05-05T08:00:01Z", 7)]);
    let cut = cut(&session, &times(&[600])).unwrap();
    assert_eq!(cut.periods.len(), 1);
    assert_eq!(cut.periods[0].energy, Energy(7));
}

#[test]
fn contradictions_are_named() {
    let good = session("2026-05-05T08:00:00Z", "2026-05-05T09:00:00Z", &[]);
    let refused = |change: &dyn Fn(&mut MeteredSession)| {
        let mut bad = good.clone();
        change(&mut bad);
        match cut(&bad, &Boundaries::default()).unwrap_err() {
            CutError::Session { at, .. } => at,
            other => panic!("{other}"),
        }
    };
    assert_eq!(refused(&|s| s.end = Timestamp(0)), "end");
    assert_eq!(refused(&|s| s.time_zone = "Mars/Olympus".into()), "time_zone");
    assert_eq!(refused(&|s| s.activities.clear()), "activities");
    assert_eq!(refused(&|s| s.activities[0].0 = s.end), "activities");
    assert_eq!(refused(&|s| s.energy = vec![(s.start, Energy(-1))]), "energy.0");
    assert_eq!(refused(&|s| s.energy = vec![(s.start, Energy(2)), (s.end, Energy(1))]), "energy.1");
    assert_eq!(refused(&|s| s.power = vec![(s.end, Power(2)), (s.start, Power(1))]), "power.1");
    assert_eq!(refused(&|s| s.end = Timestamp(i64::MAX)), "end");
    // Some 8,000 years.
    assert_eq!(refused(&|s| s.end = Timestamp(250_000_000_000_000)), "periods");
}

#[test]
fn impossible_boundaries_are_named() {
    let refused = |boundaries: Boundaries| match check_boundaries(&boundaries).unwrap_err() {
        CutError::Boundaries { at, .. } | CutError::Session { at, .. } => at,
    };
    let with = Boundaries::default;
    assert_eq!(
        refused(Boundaries { times_of_day: vec![0, 86_400_001], ..with() }),
        "times_of_day.1"
    );
    for date in ["2026-02-30", "2026-2-3", "", "2026-01-01T00:00"] {
        assert_eq!(refused(Boundaries { dates: vec![date.into()], ..with() }), "dates.0");
    }
    assert_eq!(refused(Boundaries { energies: vec![Energy(-1)], ..with() }), "energies");
    assert_eq!(refused(Boundaries { durations: vec![Millis(-1)], ..with() }), "durations");
    assert_eq!(refused(Boundaries { durations: vec![Millis(1); 100_001], ..with() }), "periods");
}

#[test]
fn an_eternal_session_with_many_boundaries_is_refused_not_endless() {
    let session = session("2000-01-01T00:00:00Z", "2026-01-01T00:00:00Z", &[]);
    let every_minute: Vec<u32> = (0..1440).collect();
    assert!(cut(&session, &times(&every_minute)).is_err());
    assert!(cut(&session, &times(&[60])).is_ok());
}

/// SplitMix64: the same sessions in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, most: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % most.unsigned_abs()).cast_signed()
    }

    fn session(&mut self) -> MeteredSession {
        // Sessions around the changes of the clock in 2026, of seconds or days.
        let change =
            [1_774_746_000_000, 1_792_890_000_000][usize::try_from(self.below(2)).unwrap()];
        let start = Timestamp(change - self.below(40 * HOUR));
        let longest = [5, 90 * MINUTE, 80 * HOUR][usize::try_from(self.below(3)).unwrap()];
        let length = self.below(longest);
        let mut session = session("2026-05-05T08:00:00Z", "2026-05-05T08:00:00Z", &[]);
        (session.start, session.end) = (start, start.plus(Millis(length)));
        session.time_zone = ["Europe/Berlin", "America/St_Johns", "UTC", "Asia/Kathmandu"]
            [usize::try_from(self.below(4)).unwrap()]
        .into();
        session.activities = vec![(start, Activity::Charging)];
        let (mut when, mut energy) = (start.0 - 10, 0);
        for _ in 0..self.below(30) {
            when += self.below(length / 10 + 2);
            energy += self.below(3) * self.below(20_000_000);
            session.energy.push((Timestamp(when), Energy(energy)));
            if self.below(3) == 0 {
                session.power.push((Timestamp(when), Power(self.below(3) * 1000)));
                session.activities.push((Timestamp(when.max(start.0)), Activity::PausedByCar));
            }
        }
        session
    }

    fn boundaries(&mut self) -> Boundaries {
        let several = 0..self.below(5);
        Boundaries {
            times_of_day: several.clone().map(|_| self.below(DAY_MS) as u32).collect(),
            dates: vec!["2026-03-29".into()],
            energies: several.clone().map(|_| Energy(self.below(90_000_000))).collect(),
            durations: several.map(|_| Millis(self.below(100 * MINUTE))).collect(),
        }
    }
}

#[test]
fn periods_are_whole_in_order_and_keep_the_energy() {
    let mut seeded = Seeded(1);
    for round in 0..3000 {
        let session = seeded.session();
        let boundaries = seeded.boundaries();
        let cut = cut(&session, &boundaries).unwrap();
        let total = session.energy.last().map_or(0, |(_, energy)| energy.0);
        assert_eq!(cut.periods.iter().map(|p| p.energy.0).sum::<i64>(), total, "round {round}");
        assert_eq!(cut.periods.first().unwrap().start, session.start);
        assert_eq!(cut.periods.last().unwrap().end, session.end);
        for pair in cut.periods.windows(2) {
            assert_eq!(pair[0].end, pair[1].start, "round {round}");
        }
        for period in &cut.periods {
            assert!(period.start < period.end || session.start == session.end, "round {round}");
            assert!(period.energy.0 >= 0, "round {round}");
        }
    }
}

#[test]
fn more_boundaries_only_divide_further() {
    let mut seeded = Seeded(2);
    for round in 0..3000 {
        let session = seeded.session();
        let few = seeded.boundaries();
        let more = seeded.boundaries();
        let both = Boundaries {
            times_of_day: [few.times_of_day.clone(), more.times_of_day].concat(),
            dates: few.dates.clone(),
            energies: few.energies.clone(),
            durations: [few.durations.clone(), more.durations].concat(),
        };
        let coarse = cut(&session, &few).unwrap();
        let fine = cut(&session, &both).unwrap();
        let mut parts = fine.periods.iter().peekable();
        for period in &coarse.periods {
            let mut energy = Energy::ZERO;
            while let Some(part) = parts.next_if(|part| part.end <= period.end) {
                energy = energy.plus(part.energy);
                assert_eq!(part.activity, period.activity, "round {round}");
                assert_eq!(part.utc_offset, period.utc_offset, "round {round}");
                assert_eq!(part.max_power, period.max_power, "round {round}");
            }
            assert_eq!(energy, period.energy, "round {round}");
        }
        assert_eq!(cut(&session, &both).unwrap(), fine, "round {round}");
    }
}

/// Found by fuzzing: a span between times beyond the calendar overflowed.
#[test]
fn times_beyond_the_calendar_are_refused() {
    let mut session = session("2026-05-05T21:00:00Z", "2026-05-05T23:00:00Z", &[]);
    let boundaries = Boundaries { energies: vec![Energy(1)], ..Boundaries::default() };
    for (start, end, field) in [(i64::MIN, i64::MAX, "start"), (0, i64::MAX, "end")] {
        (session.start, session.end) = (Timestamp(start), Timestamp(end));
        session.energy = vec![(session.start, Energy(0)), (session.end, Energy(i64::MAX))];
        session.activities = vec![(session.start, Activity::Charging)];
        let error = cut(&session, &boundaries).unwrap_err();
        let CutError::Session { at, message } = error else { panic!("{error}") };
        assert_eq!(at, field);
        assert!(message.contains("beyond the calendar"), "{message}");
    }
}

/// Found by fuzzing: a plugin's words went into the log at any length.
#[test]
fn a_date_that_is_none_is_told_in_few_words() {
    let boundaries = Boundaries { dates: vec!["9".repeat(60_000)], ..Boundaries::default() };
    let told = check_boundaries(&boundaries).unwrap_err().to_string();
    assert!(told.contains("dates.0") && told.contains("9999") && told.len() < 200, "{told}");
}
