//! Pages and their cursors.

use busbar_charging::subject::Table;

use super::{Listing, cursor, limit, to_cursor};

#[test]
fn a_cursor_belongs_to_its_list() {
    let text = to_cursor("tokens", "04AB\0ISO14443");
    assert_eq!(cursor("tokens", Some(&text)).unwrap().as_deref(), Some("04AB\0ISO14443"));
    assert!(cursor("tokens", None).unwrap().is_none());
    assert!(cursor("cdrs", Some(&text)).is_err());
    for wrong in ["", "%", "tokens", "dG9rZW5z", "////", "' OR 1=1 --"] {
        assert!(cursor("tokens", Some(wrong)).is_err(), "{wrong}");
    }
    let other = Listing::new(
        Table::Transaction,
        "CS2\0",
        false,
        None,
        Some(&to_cursor("transactions", "CS1\u{0}1")),
    );
    assert!(other.is_err());
}

#[test]
fn limits_are_limited() {
    assert_eq!(limit(None).unwrap(), 50);
    assert_eq!(limit(Some(500)).unwrap(), 500);
    assert!(limit(Some(0)).is_err());
    assert!(limit(Some(501)).is_err());
}
