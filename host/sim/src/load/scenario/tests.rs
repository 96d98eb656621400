//! Scenario files: what ships can be read, and a mistake is named with its place.

use super::*;

#[test]
fn every_scenario_that_ships_can_be_read() {
    for text in crate::load::SCENARIOS {
        let scenario = Scenario::read(text.1).expect(text.0);
        assert_eq!(scenario.name, text.0);
        assert!(!scenario.phases.is_empty());
        let bounded = scenario.bounds != Bounds::default()
            || scenario.phases.iter().any(|phase| phase.bounds != PhaseBounds::default());
        assert!(bounded, "{} can never fail", text.0);
    }
}

#[test]
fn a_typing_error_is_named_with_its_place() {
    for (text, place, word) in [
        ("name = \"a\"\nstations = 1\nstation = 2\n", "3:1: ", "`station`"),
        ("name = \"a\"\nstations = \"many\"\n", "2:12: ", "string"),
        ("name = \"a\"\nstations = 1\n[[phase]]\nname = \"b\"\n  secs = 2\n", "5:3: ", "`secs`"),
        (
            "name = \"a\"\nstations = 1\n[[phase]]\nname = \"b\"\nseconds = 1\n\
             bounds = { cpu_max = 2 }\n",
            "6:12: ",
            "`cpu_max`",
        ),
    ] {
        let error = Scenario::read(text).unwrap_err();
        assert!(error.starts_with(place) && error.contains(word), "{error}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let phase = "[[phase]]\nname = \"b\"\nseconds = 1\n";
    for (text, word) in [
        ("stations = 0\n", "stations must be"),
        ("stations = 1\nsizes = [1, 2]\n", "only one of them"),
        ("sizes = [2, 1]\n", "sizes must grow"),
        ("stations = 1\nrounds = 0\n", "rounds must be"),
        (&format!("stations = 1\n{phase}flood = 2\n"), "more slow"),
        (&format!("stations = 1\n{phase}against = \"b\"\n"), "no phase before"),
        (&format!("stations = 1\n{phase}plugins = [\"sly\"]\n"), "not one of"),
        (&format!("stations = 1\n{phase}bounds = {{ p99_ratio_max = 1 }}\n"), "needs against"),
        (&format!("stations = 1\n{phase}bounds = {{ cpu_ratio_max = 1 }}\n"), "needs sizes"),
    ] {
        let error = Scenario::read(&format!("name = \"a\"\n{text}")).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn versions_come_in_their_shares() {
    let scenario = Scenario::read("name = \"a\"\nstations = 10\n").expect("a scenario");
    let of = |version| (0..100).filter(|i| scenario.version(*i) == version).count();
    use busbar_ocpp::Version;
    assert_eq!([of(Version::V16), of(Version::V201), of(Version::V21)], [60, 30, 10]);
}
