//! Sites in the configuration file: what is read, and where what is wrong is said to be.

use super::parse;

const NORTH: &str = r#"[site]
time_zone = "Europe/Berlin"

[[sites]]
id = "north"
name = "North yard"
party = { country = "DE", id = "BUS" }
stations = ["CS1", "CS2"]

[sites.load]
policy = "laxity"

[[sites.load.model]]
vendor = "ACME"
known_as = "standard"

[[sites.load.tree.circuit]]
name = "grid"
current = "63 A"
base_load = ["10 A", "12.5 A", "10 A"]
external = [{ source = "dso", timeout_seconds = 300, fallback_current = "40 A" }]

[[sites.load.tree.circuit]]
name = "feeder"
parent = "grid"
current = "32 A"

[[sites.load.tree.evse]]
evse = "CS1/1"
circuit = "feeder"
max = "32 A"

[[sites.load.tree.evse]]
evse = "CS2/1"
circuit = "feeder"
max = "32 A"
fallback = "0 A"

[[sites]]
id = "south"
"#;

fn wrong(from: &str, to: &str) -> Vec<String> {
    assert!(NORTH.contains(from), "{from}");
    parse(&NORTH.replace(from, to), &[]).expect_err(to)
}

#[test]
fn a_site_is_read_with_its_tree() {
    let config = parse(NORTH, &[]).unwrap();
    let [north, south] = config.sites.try_into().unwrap();
    assert_eq!((&*north.name, &*north.time_zone), ("North yard", "Europe/Berlin"));
    assert_eq!(north.place, "busbar.toml:4", "without the folder");
    assert_eq!(north.stations.len(), 2);
    let load = north.load.unwrap();
    assert_eq!(load.tree.circuits[0].external[0].timeout_seconds, Some(300));
    assert_eq!(load.models[0].vendor.as_deref(), Some("ACME"));
    assert_eq!(load.compile().unwrap().evses().len(), 2);
    assert_eq!((&*south.name, south.load), ("south", None));
    let env = [("BUSBAR_SITES__1__NAME", "South yard")];
    assert_eq!(parse(NORTH, &env).unwrap().sites[1].name, "South yard");
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let at = "/etc/busbar/busbar.toml:";
    let table = [
        ("id = \"south\"", "id = \"north\"", "40:6: sites.id: there are two sites north"),
        ("id = \"south\"", "id = \"a/b\"", "40:6: sites.id: a site's id has 1 to 36"),
        ("id = \"south\"", "", "39:1: sites.id is missing"),
        ("id = \"south\"", "id = \"south\"\nload = 1", "41:8: sites.load is a table"),
        ("id = \"BUS\"", "id = \"BUSBAR\"", "7:32: sites.party.id: \"BUSBAR\": three letters"),
        ("\"laxity\"", "\"greed\"", "10:1: sites.load: unknown variant `greed`"),
        ("known_as = \"standard\"", "known_as = 3", "15:12: model: known_as: "),
        ("current = \"63 A\"", "current = \"63 V\"", "19:11: circuit: current: "),
        ("current = \"63 A\"", "current = 63.5", "19:11: a number with a fraction cannot"),
        ("current = \"63 A\"", "curent = \"63 A\"", "19:10: circuit: curent: unknown field"),
        ("name = \"grid\"\n", "", "17:1: circuit: missing field `name`"),
        ("name = \"grid\"", "name = \"grid\"\nparent = \"feeder\"", ": site: feeder: feeds itself"),
        ("parent = \"grid\"", "parent = \"attic\"", "23:1: site: feeder: its parent \"attic\""),
        ("evse = \"CS2/1\"", "evse = \"CS3/1\"", "33:1: site: CS3/1: its station is not in"),
        ("evse = \"CS2/1\"", "evse = \"CS3/1\"", "8:12: sites.stations: no EVSE of CS2 is in"),
        (
            "circuit = \"feeder\"\nmax = \"32 A\"\nfallback",
            "circuit = \"attic\"\nmax = \"32 A\"\nfallback",
            "33:1: site: CS2/1: ",
        ),
        ("current = \"32 A\"", "current = \"5 A\"", "23:1: site: feeder, L1: without control it"),
        (
            "id = \"south\"",
            "id = \"south\"\nstations = [\"CS1\"]",
            "sites.stations: CS1 is at north",
        ),
        (
            "stations = [\"CS1\", \"CS2\"]",
            "stations = [\"a b\"]",
            "8:12: sites.stations: \"a b\": ",
        ),
        ("policy", "polcy", "10:1: sites.load: unknown field `polcy`"),
    ];
    for (from, to, expected) in table {
        let found = wrong(from, to);
        let hit = |one: &String| one.starts_with(at) && one.contains(expected);
        assert!(found.iter().any(hit), "{to}\n{expected}\n{found:#?}");
    }
}
