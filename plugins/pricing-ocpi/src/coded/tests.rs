//! Every field of a tariff there and back, and bytes that are none.

use super::*;

fn full() -> Tariff {
    let component = |dimension, step_size| Component {
        dimension,
        price: -250_000,
        step_size,
        taxes: vec![
            Rate { name: "GST".into(), rate: 50_000 },
            Rate { name: "QST".into(), rate: 99_750 },
        ],
    };
    let when = Restrictions {
        start_time: Some(1),
        end_time: Some(2),
        start_date: Some(-3),
        end_date: Some(4),
        min_energy: Some(5),
        max_energy: Some(6),
        min_current: Some(7),
        max_current: Some(8),
        min_power: Some(9),
        max_power: Some(10),
        min_duration: Some(11),
        max_duration: Some(12),
        days: 0b101,
        reservation: Some(Reservation::Expires),
    };
    let components = vec![
        component(Dimension::Energy, 1),
        component(Dimension::Time, 300),
        component(Dimension::ParkingTime, 0),
        component(Dimension::Flat, u64::MAX),
    ];
    let bare = Element { when: Restrictions::default(), components: components.clone() };
    let partial = Restrictions { max_power: Some(0), ..Restrictions::default() };
    Tariff {
        taxation: Taxation::Inside,
        valid_from: Some(-1),
        valid_until: None,
        min_price: Limit { excl: Some(1), incl: None },
        max_price: Limit { excl: None, incl: Some(i64::MAX) },
        elements: vec![
            Element { when, components: components.clone() },
            bare,
            Element { when: partial, components },
        ],
    }
}

#[test]
fn a_tariff_survives_its_compiled_form() {
    assert_eq!(read(&write(&full())), Ok(full()));
    assert_eq!(read(&write(&Tariff::default())), Ok(Tariff::default()));
}

#[test]
fn what_this_plugin_did_not_write_is_refused_and_never_panics() {
    let bytes = write(&full());
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "cut at {length}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(read(&longer).is_err());
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << bit;
            let _refused_or_another_tariff = read(&changed);
        }
    }
    assert!(read(b"{}").is_err());
}
