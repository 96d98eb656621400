//! Which addresses are taken and which are not. Must never open a socket.

use super::*;

#[test]
fn an_address_that_is_none_is_refused_with_its_text() {
    for url in ["http://127.0.0.1:9000", "127.0.0.1:9000", "ws://no port here:x/ocpp"] {
        let error = Target::new(url, None).err().expect("an error");
        assert!(error.contains(url.trim_start_matches("ws://").split('/').next().expect("text")));
    }
    let error = Target::new("wss://127.0.0.1:9000/ocpp", None).err().expect("an error");
    assert!(error.contains("authority"), "{error}");
}

#[test]
fn an_identity_is_encoded_as_a_part_of_a_path() {
    assert_eq!(encoded("RDAM|12 3/x"), "RDAM%7C12%203%2Fx");
}
