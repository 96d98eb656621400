//! Proves that what was written is read back, and that no change goes unnoticed.

use busbar_charging::fact::station::StationRemoved;
use busbar_charging::fact::{Actor, Fact};

use super::*;
use crate::parts;

fn fact(n: u64) -> PlacedFact {
    let station = format!("S{}", n % 3);
    let subject = Subject::Station(station.as_str().into());
    let position = Position { shard: subject.shard(), sequence: n };
    let body = StationRemoved {
        at: Timestamp(n as i64),
        actor: Actor::User("x".repeat(n as usize * 10).into()),
        station: station.as_str().into(),
    };
    (position, subject, Fact::from(body))
}

#[test]
fn a_block_is_read_back() {
    for count in [0, 1, 50] {
        let facts: Vec<_> = (0..count).map(fact).collect();
        let body = encode_block(&facts).unwrap();
        let sealed = Sealer::new().unwrap().seal(Kind::Block, 9, &body).unwrap();
        let (number, body) = unseal(Kind::Block, &sealed).unwrap();
        assert_eq!((number, decode_block(&body).unwrap()), (9, facts));
    }
}

#[test]
fn a_snapshot_is_read_back() {
    let (position, subject, fact) = fact(4);
    let snapshot = Snapshot { subject, position, at: Timestamp(5), facts: vec![fact; 3] };
    let read = decode_snapshot(&encode_snapshot(&snapshot).unwrap()).unwrap();
    assert_eq!(read.facts, snapshot.facts);
    assert_eq!((read.subject, read.position, read.at), (snapshot.subject, position, snapshot.at));
}

#[test]
fn every_changed_bit_is_noticed() {
    let body = encode_block(&[fact(1), fact(2)]).unwrap();
    let sealed = Sealer::new().unwrap().seal(Kind::Block, 9, &body).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut damaged = sealed.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(unseal(Kind::Block, &damaged).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(unseal(Kind::Block, &sealed[..length]).is_err(), "cut at {length}");
    }
    assert!(unseal(Kind::Snapshot, &sealed).is_err());
}

#[test]
fn parts_are_small_and_all_are_needed() {
    for length in [0, 1, parts::PART_BYTES - 4, parts::PART_BYTES - 3, 100_000] {
        let value: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let cut = parts::cut(&value).unwrap();
        assert!(cut.iter().all(|(_, part)| part.len() <= parts::PART_BYTES));
        assert_eq!(parts::count(&cut[0].1).map(usize::from), Some(cut.len()));
        let all = cut.iter().map(|(_, part)| part.as_slice());
        assert_eq!(parts::join(all.clone()), Some(value));
        assert_eq!(parts::join(all.take(cut.len() - 1)), None);
    }
}

/// A length that no packed body of its size can have costs no memory.
#[test]
fn a_length_that_cannot_be_is_refused_before_it_is_believed() {
    let sealed = Sealer::new().unwrap().seal(Kind::Block, 9, &[7; 1_000]).unwrap();
    for (raw, words) in [(1 << 30, "claims to hold"), (1_001, ""), (999, "unpacked")] {
        let (mut forged, packed) = (sealed[..HEADER_BYTES].to_vec(), &sealed[HEADER_BYTES..]);
        forged[10..14].copy_from_slice(&u32::to_be_bytes(raw));
        let sum = checksum(&forged[..14], packed);
        forged[14..18].copy_from_slice(&sum.to_be_bytes());
        forged.extend(packed);
        match unseal(Kind::Block, &forged) {
            Ok((_, body)) => assert_eq!((words, body), ("", vec![7; 1_000])),
            Err(error) => assert!(!words.is_empty() && error.contains(words), "{raw}: {error}"),
        }
    }
}
