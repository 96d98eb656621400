//! Failures in a row, and the operator's word.

use super::*;

const PLUGIN: Hash = Hash([7; 32]);

#[test]
fn failures_in_a_row_set_a_plugin_aside_until_it_is_brought_back() {
    let mut quarantine = Quarantine::new(3);
    assert!(!quarantine.failed(PLUGIN));
    assert!(!quarantine.failed(PLUGIN));
    quarantine.succeeded(PLUGIN);
    assert!(!quarantine.failed(PLUGIN));
    assert!(!quarantine.failed(PLUGIN));
    assert!(quarantine.failed(PLUGIN));
    assert!(!quarantine.failed(PLUGIN), "it is said once");
    quarantine.succeeded(PLUGIN);
    assert!(quarantine.is_quarantined(PLUGIN), "an answer in flight does not bring it back");
    assert!(!quarantine.is_quarantined(Hash([8; 32])));
    assert!(quarantine.bring_back(PLUGIN));
    assert!(!quarantine.is_quarantined(PLUGIN));
    assert!(!quarantine.bring_back(PLUGIN));
}

#[test]
fn an_error_about_the_input_is_not_the_plugins_failure() {
    let fault = |at: &str| PriceError::InvalidSession { at: at.into(), message: "no".into() };
    assert!(!Quarantine::is_failure(&fault("periods")));
    assert!(!Quarantine::is_failure(&PriceError::NotApplicable("no".into())));
    assert!(Quarantine::is_failure(&PriceError::Misbehaved("trap".into())));
    assert!(Quarantine::is_failure(&PriceError::Internal("bug".into())));
}
