//! What is charged: dimensions, step sizes, reservations.

use busbar_sdk::Activity::{
    Charging, Idle, PausedByCar, PausedByLoadControl, PausedByStation, ReservationExpired, Reserved,
};
use busbar_sdk::Dimension;

use super::*;

fn expect(text: &str, session: &Session, expected: &[(&str, i64, i64)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|&(words, quantity, amount)| (words.into(), quantity, amount))
        .collect();
    assert_eq!(lines(text, session), expected, "{text}");
}

#[test]
fn a_dimension_is_priced_by_the_first_active_element_that_has_it() {
    let elements = [
        element(&[("ENERGY", "0.5", 1)], r#""min_kwh": 2"#),
        element(&[("TIME", "6", 1)], ""),
        element(&[("ENERGY", "0.3", 1), ("TIME", "60", 1)], ""),
    ]
    .join(",");
    let session = session(&[(Charging, 10, 2_000), (Charging, 10, 1_000)]);
    let expected = [
        ("energy", 2_000_000, 600_000),
        ("charging time", 20 * MINUTE, 2_000_000),
        ("energy", 1_000_000, 500_000),
    ];
    expect(&tariff(&elements, ""), &session, &expected);
}

#[test]
fn only_the_car_makes_time_parking_time() {
    let text = tariff(&element(&[("TIME", "60", 1), ("PARKING_TIME", "120", 1)], ""), "");
    for (activity, line) in [
        (Charging, ("charging time", 30 * MINUTE, 30_000_000)),
        (PausedByStation, ("charging time", 30 * MINUTE, 30_000_000)),
        (PausedByLoadControl, ("charging time", 30 * MINUTE, 30_000_000)),
        (PausedByCar, ("parking time", 30 * MINUTE, 60_000_000)),
        (Idle, ("parking time", 30 * MINUTE, 60_000_000)),
    ] {
        expect(&text, &session(&[(activity, 30, 0)]), &[line]);
    }
}

#[test]
fn a_start_fee_is_due_once_and_not_for_a_reservation() {
    let text = tariff(
        &[
            element(&[("FLAT", "1", 1), ("ENERGY", "0", 1)], ""),
            element(&[("TIME", "60", 1)], r#""reservation": "RESERVATION""#),
        ]
        .join(","),
        "",
    );
    let paused = [(Charging, 10, 0), (Idle, 10, 0), (Charging, 10, 0)];
    expect(&text, &session(&paused), &[("start fee", 1_000, 1_000_000)]);
    let expired = [("reservation", 10 * MINUTE, 10_000_000)];
    expect(&text, &session(&[(ReservationExpired, 10, 0)]), &expired);
    expect(&text, &session(&[(Charging, 0, 0)]), &[("start fee", 1_000, 1_000_000)]);
}

#[test]
fn energy_is_rounded_up_once_on_what_is_priced() {
    let text = |step| tariff(&element(&[("ENERGY", "1", step)], ""), "");
    let two = session(&[(Charging, 10, 1_100), (Idle, 10, 0), (Charging, 10, 1_100)]);
    expect(&text(500), &two, &[("energy", 2_500_000, 2_500_000)]);
    expect(&text(0), &two, &[("energy", 2_200_000, 2_200_000)]);
    expect(&text(500), &session(&[(Charging, 10, 0)]), &[]);
    expect(&text(500), &session(&[(Charging, 10, 500)]), &[("energy", 500_000, 500_000)]);
}

#[test]
fn the_extra_energy_goes_to_the_last_element_that_priced_any() {
    let elements = [
        element(&[("ENERGY", "1", 1000)], r#""max_kwh": 1"#),
        element(&[("ENERGY", "2", 500)], r#""max_kwh": 2"#),
        element(&[("PARKING_TIME", "0", 1)], ""),
    ]
    .join(",");
    let session = session(&[(Charging, 10, 1_000), (Charging, 1, 1_100), (Charging, 10, 4_000)]);
    let expected = [("energy", 1_000_000, 1_000_000), ("energy", 1_500_000, 3_000_000)];
    expect(&tariff(&elements, ""), &session, &expected);
}

#[test]
fn charging_and_parking_time_are_rounded_once_by_the_last_that_was_priced() {
    let text = tariff(&element(&[("TIME", "60", 600), ("PARKING_TIME", "120", 900)], ""), "");
    let charging = |minutes, amount| ("charging time", minutes * MINUTE, amount);
    let parking = |minutes, amount| ("parking time", minutes * MINUTE, amount);
    for (periods, expected) in [
        (vec![(Charging, 21, 0)], vec![charging(30, 30_000_000)]),
        (
            vec![(Charging, 21, 0), (Idle, 7, 0)],
            vec![charging(21, 21_000_000), parking(15, 30_000_000)],
        ),
        (
            vec![(Idle, 7, 0), (Charging, 21, 0)],
            vec![parking(7, 14_000_000), charging(30, 30_000_000)],
        ),
        (
            vec![(Charging, 5, 0), (Idle, 7, 0), (Charging, 6, 0)],
            vec![charging(20, 20_000_000), parking(7, 14_000_000)],
        ),
        (vec![(Charging, 21, 0), (Idle, 0, 0)], vec![charging(30, 30_000_000)]),
    ] {
        expect(&text, &session(&periods), &expected);
    }
}

#[test]
fn nothing_is_rounded_on_an_unpriced_tail() {
    let elements = [
        element(&[("PARKING_TIME", "60", 900)], r#""end_time": "13:10""#),
        element(&[("TIME", "60", 600)], ""),
    ]
    .join(",");
    let session = session(&[(Charging, 2, 0), (Idle, 8, 0), (Idle, 12, 0)]);
    let expected =
        [("charging time", 2 * MINUTE, 2_000_000), ("parking time", 15 * MINUTE, 15_000_000)];
    expect(&tariff(&elements, ""), &session, &expected);
}

#[test]
fn a_reservation_is_rounded_by_itself() {
    let elements = [
        element(&[("TIME", "60", 600)], r#""reservation": "RESERVATION""#),
        element(&[("TIME", "60", 300)], ""),
    ]
    .join(",");
    let session = session(&[(Reserved, 12, 0), (Charging, 12, 0)]);
    let expected =
        [("reservation", 20 * MINUTE, 20_000_000), ("charging time", 15 * MINUTE, 15_000_000)];
    expect(&tariff(&elements, ""), &session, &expected);
}

#[test]
fn an_expired_reservation_costs_both_fees_and_its_own_time() {
    let reservation = element(
        &[("FLAT", "2", 1), ("TIME", "60", 1), ("ENERGY", "1", 1)],
        r#""reservation": "RESERVATION""#,
    );
    let fee = element(&[("FLAT", "4", 1)], r#""reservation": "RESERVATION_EXPIRES""#);
    let time = element(&[("TIME", "120", 1)], r#""reservation": "RESERVATION_EXPIRES""#);
    let charging = element(&[("FLAT", "1", 1), ("ENERGY", "1", 1)], "");
    let all = tariff(&[&*fee, &reservation, &time, &charging].join(","), "");
    let expected = [
        ("reservation fee", 1_000, 2_000_000),
        ("expired reservation", 1_000, 4_000_000),
        ("expired reservation", 10 * MINUTE, 20_000_000),
    ];
    expect(&all, &session(&[(ReservationExpired, 10, 0)]), &expected);
    // The host may say only at the end that it expired.
    expect(&all, &session(&[(Reserved, 10, 0), (ReservationExpired, 0, 0)]), &expected);
    let without_time = tariff(&[&*fee, &reservation, &charging].join(","), "");
    let expected = [expected[0], expected[1], ("reservation", 10 * MINUTE, 10_000_000)];
    expect(&without_time, &session(&[(ReservationExpired, 10, 0)]), &expected);
    let used = [
        ("reservation fee", 1_000, 2_000_000),
        ("reservation", 10 * MINUTE, 10_000_000),
        ("start fee", 1_000, 1_000_000),
        ("energy", 1_000_000, 1_000_000),
    ];
    expect(&all, &session(&[(Reserved, 10, 0), (Charging, 10, 1_000)]), &used);
}

#[test]
fn what_no_element_covers_is_not_applicable_and_never_free() {
    let charging = tariff(&element(&[("ENERGY", "1", 1)], ""), "");
    let reserved = element(&[("TIME", "60", 1)], r#""reservation": "RESERVATION""#);
    let later = element(&[("ENERGY", "1", 1)], r#""start_date": "2027-01-01""#);
    for (text, periods) in [
        (charging.clone(), (ReservationExpired, 10, 0)),
        (tariff(&reserved, ""), (Charging, 10, 1_000)),
        (tariff(&later, ""), (Charging, 10, 1_000)),
        (
            tariff(
                &element(&[("ENERGY", "1", 1)], ""),
                r#", "end_date_time": "2026-01-01T12:00:00Z""#,
            ),
            (Charging, 10, 1_000),
        ),
        (
            tariff(
                &element(&[("ENERGY", "1", 1)], ""),
                r#", "start_date_time": "2026-01-01T12:00:01Z""#,
            ),
            (Charging, 10, 1_000),
        ),
    ] {
        let refused = priced(&text, &session(&[periods]));
        assert!(matches!(refused, Err(Error::NotApplicable(_))), "{text}: {refused:?}");
    }
    // The first instant of a tariff is covered.
    let from = tariff(
        &element(&[("ENERGY", "1", 1)], ""),
        r#", "start_date_time": "2026-01-01T12:00:00Z", "end_date_time": "2026-01-01T12:00:01Z""#,
    );
    let energy = [("energy", 1_000_000, 1_000_000)];
    expect(&from, &session(&[(Charging, 10, 1_000)]), &energy);
    // An element that ends where it begins is never active, and no mistake.
    let never = element(&[("ENERGY", "9", 1)], r#""min_kwh": 0, "max_kwh": 0"#);
    let never = tariff(&[never, element(&[("ENERGY", "1", 1)], "")].join(","), "");
    expect(&never, &session(&[(Charging, 10, 1_000)]), &energy);
    // Another dimension than the tariff prices is free.
    expect(&charging, &session(&[(Idle, 10, 0)]), &[]);
}

#[test]
fn after_a_reservation_durations_count_from_the_start_of_charging() {
    let elements = [
        element(&[("TIME", "60", 1)], r#""max_duration": 600"#),
        element(&[("TIME", "120", 1)], ""),
        element(&[("TIME", "6", 1)], r#""reservation": "RESERVATION", "max_duration": 900"#),
    ]
    .join(",");
    // The host cuts at ten minutes, and there the car has charged for two.
    let session = session(&[(Reserved, 8, 0), (Charging, 2, 0), (Charging, 20, 0)]);
    let expected = [
        ("reservation", 8 * MINUTE, 800_000),
        ("charging time", 10 * MINUTE, 10_000_000),
        ("charging time", 12 * MINUTE, 24_000_000),
    ];
    expect(&tariff(&elements, ""), &session, &expected);
}

#[test]
fn local_time_decides() {
    // 12:00 UTC is 13:00 at the site.
    let elements = [
        element(&[("ENERGY", "1", 1)], r#""start_time": "13:00", "day_of_week": ["THURSDAY"]"#),
        element(&[("ENERGY", "2", 1)], ""),
    ]
    .join(",");
    let text = tariff(&elements, "");
    let mut session = session(&[(Charging, 10, 1_000)]);
    expect(&text, &session, &[("energy", 1_000_000, 1_000_000)]);
    session.periods[0].utc_offset = 0;
    expect(&text, &session, &[("energy", 1_000_000, 2_000_000)]);
}

#[test]
fn a_running_cost_is_what_the_session_would_cost_now() {
    let text = tariff(&element(&[("TIME", "60", 600)], ""), r#", "min_price": 20"#);
    let complete = session(&[(Charging, 12, 0)]);
    let running = Session { complete: false, ..complete.clone() };
    assert_eq!(lines(&text, &running), lines(&text, &complete));
}

#[test]
fn lines_say_what_they_cover() {
    let elements = [
        element(&[("ENERGY", "1", 1)], r#""max_duration": 600"#),
        element(&[("ENERGY", "2", 1)], ""),
    ]
    .join(",");
    let session = session(&[(Charging, 5, 10), (Charging, 5, 10), (Idle, 5, 0), (Charging, 5, 10)]);
    let lines = priced(&tariff(&elements, ""), &session).unwrap();
    let covered: Vec<_> =
        lines.iter().map(|line| (line.start - session.start, line.end - session.start)).collect();
    assert_eq!(covered, [(0, 10 * MINUTE), (15 * MINUTE, 20 * MINUTE)]);
    assert!(lines.iter().all(|line| line.dimension == Dimension::Energy));
}

#[test]
fn a_session_that_contradicts_itself_is_refused() {
    let text = tariff(&element(&[("ENERGY", "1", 1)], ""), "");
    let good = session(&[(Charging, 10, 1_000), (Idle, 10, 0)]);
    let mut overlapping = good.clone();
    overlapping.periods[1].start -= 1;
    let mut backwards = good.clone();
    backwards.periods[0].end = backwards.start - HOUR;
    let mut too_long = good.clone();
    too_long.periods[1].end += 1;
    let mut huge = good.clone();
    huge.periods[0].energy = u64::MAX;
    let empty = Session { periods: vec![], ..good };
    let reserved = session(&[(Reserved, 10, 1)]);
    for (session, at) in [
        (overlapping, "periods/1"),
        (backwards, "periods/0"),
        (too_long, "periods/1"),
        (huge, "periods/0/energy"),
        (empty, "periods"),
        (reserved, "periods/0/energy"),
    ] {
        match priced(&text, &session) {
            Err(Error::InvalidSession(fault)) => assert_eq!(fault.at, at),
            other => panic!("{at}: {other:?}"),
        }
    }
}
