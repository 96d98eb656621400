//! Batteries of a tree: what is wrong with one, and what it counts in rows.

use super::*;
use crate::load::circuit::shares;

const BATTERY: &str = r#"
[[battery]]
name = "cellar"
circuit = "feeder"
phases = "L2"
capacity_wh = 10000
charge = "2.3 kW"
discharge = "3 kW"
"#;

const CIRCUITS: &str = r#"
[[circuit]]
name = "grid"
current = "63 A"
power = "40 kW"
imbalance = "20 A"
meter = "M1"

[[circuit]]
name = "feeder"
parent = "grid"
current = "32 A"
base_load = "10 A"
"#;

fn with(changed: &str, by: &str) -> Tree {
    tree(&format!("{CIRCUITS}{BATTERY}").replace(changed, by))
}

#[test]
fn a_battery_counts_in_every_row_above_it() {
    let tree = with("", "");
    let rows = compiled(&tree);
    let of_name = |share: &crate::load::plan::battery::Share| {
        (rows.rows()[share.row as usize].to_string(), share.microamps)
    };
    let counted: Vec<_> = shares(&tree, &rows, 0).iter().map(of_name).collect();
    // One watt at 230 V, rounded up; the phasor of L2 has its own angle and the same size.
    let expected = [
        ("grid, L2", 4_348),
        ("grid, power", 4_348),
        ("grid, imbalance of L2 over L1", 4_348),
        ("grid, imbalance of L2 over L3", 4_348),
        ("feeder, L2", 4_348),
    ];
    assert_eq!(counted, expected.map(|(name, value)| (name.to_owned(), value)));
    let three = with("\"L2\"", "\"L1 L2 L3\"");
    let rows = compiled(&three);
    let shares = shares(&three, &rows, 0);
    assert_eq!(shares.len(), 7, "three lines of two circuits, and the power: {shares:?}");
    assert_eq!(shares[0].microamps, 1_450);
}

#[test]
fn what_is_wrong_with_a_battery_is_named() {
    let fine = problems_of(&with("", ""));
    assert_eq!(fine, Vec::<String>::new());
    for (changed, by, word) in [
        ("circuit = \"feeder\"", "circuit = \"attic\"", "its circuit \"attic\" is not there"),
        ("10000", "0", "capacity_wh of 0"),
        ("2.3 kW", "-1 kW", "charge of -1 kW"),
        ("3 kW", "9000000 kW", "discharge of 9000000 kW"),
        ("capacity_wh", "efficiency_thousandths = 1001\ncapacity_wh", "efficiency_thousandths"),
        ("capacity_wh", "reserve_percent = 101\ncapacity_wh", "reserve_percent of 101"),
        ("capacity_wh", "wear_per_kwh = -1\ncapacity_wh", "wear_per_kwh"),
        ("name = \"cellar\"", "name = \"\"", "a battery's name"),
        // 10 A are 2.3 kW, and what it charges beyond that nobody counts.
        ("2.3 kW", "2.4 kW", "charges through feeder, L2"),
        ("meter = \"M1\"", "", "charges through grid, L2"),
    ] {
        let problems = problems_of(&with(changed, by));
        assert!(problems.iter().any(|known| known.contains(word)), "{word}: {problems:?}");
    }
    let twice = tree(&format!("{CIRCUITS}{BATTERY}{BATTERY}"));
    assert!(problems_of(&twice).iter().any(|known| known.contains("two batteries of that name")));
    let many: String = (0..5).map(|n| BATTERY.replace("cellar", &n.to_string())).collect();
    let many = tree(&format!("{CIRCUITS}{many}"));
    assert!(problems_of(&many).iter().any(|known| known.contains("more than the 4")));
}

fn problems_of(tree: &Tree) -> Vec<String> {
    tree.compile(None).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}
