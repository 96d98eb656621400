//! Proves that the functions read what the store writes, and name what they refuse.

use busbar_charging::fact::station::StationRemoved;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::subject::Subject;
use busbar_charging::units::Timestamp;
use busbar_engine::store::Position;

use super::*;

fn facts() -> Vec<PlacedFact> {
    let at = Timestamp(7);
    let body = StationRemoved { at, actor: Actor::Clock, station: "S".into() };
    let position = Position { shard: 3, sequence: 1 };
    vec![(position, Subject::Station("S".into()), Fact::from(body))]
}

#[test]
fn a_block_is_read_under_its_number_only() {
    let sealed = write_block(9, &facts()).unwrap();
    assert_eq!(read_block(9, &sealed).unwrap(), facts());
    let error = read_block(8, &sealed).unwrap_err().to_string();
    assert!(error.contains("block 8") && error.contains("it is 9"), "{error}");
    let error = read_block(9, &sealed[..20]).unwrap_err().to_string();
    assert!(error.contains("block 9") && error.contains("checksum"), "{error}");
}

#[test]
fn a_file_of_blocks_is_read_up_to_its_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.blocks");
    let mut bytes = crate::archive::MAGIC.to_vec();
    for number in [1, 2] {
        let sealed = write_block(number, &facts()).unwrap();
        crate::archive::write_block(&mut bytes, &sealed).unwrap();
    }
    std::fs::write(&path, &bytes).unwrap();
    let (blocks, error) = read_block_file(&path).unwrap();
    assert_eq!((blocks, error.is_none()), (vec![(1, facts()), (2, facts())], true));
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let (blocks, error) = read_block_file(&path).unwrap();
    assert_eq!(blocks.len(), 1);
    assert!(error.unwrap().to_string().contains("at byte"));
}
