//! The tree: what people write, what is wrong with it, what it becomes.

mod battery;

use std::collections::BTreeSet;

use super::*;
use crate::load::legs::{Legs, Line};
use crate::load::rows::{RowKind, beside};
use crate::units::Power;

const SITE: &str = r#"
    voltage = 230

    [[circuit]]
    name = "grid connection"
    kind = "grid"
    current = "170 A"
    power = "100 kW"
    imbalance = "4.6 kVA"
    base_load = ["60 A", "55.5 A", 40000]
    reserve = "2 A"

    [[circuit.external]]
    source = "dso"
    timeout_seconds = 120
    fallback_power = "30 kW"

    [[circuit]]
    name = "feeder B"
    parent = "grid connection"
    current = "63 A"

    [[evse]]
    evse = "CS-1/1"
    circuit = "feeder B"
    phases = "L2 L3 L1"
    max = "32 A"
    fallback = "6 A"

    [[evse]]
    evse = "CS-1/2"
    circuit = "grid connection"
    phases = "L2"
    max = "16"
    fallback = "0 A"
"#;

fn tree(text: &str) -> Tree {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn site() -> Tree {
    tree(&SITE.replace("max = \"16\"", "max = \"16 A\""))
}

fn compiled(tree: &Tree) -> Rows {
    tree.compile(None).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn problems(tree: &Tree) -> Vec<String> {
    match tree.compile(None) {
        Ok(_) => panic!("nothing is wrong with it"),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// The coefficient of an EVSE in the row of that name, in thousandths.
fn coefficient(rows: &Rows, name: &str, evse: u32, legs: Legs) -> u32 {
    let row = rows.rows().iter().position(|row| row.to_string() == name);
    let row = row.unwrap_or_else(|| panic!("no row {name}")) as u32;
    rows.of_evse(evse, legs).find(|(other, _)| *other == row).map_or(0, |(_, value)| value)
}

#[test]
fn a_tree_becomes_rows_with_names_for_people() {
    let rows = compiled(&site());
    let names: Vec<_> = rows.rows().iter().map(ToString::to_string).collect();
    assert_eq!(
        names[..4],
        [
            "grid connection, L1",
            "grid connection, L2",
            "grid connection, L3",
            "grid connection, power"
        ]
    );
    assert!(names.contains(&"grid connection, imbalance of L2 over L3".to_owned()), "{names:?}");
    assert_eq!(names[names.len() - 3..], ["feeder B, L1", "feeder B, L2", "feeder B, L3"]);
    let first = &rows.rows()[0];
    assert_eq!(
        (first.limit, first.base_max, first.reserve),
        (Some(Current(170_000)), Current(60_000), Current(2_000))
    );
    assert_eq!(rows.rows()[2].base_max, Current(40_000));
    // 100 kW at 230 V; all three lines' base load; the reserve of three lines.
    let power = &rows.rows()[3];
    assert_eq!(
        (power.limit, power.base_max, power.reserve),
        (Some(Current(434_782)), Current(155_500), Current(6_000))
    );
    assert_eq!(beside(first, Current(62_400), Current(63_000)), "62.4 of 63 A");
    assert_eq!(beside(power, Current(173_914), Current(434_783)), "40 of 100 kW");
}

#[test]
fn a_car_counts_on_the_lines_that_it_uses() {
    let rows = compiled(&site());
    // The first leg of CS-1/1 hangs on L2.
    assert_eq!(coefficient(&rows, "feeder B, L2", 0, Legs::ONE), 1_000);
    assert_eq!(coefficient(&rows, "feeder B, L1", 0, Legs::ONE), 0);
    assert_eq!(coefficient(&rows, "feeder B, L3", 0, Legs::TWO), 1_000);
    assert_eq!(coefficient(&rows, "grid connection, L1", 0, Legs::TWO), 0);
    assert_eq!(coefficient(&rows, "grid connection, L1", 0, Legs::THREE), 1_000);
    assert_eq!(coefficient(&rows, "grid connection, power", 0, Legs::THREE), 3_000);
    assert_eq!(coefficient(&rows, "grid connection, power", 0, Legs::ONE), 1_000);
    // What is not known yet is counted on every line, and at its most in every imbalance.
    assert_eq!(coefficient(&rows, "feeder B, L1", 0, Legs::UNKNOWN), 1_000);
    assert_eq!(
        coefficient(&rows, "grid connection, imbalance of L1 over L2", 0, Legs::UNKNOWN),
        1_000
    );
    assert_eq!(coefficient(&rows, "grid connection, imbalance of L2 over L1", 0, Legs::ONE), 1_000);
    assert_eq!(coefficient(&rows, "grid connection, imbalance of L2 over L1", 0, Legs::THREE), 0);
    assert_eq!(coefficient(&rows, "grid connection, imbalance of L2 over L1", 1, Legs::ONE), 1_000);
}

#[test]
fn a_delta_wye_transformer_mixes_phasors() {
    let tree = tree(
        r#"
        voltage = 277
        [[circuit]]
        name = "main"
        current = "100 A"
        [[circuit]]
        name = "T1"
        parent = "main"
        kind = "transformer"
        winding = "delta-wye"
        ratio = "480/208"
        power = "75 kVA"
        [[evse]]
        evse = "A/1"
        circuit = "T1"
        phases = "L12"
        max = "32 A"
        fallback = "6 A"
        [[evse]]
        evse = "A/2"
        circuit = "T1"
        phases = "L1 L2 L3"
        max = "32 A"
        fallback = "6 A"
    "#,
    );
    let rows = compiled(&tree);
    let of_main = |row: &&crate::load::rows::Row| &*row.circuit == "main";
    assert_eq!(rows.rows().iter().filter(of_main).count(), 3 * 48);
    // The tightest direction of a line says what it truly carries per ampere, within a quarter of
    // a percent: a three-phase car 208/480, a car between two lines twice that over root three on
    // the line between its windings.
    let most = |evse, legs, line| {
        let kind = |row: u32| rows.rows()[row as usize].kind;
        let of_line = |row| matches!(kind(row), RowKind::Direction(l, _) if l == line);
        rows.of_evse(evse, legs).filter(|(row, _)| of_line(*row)).map(|(_, a)| a).max()
    };
    assert_eq!(most(1, Legs::THREE, Line::L1), Some(434));
    let between: Vec<_> = Line::ALL.iter().map(|l| most(0, Legs::ONE, *l)).collect();
    assert_eq!(between, [Some(251), Some(501), Some(251)]);
    // 75 kVA over 208 V between lines: a car there counts with root three of a line's volts.
    assert_eq!(coefficient(&rows, "T1, power", 0, Legs::ONE), 1_733);
    let limit = rows.rows().iter().find(|r| r.kind == RowKind::Power).and_then(|r| r.limit);
    assert!((624_000..625_000).contains(&limit.unwrap().0), "{limit:?}");
}

#[test]
fn a_cabinet_counts_what_leaves_it_and_the_grid_what_enters_it() {
    let tree = tree(
        r#"
        [[circuit]]
        name = "grid"
        power = "500 kW"
        [[circuit]]
        name = "cabinet 1"
        parent = "grid"
        kind = "cabinet"
        power = "300 kW"
        [[evse]]
        evse = "DC/1"
        circuit = "cabinet 1"
        supply = "dc"
        efficiency_percent = 95
        max = "150 kW"
        fallback = "0 kW"
    "#,
    );
    let rows = compiled(&tree);
    let outlet = &rows.evses()[0];
    // 150 kW at the car are 157.9 kW from three phases of 230 V.
    assert_eq!(outlet.max, Current(228_832));
    assert_eq!(outlet.power(outlet.max, 3), Power(149_999));
    assert_eq!(coefficient(&rows, "grid, power", 0, Legs::THREE), 3_000);
    assert_eq!(coefficient(&rows, "cabinet 1, DC power", 0, Legs::THREE), 2_850);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let mut broken = site();
    let extra = Circuit { name: "feeder B".into(), ..Circuit::default() };
    broken.circuits.push(extra);
    let ring = |name: &str, parent: &str| Circuit {
        name: name.into(),
        parent: Some(parent.into()),
        current: Some(PerLine::all(Current(63_000))),
        ..Circuit::default()
    };
    broken.circuits.push(ring("a", "b"));
    broken.circuits.push(ring("b", "a"));
    broken.circuits.push(ring("c", "nowhere"));
    broken.circuits[1].current = Some(PerLine::all(Current(63)));
    broken.circuits[0].power = Some(Watts(Power(-5)));
    let mut twice = broken.evses[0].clone();
    twice.circuit = "grid connection".into();
    broken.evses.push(twice);
    broken.evses[1].circuit = "feeder C".into();
    broken.evses[1].fallback = Some(Amount::Current(Current(3_000)));
    broken.evses[0].max = Amount::Current(Current(1_000_000_001));
    let said = problems(&broken);
    for expected in [
        "feeder B: there are two circuits of that name",
        "feeder B: nothing feeds it, so it needs a limit: current, power or both",
        "a: feeds itself: b from a from b",
        "c: its parent \"nowhere\" is not there",
        "feeder B: current is not above zero or too small to be meant",
        "grid connection: power is not above zero or too small to be meant",
        "CS-1/1: has two parents: it is listed under \"feeder B\" and under",
        "CS-1/1: max of 1000000.001 A: it is too large to be meant",
        "CS-1/2: an orphan: its circuit \"feeder C\" is not there",
        "CS-1/2: a fallback of 3 A: it is 0 A, or from its min of 6 A to its max of 16 A",
    ] {
        let found = said.iter().any(|line| line.starts_with(expected));
        let ring = expected.contains("itself") && said.iter().any(|l| l.contains("feeds itself: "));
        assert!(found || ring, "{expected}\nis not in\n{}", said.join("\n"));
    }
}

#[test]
fn the_evses_of_the_site_and_of_the_tree_are_the_same() {
    let ids = ["CS-1/1", "CS-9/1"].map(|id| EvseId::parse(id).unwrap());
    let known = BTreeSet::from(ids);
    let said = site().compile(Some(&known)).unwrap_err();
    let said: Vec<_> = said.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "CS-1/2: the site has no such EVSE",
            "CS-9/1: an orphan: no circuit of the tree feeds this EVSE",
        ]
    );
}

/// The commissioning rule (LOAD.md): 54 times 6 A is not allowed on 3x170 A with a building.
#[test]
fn fallbacks_that_do_not_fit_are_refused_row_by_row() {
    let mut tree = site();
    tree.circuits[0].imbalance = None;
    tree.circuits[0].power = None;
    tree.circuits[1].current = Some(PerLine::all(Current(400_000)));
    for n in 2..20 {
        let mut point = tree.evses[0].clone();
        point.evse = format!("CS-{n}/1").into();
        tree.evses.push(point);
    }
    let said = problems(&tree);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said[2].starts_with(
            "grid connection, power: the fallbacks of its EVSEs add up to 78.66 of 29.999 kW, \
             which is more than what holds while \"dso\" is silent"
        ),
        "{said:?}"
    );
    assert!(
        said[0].starts_with(
            "grid connection, L1: without control it carries 176 of 170 A: \
        the fallbacks of its EVSEs add up to 114 A, the base load to 60 A"
        ),
        "{said:?}"
    );
    for point in &mut tree.evses {
        point.fallback = Some(Amount::Current(Current::ZERO));
    }
    assert!(tree.compile(None).is_ok());
}

#[test]
fn numbers_are_text_or_integers_and_never_fractions() {
    for (text, milliamps) in [
        ("\"63 A\"", Some(63_000)),
        ("\"62.5\"", Some(62_500)),
        ("\"0.125A\"", Some(125)),
        ("\"500 mA\"", Some(500)),
        ("16000", Some(16_000)),
        ("62.5", None),
        ("nan", None),
        ("\"NaN\"", None),
        ("\"0.0001 A\"", None),
        ("\"40 kW\"", None),
        ("\"\"", None),
        ("\"1e3 A\"", None),
        ("\"99999999999999999999 A\"", None),
        ("true", None),
    ] {
        #[derive(Debug, Deserialize)]
        struct Holder {
            value: Amps,
        }
        let read = toml::from_str::<Holder>(&format!("value = {text}"));
        assert_eq!(read.as_ref().ok().map(|h| h.value.0.0), milliamps, "{text}: {read:?}");
    }
}

#[test]
fn a_tree_is_written_as_it_is_read() {
    let text = toml::to_string(&site()).unwrap();
    assert_eq!(tree(&text), site(), "{text}");
    assert!(text.contains("current = \"63 A\"") && text.contains("\"55.5 A\""), "{text}");
    let unknown = toml::from_str::<Tree>("volts = 3").unwrap_err().to_string();
    assert!(unknown.contains("unknown field `volts`"), "{unknown}");
    for (text, said) in [
        ("L1 L1", "stands there twice"),
        ("L1 L23", "mixes legs"),
        ("L4", "is none of"),
        ("", "at least one"),
    ] {
        let error = Rotation::parse(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}
