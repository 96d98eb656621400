//! Who has to wait, and who never does.

use std::net::IpAddr;
use std::time::Instant;

use super::Admission;
use crate::config::Config;

fn address(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

fn admission() -> Admission {
    Admission::new(&Config::parse(None, "[ocpp]\nfailed_logins = 5", Vec::new()).unwrap().ocpp)
}

#[test]
fn one_station_with_a_wrong_password_shuts_out_no_neighbour() {
    let (admission, now) = (admission(), Instant::now());
    for _ in 0..1_000 {
        if admission.wait("WRONG", address(1), now).is_none() {
            admission.failed("WRONG", address(1), now);
        }
    }
    assert!(admission.wait("WRONG", address(1), now).is_some());
    assert!(admission.wait("NEIGHBOUR", address(1), now).is_none());
    assert!(admission.wait("WRONG", address(2), now).is_none());
}

#[test]
fn an_address_that_tries_every_name_has_to_wait() {
    let (admission, now) = (admission(), Instant::now());
    let mut tried = 0;
    for n in 0..1_000 {
        let name = format!("CS{n}");
        if admission.wait(&name, address(1), now).is_none() {
            admission.failed(&name, address(1), now);
            tried += 1;
        }
    }
    assert_eq!(tried, 50);
}

#[test]
fn a_name_that_many_guess_at_gives_each_address_one_try() {
    let (admission, now) = (admission(), Instant::now());
    let mut tried = 0;
    for _ in 0..5 {
        for n in 0..200 {
            if admission.wait("CS", address(n), now).is_none() {
                admission.failed("CS", address(n), now);
                tried += 1;
            }
        }
    }
    assert_eq!(tried, 200, "the station itself may come from a new address");
    assert!(admission.wait("CS", address(201), now).is_none());
}
