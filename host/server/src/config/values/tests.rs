//! The values of a configuration, as texts.

use std::time::Duration;

use super::{Cidr, duration, size};

#[test]
fn spans_have_a_unit() {
    let table = [("250ms", 250), ("5s", 5_000), ("15m", 900_000), ("1 h", 3_600_000), ("0s", 0)];
    for (text, millis) in table {
        assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }
    for wrong in ["", "5", "s", "-1s", "1.5h", "5 minutes", "99999999999999999999s", "20000d"] {
        assert!(duration(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn sizes_are_in_bytes_or_name_a_unit() {
    for (text, bytes) in [("7", 7), ("512KiB", 524_288), ("64 MiB", 67_108_864), ("2B", 2)] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
    for wrong in ["", "MiB", "1MB", "-1", "1.5GiB", "99999999TiB"] {
        assert!(size(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn networks_contain_their_addresses() {
    let table = [
        ("10.0.0.0/8", "10.1.2.3", true),
        ("10.0.0.0/8", "11.1.2.3", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("10.0.0.0/8", "::a", false),
        ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.7", "192.0.2.8", false),
        ("0.0.0.0/0", "203.0.113.9", true),
        ("::/0", "2001:db8::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
    ];
    for (network, address, inside) in table {
        let parsed = Cidr::parse(network).unwrap();
        assert_eq!(parsed.contains(address.parse().unwrap()), inside, "{network} {address}");
    }
    for wrong in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "::/129", "a/8", "1.2.3.4/"] {
        assert!(Cidr::parse(wrong).is_err(), "{wrong}");
    }
}
