//! Stored facts. What is read is written and read as the same; what cannot be read is named. The
//! input is the name of a fact with its version, a line break, and its CBOR. Must never apply
//! one.

use busbar_charging::fact::Fact;

/// Reads a fact.
pub fn check(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let Ok(name) = std::str::from_utf8(&data[..end]) else { return };
    let fact = match Fact::decode(name, &data[end + 1..]) {
        Ok(fact) => fact,
        Err(error) => {
            assert_eq!(error.name, name);
            assert!(!error.reason.is_empty(), "an error without a reason");
            return;
        }
    };
    assert_eq!(fact.name(), name);
    let written = fact.encode().expect("what was read can be written");
    let again = Fact::decode(name, &written).expect("what was written can be read");
    assert_eq!(again, fact);
    assert_eq!(again.encode().as_ref(), Ok(&written), "written otherwise the second time");
}
