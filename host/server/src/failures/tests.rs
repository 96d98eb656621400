//! That a minute begins whenever one likes, and that nobody else is counted.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Failures, TOLD_APART, network};

#[test]
fn so_many_are_borne_in_any_minute() {
    let failures = Failures::new(20);
    let began = Instant::now();
    let at = |seconds: u64| began + Duration::from_secs(seconds);
    // As fast as one can, over three minutes: a window that is reset would let 20 more in.
    let mut tried = 0;
    for second in 0..180 {
        for _ in 0..100 {
            if failures.wait(&"a", at(second)).is_none() {
                failures.failed("a", at(second));
                tried += 1;
            }
        }
        assert!(failures.wait(&"b", at(second)).is_none());
    }
    assert!((75..=80).contains(&tried), "{tried}");
    let wait = failures.wait(&"a", at(179)).unwrap();
    assert!(wait <= Duration::from_secs(3), "{wait:?}");
    assert!(failures.has_failed(&"a", at(200)));
    assert!(!failures.has_failed(&"a", at(300)));
}

#[test]
fn a_flood_of_names_costs_no_memory_and_is_forgotten() {
    let failures = Failures::new(20);
    let began = Instant::now();
    for name in 0..2 * TOLD_APART {
        failures.failed(name, began);
    }
    assert_eq!(failures.table.lock().unwrap().levels.len(), TOLD_APART);
    let later = began + Duration::from_secs(60);
    failures.failed(usize::MAX, later);
    assert_eq!(failures.table.lock().unwrap().levels.len(), 1);
}

#[test]
fn a_network_is_one_address() {
    let one = |text: &str| network(text.parse::<IpAddr>().unwrap()).to_string();
    assert_eq!(one("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(one("192.0.2.7"), "192.0.2.7");
    assert_eq!(one("::ffff:192.0.2.7"), "192.0.2.7");
}
