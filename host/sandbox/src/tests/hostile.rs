//! Loops, traps, bombs, lies.

use std::time::{Duration, Instant};

use busbar_charging::pricing::PriceError;
use busbar_charging::pricing::bill::add_up;

use super::guest::Guest;
use super::*;

/// Prices with a hostile guest, and then with an honest one on the same engine.
fn contained(sandbox: &Sandbox, guest: Guest<'_>) -> String {
    let plugin = load(sandbox, &guest.component());
    let before = Instant::now();
    let error = plugin.price(&[], &session(4)).unwrap_err();
    let took = before.elapsed();
    let deadline = Duration::from_millis(Limits::default().deadline_ms);
    assert!(took < deadline * 4, "it took {took:?}");
    assert_eq!(load(sandbox, &Guest::default().component()).price(&[], &session(4)), Ok(vec![]));
    match error {
        PriceError::Misbehaved(words) => words,
        other => panic!("{other:?}"),
    }
}

fn has(words: &str, parts: &[&str]) {
    for part in parts {
        assert!(words.contains(part), "no {part:?} in {words:?}");
    }
}

const LOOP: Guest<'_> = Guest {
    price: "(loop $again (br $again)) unreachable",
    prepare: "(loop $again (br $again)) unreachable",
    items: "",
    pages: 4,
};

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let words = contained(&sandbox(), LOOP);
    has(&words, &["plugin guest 1.0.0, price:", "ran out of fuel", "at price"]);
}

#[test]
fn what_fuel_does_not_see_meets_the_deadline() {
    let limits = Limits { fuel: u64::MAX, deadline_ms: 20, ..Limits::default() };
    let words = contained(&with_limits(limits), LOOP);
    has(&words, &["price: ran past its deadline of 20 ms", "at price"]);
}

#[test]
fn prepare_has_the_same_limits() {
    let error = load(&sandbox(), &LOOP.component()).prepare("{}", euro()).unwrap_err();
    let PriceError::Misbehaved(words) = error else { panic!("{error:?}") };
    has(&words, &["plugin guest 1.0.0, prepare: ran out of fuel", "at prepare"]);
}

#[test]
fn a_trap_says_where_in_the_guest_it_was() {
    let items = "(func $tariff_engine::step_size unreachable)";
    let price = "call $tariff_engine::step_size unreachable";
    let words = contained(&sandbox(), Guest { price, items, ..Guest::default() });
    has(&words, &["price: trap: unreachable", "at tariff_engine::step_size (0x", "at price"]);
    let price = "(i32.div_u (i32.const 1) (i32.const 0))";
    has(&contained(&sandbox(), Guest { price, ..Guest::default() }), &["divide by zero"]);
    let price = "(i32.load (i32.const -8))";
    has(&contained(&sandbox(), Guest { price, ..Guest::default() }), &["out of bounds memory"]);
}

#[test]
fn a_memory_bomb_is_stopped_where_it_would_grow() {
    let price = "(loop $more (drop (memory.grow (i32.const 16))) (br $more)) unreachable";
    let words = contained(&sandbox(), Guest { price, ..Guest::default() });
    has(&words, &["price: forcing", "grow"]);
}

#[test]
fn a_table_bomb_is_stopped_where_it_would_grow() {
    let items = "(table $table 1 funcref)";
    let price = "(loop $more (drop (table.grow $table (ref.null func) (i32.const 1000)))
        (br $more)) unreachable";
    let words = contained(&sandbox(), Guest { price, items, ..Guest::default() });
    has(&words, &["price: forcing", "table"]);
}

#[test]
fn a_stack_overflow_costs_its_call() {
    let items = "(func $down (param i32) (result i32)
        (i32.add (call $down (local.get 0)) (local.get 0)))";
    let price = "(call $down (i32.const 1))";
    let words = contained(&sandbox(), Guest { price, items, ..Guest::default() });
    has(&words, &["price: trap: stack overflow", "at down"]);
}

#[test]
fn a_huge_answer_is_not_copied() {
    // 600,000 lines in 48 MB of memory.
    let price = "(i32.store (i32.const 1032) (i32.const 600000))
        (i32.store (i32.const 1028) (i32.const 8192)) (i32.const 1024)";
    let words = contained(&sandbox(), Guest { price, pages: 750, ..Guest::default() });
    has(&words, &["price: too much data is being copied"]);
}

#[test]
fn an_answer_outside_its_memory_is_refused() {
    let price = "(i32.store (i32.const 1032) (i32.const 600000))
        (i32.store (i32.const 1028) (i32.const 8192)) (i32.const 1024)";
    has(&contained(&sandbox(), Guest { price, ..Guest::default() }), &["price:", "out of bounds"]);
    has(&contained(&sandbox(), Guest { price: "i32.const -4", ..Guest::default() }), &["price:"]);
}

#[test]
fn values_that_do_not_exist_are_refused() {
    // An error of the kind 77, and a line with a dimension of 200.
    let price = "(i32.store8 (i32.const 1024) (i32.const 77)) (i32.const 1024)";
    has(&contained(&sandbox(), Guest { price, ..Guest::default() }), &["price:", "discriminant"]);
    let price = "(i32.store (i32.const 1028) (i32.const 2048))
        (i32.store (i32.const 1032) (i32.const 1))
        (i32.store8 (i32.const 2048) (i32.const 200)) (i32.const 1024)";
    has(&contained(&sandbox(), Guest { price, ..Guest::default() }), &["price:", "discriminant"]);
    // Text that is not UTF-8, as the reason of `internal`.
    let items = r#"(data (i32.const 1024) "\01\00\00\00\03\00\00\00\00\10\00\00\02\00\00\00")
        (data (i32.const 4096) "\ff\fe")"#;
    has(&contained(&sandbox(), Guest { items, ..Guest::default() }), &["price:", "utf-8"]);
}

#[test]
fn nonsense_totals_are_found_by_the_host() {
    // One line: 1 kWh at 0.30, and 99.00 to pay for it.
    let price = "(i32.store (i32.const 1028) (i32.const 2048))
        (i32.store (i32.const 1032) (i32.const 1))
        (i64.store (i32.const 2064) (i64.const 1000000))
        (i64.store (i32.const 2080) (i64.const 300000))
        (i64.store (i32.const 2088) (i64.const 99000000)) (i32.const 1024)";
    let plugin = load(&sandbox(), &Guest { price, ..Guest::default() }.component());
    let lines = plugin.price(&[], &session(4)).unwrap();
    assert_eq!((lines[0].quantity, lines[0].amount.0), (1_000_000, 99_000_000));
    let error = add_up(&lines, euro(), false).unwrap_err();
    let PriceError::Misbehaved(words) = error else { panic!("{error:?}") };
    has(&words, &["line 0", "is not quantity times unit price"]);
}

#[test]
fn impossible_boundaries_are_refused_before_the_tariff_is_accepted() {
    // One time of day: 0xFFFFFFFF ms after midnight; then one energy of 2^64-1 mWh.
    let prepare = "(i32.store (i32.const 1036) (i32.const 2048))
        (i32.store (i32.const 1040) (i32.const 1))
        (i32.store (i32.const 2048) (i32.const -1)) (i32.const 1024)";
    let plugin = load(&sandbox(), &Guest { prepare, ..Guest::default() }.component());
    let error = plugin.prepare("{}", euro()).unwrap_err();
    let PriceError::Misbehaved(words) = error else { panic!("{error:?}") };
    has(&words, &["plugin guest 1.0.0, prepare:", "times_of_day.0", "not within a day"]);
    let prepare = "(i32.store (i32.const 1052) (i32.const 2048))
        (i32.store (i32.const 1056) (i32.const 1))
        (i64.store (i32.const 2048) (i64.const -1)) (i32.const 1024)";
    let plugin = load(&sandbox(), &Guest { prepare, ..Guest::default() }.component());
    let error = plugin.prepare("{}", euro()).unwrap_err();
    let PriceError::Misbehaved(words) = error else { panic!("{error:?}") };
    has(&words, &["prepare:", "energies.0", "beyond all bounds"]);
}

#[test]
fn a_compiled_form_and_a_configuration_have_a_largest_size() {
    let prepare = "(i32.store (i32.const 1032) (i32.const 2000000)) (i32.const 1024)";
    let guest = Guest { prepare, pages: 64, ..Guest::default() };
    let plugin = load(&sandbox(), &guest.component());
    let error = plugin.prepare("{}", euro()).unwrap_err();
    let PriceError::Misbehaved(words) = error else { panic!("{error:?}") };
    has(&words, &["prepare: a compiled form of 2000000 bytes"]);
    let error = plugin.prepare(&" ".repeat(2_000_000), euro()).unwrap_err();
    assert!(matches!(error, PriceError::InvalidConfiguration { .. }), "{error:?}");
}

#[test]
fn hostile_and_honest_calls_run_side_by_side() {
    let limits = Limits { concurrent_calls: 3, ..Limits::default() };
    let sandbox = with_limits(limits);
    let hostile = load(&sandbox, &LOOP.component());
    let honest = load(&sandbox, &Guest::default().component());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert!(hostile.price(&[], &session(4)).is_err());
                }
            });
            scope.spawn(|| {
                for _ in 0..500 {
                    assert_eq!(honest.price(&[], &session(4)), Ok(vec![]));
                }
            });
        }
    });
}
