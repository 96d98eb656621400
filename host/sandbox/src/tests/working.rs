//! What an honest guest may rely on.

use std::sync::Arc;

use busbar_charging::pricing::PriceError;

use super::guest::Guest;
use super::*;

#[test]
fn a_call_cannot_remember_another() {
    // It says that the second call of an instance is not applicable.
    let price = "(if (i32.load (i32.const 4096)) (then
            (i32.store8 (i32.const 1024) (i32.const 1))
            (i32.store8 (i32.const 1028) (i32.const 2))))
        (i32.store (i32.const 4096) (i32.const 1)) (i32.const 1024)";
    let plugin = load(&sandbox(), &Guest { price, ..Guest::default() }.component());
    for _ in 0..3 {
        assert_eq!(plugin.price(&[], &session(4)), Ok(vec![]));
    }
}

#[test]
fn a_configuration_is_prepared_once() {
    // The compiled form is the address of the text: another one for another call.
    let prepare = "(i32.store (i32.const 1028) (local.get 0))
        (i32.store (i32.const 1032) (local.get 1)) (i32.const 1024)";
    let plugin = load(&sandbox(), &Guest { prepare, ..Guest::default() }.component());
    let once = plugin.prepare("{\"a\": 1}", euro()).unwrap();
    assert_eq!(once.compiled, b"{\"a\": 1}");
    assert!(Arc::ptr_eq(&once, &plugin.prepare("{\"a\": 1}", euro()).unwrap()));
    let krona = Currency::parse("SEK").unwrap();
    let other = plugin.prepare("{\"a\": 1}", krona).unwrap();
    assert!(!Arc::ptr_eq(&once, &other));
    assert_ne!(once.configuration, other.configuration);
}

#[test]
fn a_plugins_own_errors_come_through() {
    // `invalid-session`, with nothing said.
    let price = "(i32.store8 (i32.const 1024) (i32.const 1))
        (i32.store8 (i32.const 1028) (i32.const 1)) (i32.const 1024)";
    let plugin = load(&sandbox(), &Guest { price, ..Guest::default() }.component());
    let error = plugin.price(&[], &session(4)).unwrap_err();
    let expected = PriceError::InvalidSession { at: String::new(), message: String::new() };
    assert_eq!(error, expected);
}

#[test]
fn a_negative_energy_never_reaches_a_plugin() {
    let plugin = load(&sandbox(), &Guest::default().component());
    let mut bad = session(4);
    bad.periods[2].energy = Energy(-1);
    let error = plugin.price(&[], &bad).unwrap_err();
    let PriceError::InvalidSession { at, .. } = error else { panic!("{error:?}") };
    assert_eq!(at, "periods.2.energy");
}

#[test]
fn a_long_session_has_room_and_fuel() {
    // Every period is read: the steps grow with the input, and so does the fuel.
    let price = "(local $n i32) (local $sum i32)
        (local.set $n (local.get 5))
        (loop $next
            (local.set $sum (i32.add (local.get $sum)
                (i32.load (i32.add (local.get 4) (i32.mul (local.get $n) (i32.const 8))))))
            (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (i32.const 1024)";
    let items = "";
    let guest = Guest { price, items, pages: 200, ..Guest::default() };
    let plugin = load(&sandbox(), &guest.component());
    assert_eq!(plugin.price(&[], &session(100_000)), Ok(vec![]));
}

#[test]
fn a_sandbox_outlives_none_of_its_plugins() {
    let plugin = {
        let sandbox = sandbox();
        load(&sandbox, &Guest::default().component())
    };
    assert_eq!(plugin.price(&[], &session(4)), Ok(vec![]));
}
