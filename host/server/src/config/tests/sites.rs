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

/// The site of the north with a VTN.
fn with_vtn(lines: &str) -> String {
    let section = format!("[sites.openadr]\n{lines}\n[[sites]]\nid = \"south\"");
    NORTH.replace("[[sites]]\nid = \"south\"", &section)
}

const VTN: &str = r#"url = "https://vtn.example.org/openadr3"
program = "grid"
fallback = "25 kW"
"#;

#[test]
fn a_vtn_is_read_and_its_limits_have_a_source_in_the_tree() {
    let site = parse(&with_vtn(VTN), &[]).unwrap().sites.remove(0);
    let openadr = site.openadr.unwrap();
    assert_eq!((&*openadr.circuit, &*openadr.ven_name), ("grid", "north"));
    assert_eq!(openadr.token_url, openadr.url.join("auth/token"));
    assert_eq!((openadr.login, openadr.poll.as_secs()), (None, 60));
    let [dso, source] = site.load.unwrap().tree.circuits.remove(0).external.try_into().unwrap();
    assert_eq!((&*dso.source, &*source.source), ("dso", "openadr"));
    assert_eq!(source.timeout_seconds, Some(900));
    assert_eq!(source.fallback_power.unwrap().to_string(), "25 kW");
    let more = format!(
        "{VTN}client_id = \"b\"\nclient_secret_file = \"vtn\"\ncircuit = \"feeder\"\n\
         token_url = \"https://id.example.org\"\nca = \"ca.pem\"\nven_name = \"v\"\n\
         targets = [\"a\"]\npoll = \"10s\"\ntimeout = \"20s\""
    );
    let site = parse(&with_vtn(&more), &[]).unwrap().sites.remove(0);
    let openadr = site.openadr.unwrap();
    assert_eq!(format!("{:?}", openadr.login.unwrap().1), "the secret in /etc/busbar/vtn");
    assert_eq!((&*openadr.circuit, openadr.targets), ("feeder", vec!["a".to_owned()]));
    assert_eq!(site.load.unwrap().tree.circuits[1].external.len(), 1);
    let text = format!("{VTN}client_id = \"b\"");
    let env = [("BUSBAR_SITES__0__OPENADR__CLIENT_SECRET", "hunter2")];
    let config = parse(&with_vtn(&text), &env).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn what_is_wrong_with_a_vtn_is_told_with_its_line() {
    let without = |key: &str| {
        VTN.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n")
    };
    let also = |line: &str| format!("{VTN}{line}");
    let as_url = |url: &str| VTN.replace("https://vtn.example.org", url);
    for (lines, expected) in [
        (without("url"), "39:1: sites.openadr.url is missing: the VTN's base address"),
        (without("program"), "39:1: sites.openadr.program is missing: "),
        (without("fallback"), "39:1: sites.openadr.fallback is missing: "),
        (as_url("vtn.example.org"), "40:7: sites.openadr.url: \"vtn.example.org/openadr3\" is no"),
        (as_url("http://vtn.example.org"), "40:7: sites.openadr.url: without TLS anyone"),
        (also("token_url = \"http://a.example\""), "43:13: sites.openadr.token_url: without TLS"),
        (VTN.replace("25 kW", "25"), "42:12: sites.openadr.fallback: \"25\" needs a unit"),
        (VTN.replace("25 kW", "-1 kW"), "42:12: sites.openadr.fallback: -1 kW is below zero"),
        (VTN.replace("\"grid\"", "\"\""), "41:11: sites.openadr.program: \"\": it has 1 to 128"),
        (also("poll = \"10m\""), "sites.openadr.timeout: 900s is shorter than two polls"),
        (also("poll = \"0s\""), "43:8: sites.openadr.poll: 0ns is not between"),
        (also("circuit = \"attic\""), "43:11: sites.openadr.circuit: the tree has no circuit"),
        (also("client_id = \"b\""), "sites.openadr.client_id needs sites.openadr.client_secret_"),
        (also("client_secret = \"b\""), "sites.openadr.client_id is missing: whose secret"),
        (also("secret = \"b\""), "43:1: unknown key sites.openadr.secret; known here: "),
    ] {
        let found = parse(&with_vtn(&lines), &[]).expect_err(expected);
        let at = "/etc/busbar/busbar.toml:";
        let hit = |one: &String| one.starts_with(at) && one.contains(expected);
        assert!(found.iter().any(hit), "{lines}\n{expected}\n{found:#?}");
    }
    for lines in
        [as_url("http://127.0.0.1:80"), as_url("http://vtn.example.org") + "allow_plaintext = true"]
    {
        parse(&with_vtn(&lines), &[]).unwrap();
    }
    let bare = "[[sites]]\nid = \"bare\"\n[sites.openadr]\n";
    let found = parse(&format!("{bare}{VTN}"), &[]).expect_err("no load");
    assert!(found[0].contains("the site has no load that could be limited"), "{found:?}");
}

#[test]
fn what_is_wrong_with_a_battery_is_told_with_its_line() {
    let battery = r#"fallback = "0 A"

[[sites.load.tree.battery]]
name = "cellar"
circuit = "grid"
capacity_wh = 20000
charge = "6 kW"
discharge = "10 kW"
"#;
    let with = |from: &str, to: &str| {
        parse(&NORTH.replace("fallback = \"0 A\"\n", &battery.replace(from, to)), &[])
    };
    let config = with("", "").unwrap();
    let tree = &config.sites[0].load.as_ref().unwrap().tree;
    assert_eq!(
        (&*tree.batteries[0].name, tree.batteries[0].efficiency_thousandths),
        ("cellar", 900)
    );
    for (from, to, expected) in [
        ("20000", "\"20 kWh\"", "42:15: battery: capacity_wh: "),
        ("name = \"cellar\"\n", "", "39:1: battery: missing field `name`"),
        ("\"grid\"", "\"attic\"", "39:1: site: cellar: its circuit \"attic\" is not there"),
        ("\"6 kW\"", "\"9 kW\"", "39:1: site: cellar: charges through grid, L1 with up to 13"),
    ] {
        let found = with(from, to).expect_err(to);
        assert!(found.iter().any(|one| one.contains(expected)), "{to}\n{expected}\n{found:#?}");
    }
}
