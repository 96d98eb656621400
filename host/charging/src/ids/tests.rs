//! Ids: what they are made from and how they are compared.

use super::*;

#[test]
fn rfid_values_are_compared_without_case_and_others_with() {
    let rfid = |value| IdToken::new(TokenKind::Iso14443, value);
    assert_eq!(rfid("04a1b2"), rfid("04A1B2"));
    let contract = |value| IdToken::new(TokenKind::EMaid, value);
    assert_ne!(contract("de-abc"), contract("DE-ABC"));
}

#[test]
fn a_token_in_a_log_does_not_show_its_value() {
    let token = IdToken::new(TokenKind::Iso14443, "04A1B2C3");
    assert_eq!(format!("{token:?}"), "ISO14443:0…3");
}

#[test]
fn uuids_are_version_7_in_order_of_time_and_differ_within_an_input() {
    let ids = Ids { seed: 0x1234_5678_9ABC_DEF0_0FED_CBA9_8765_4321 };
    let first = ids.uuid(Timestamp(1_700_000_000_000), 0);
    let second = ids.uuid(Timestamp(1_700_000_000_000), 1);
    let later = ids.uuid(Timestamp(1_700_000_000_001), 0);
    assert_eq!(first.get_version_num(), 7);
    assert_ne!(first, second);
    assert!(later > first && later > second);
}

#[test]
fn hashes_read_what_they_print() {
    let hash = Hash([0xA5; 32]);
    assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
    assert_eq!(Hash([0x1F; 32]).to_string(), "1f".repeat(32));
    for bad in ["", "a5", &"g".repeat(64), &"é".repeat(32)] {
        assert_eq!(Hash::parse(bad), None);
    }
}
