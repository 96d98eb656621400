//! That two holders of one identity take turns, and that nobody else waits for them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{FEW, Holders};

fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

#[test]
fn a_swap_has_to_wait_for_its_turn_and_then_gets_it() {
    let holders = Holders::new(10);
    let began = Instant::now();
    let (station, other) = ("CS".into(), "OTHER".into());
    let mut held = Vec::new();
    for port in 1..=10 {
        held.push(holders.open(&station, peer(port), began).unwrap());
    }
    let refused = holders.open(&station, peer(11), began).err().unwrap();
    assert_eq!(refused.wait, Duration::from_secs(6));
    assert_eq!(refused.holder, Some(peer(10)));
    assert!(holders.open(&other, peer(1), began).is_ok());
    drop(held);
    // Nobody holds it, and it was opened so often all the same.
    assert_eq!(holders.open(&station, peer(12), began).err().unwrap().holder, None);
    assert!(holders.open(&station, peer(12), began + refused.wait).is_ok());
    assert!(holders.open(&station, peer(12), began + refused.wait).is_err());
}

#[test]
fn what_is_closed_and_need_not_wait_is_forgotten() {
    let holders = Holders::new(10);
    let began = Instant::now();
    let names = |n: usize| format!("CS{n}").as_str().into();
    let _held = holders.open(&"HELD".into(), peer(1), began).unwrap();
    for n in 1..FEW {
        drop(holders.open(&names(n), peer(1), began));
    }
    drop(holders.open(&names(FEW), peer(1), began + Duration::from_secs(60)));
    let table = holders.table.lock().unwrap();
    assert_eq!(table.holders.len(), 2);
}
