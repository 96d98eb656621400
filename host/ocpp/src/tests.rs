//! Versions and their subprotocols.

use super::*;

#[test]
fn subprotocols_name_versions() {
    for version in Version::ALL {
        assert_eq!(Version::from_subprotocol(version.subprotocol()), Some(version));
    }
    for other in ["", "ocpp", "ocpp1.5", "ocpp2.0", "OCPP1.6", "ocpp1.6 "] {
        assert_eq!(Version::from_subprotocol(other), None);
    }
}
