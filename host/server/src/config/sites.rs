//! Owns the sites of a configuration file: the same words as in the API's body, checked as the API
//! checks them, and everything that is wrong with its line. Must never touch the disk.

use std::collections::{BTreeMap, BTreeSet};

use busbar_charging::fact::site::Party;
use busbar_charging::ids::{SiteId, StationId};
use busbar_charging::load::circuit::Tree;
use busbar_charging::load::config::Config as LoadConfig;
use busbar_charging::load::rows::EvseId;
use busbar_charging::units::Currency;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::read::{Problems, Section, text, texts};
use super::tree::{Kind, Origin, Table, Value};
use super::{Site, SiteFile};
use crate::http::names;

/// Reads `[[sites]]`. What a site does not say is as in `[site]`.
pub(super) fn sites(root: &Section<'_>, common: &Site) -> Vec<SiteFile> {
    let (mut sites, mut ids, mut stations) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
    for section in &root.sections("sites") {
        let Some(site) = site(section, common) else { continue };
        if !ids.insert(site.id.clone()) {
            let message = format!("sites.id: there are two sites {}", site.id);
            section.problems.add(&section.place("id"), message);
        }
        for station in &site.stations {
            if let Some(other) = stations.insert(station.clone(), site.id.clone()) {
                let message = format!("sites.stations: {station} is at {other} already");
                section.problems.add(&section.place("stations"), message);
            }
        }
        sites.push(site);
    }
    sites
}

fn site(section: &Section<'_>, common: &Site) -> Option<SiteFile> {
    if !section.has("id") {
        section.problems.add(&section.origin, "sites.id is missing: what the API calls the site");
    }
    let id = section.get("id", None, |value| {
        let id = names::site(text(value)?).map_err(|problem| problem.detail().to_owned())?;
        Ok(Some(id))
    });
    let name = section.get("name", None, |value| {
        let name = text(value)?.trim();
        let fits = !name.is_empty() && name.chars().count() <= 100;
        let fits = fits && !name.chars().any(char::is_control);
        if fits { Ok(Some(name.to_owned())) } else { Err("1 to 100 printable characters".into()) }
    });
    let time_zone = section.get("time_zone", common.time_zone.clone(), super::sections::time_zone);
    let currency = section
        .get("currency", common.currency, |value| Currency::try_from(text(value)?.to_owned()));
    let party = section.has("party").then(|| party(&section.section("party"))).flatten();
    let stations: Vec<StationId> = section.get("stations", Vec::new(), |value| {
        let one = |name: &str| {
            names::station(name).map_err(|problem| format!("{name:?}: {}", problem.detail()))
        };
        texts(value)?.into_iter().map(one).collect()
    });
    let mut load = section.raw("load").and_then(|value| load(value, section.problems));
    let openadr = section.has("openadr").then(|| {
        let config = load.as_mut().map(|(config, _)| config);
        super::openadr::openadr(
            &section.section("openadr"),
            id.as_ref().map(SiteId::as_str),
            config,
        )
    });
    if let Some((config, places)) = &load {
        check(config, &stations, section, places);
    }
    let id: SiteId = id?;
    Some(SiteFile {
        name: name.unwrap_or_else(|| id.to_string()),
        id,
        time_zone,
        currency,
        party,
        stations,
        load: load.map(|(config, _)| config),
        openadr: openadr.flatten(),
        place: section.origin.in_file(),
    })
}

fn party(section: &Section<'_>) -> Option<Party> {
    let read = |key, fits: fn(&str) -> bool, what: &'static str| {
        section.get(key, None, |value| {
            let code = text(value)?;
            if fits(code) { Ok(Some(code.to_owned())) } else { Err(format!("{code:?}: {what}")) }
        })
    };
    let capitals = |code: &str| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    let letters = |code: &str| code.len() == 3 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    let country = read("country", capitals, "two capitals of ISO 3166-1, as DE");
    let id = read("id", letters, "three letters or digits");
    for key in ["country", "id"] {
        if !section.has(key) {
            section.problems.add(&section.origin, format!("{} is missing", section.path(key)));
        }
    }
    Some(Party { country: country?.into(), id: id?.into() })
}

/// Where circuits and EVSEs stand, by their names; the tree under "".
type Places = BTreeMap<String, Origin>;

/// Reads a load item by item, so that each has its line.
fn load(value: &Value, problems: &Problems) -> Option<(LoadConfig, Places)> {
    let Kind::Table(table) = &value.kind else {
        problems.add(&value.origin, "sites.load is a table: policy, model and tree");
        return None;
    };
    let mut places = Places::new();
    let mut right = true;
    let mut whole = Map::new();
    for (key, (origin, value)) in table {
        match (&**key, &value.kind) {
            ("tree", Kind::Table(tree)) => {
                places.insert(String::new(), origin.clone());
                let read = tree_of(tree, origin, problems, &mut places);
                right &= read.is_some();
                whole.extend(read.map(|tree| ("tree".to_owned(), tree)));
            }
            ("model", Kind::List(list)) => {
                use busbar_charging::load::config::Model;
                let models: Vec<_> =
                    list.iter().map(|one| item::<Model>("model", one, problems)).collect();
                right &= models.iter().all(Option::is_some);
                whole.insert("model".into(), models.into_iter().flatten().collect());
            }
            _ => {
                whole.insert(key.clone(), json(value, problems)?);
            }
        }
    }
    if !right {
        return None;
    }
    match serde_json::from_value::<LoadConfig>(Json::Object(whole)) {
        Ok(config) => Some((config, places)),
        Err(error) => {
            problems.add(&value.origin, format!("sites.load: {error}"));
            None
        }
    }
}

fn tree_of(
    table: &Table,
    origin: &Origin,
    problems: &Problems,
    places: &mut Places,
) -> Option<Json> {
    use busbar_charging::load::circuit::{BatteryPoint, Circuit, EvsePoint};
    let (mut tree, mut right) = (Map::new(), true);
    for (key, (_, value)) in table {
        let (Kind::List(list), "circuit" | "evse" | "battery") = (&value.kind, &**key) else {
            tree.insert(key.clone(), json(value, problems)?);
            continue;
        };
        let mut items = Vec::new();
        for one in list {
            let (read, named) = match &**key {
                "circuit" => (item::<Circuit>("circuit", one, problems), "name"),
                "evse" => (item::<EvsePoint>("evse", one, problems), "evse"),
                _ => (item::<BatteryPoint>("battery", one, problems), "name"),
            };
            right &= read.is_some();
            let name = read.as_ref().and_then(|one| one[named].as_str());
            if let Some(name) = name {
                places.insert(name.to_owned(), one.origin.clone());
            }
            items.extend(read);
        }
        tree.insert(key.clone(), Json::Array(items));
    }
    if !right {
        return None;
    }
    let tree = Json::Object(tree);
    match serde_json::from_value::<Tree>(tree.clone()) {
        Ok(_) => Some(tree),
        Err(error) => {
            problems.add(origin, format!("sites.load.tree: {error}"));
            None
        }
    }
}

/// One table of a list, as JSON that can be read as a `T`.
fn item<T: DeserializeOwned>(what: &str, value: &Value, problems: &Problems) -> Option<Json> {
    let read = |json: &Json| serde_json::from_value::<T>(json.clone()).err();
    let json = json(value, problems)?;
    let Some(error) = read(&json).map(|error| error.to_string()) else { return Some(json) };
    let mut place = &value.origin;
    let mut named = String::new();
    if let (Kind::Table(table), Json::Object(map)) = (&value.kind, &json) {
        // Whose absence changes what is said is what it is said of.
        let guilty = table.iter().find(|(key, _)| {
            let mut without = map.clone();
            without.remove(*key);
            let said = read(&Json::Object(without)).map(|error| error.to_string());
            said.as_ref() != Some(&error)
        });
        if let Some((key, (_, value))) = guilty {
            place = &value.origin;
            named = format!("{key}: ");
        }
    }
    problems.add(place, format!("{what}: {named}{error}"));
    None
}

fn json(value: &Value, problems: &Problems) -> Option<Json> {
    Some(match &value.kind {
        Kind::Text(text) => Json::String(text.clone()),
        Kind::Integer(number) => Json::from(*number),
        Kind::Boolean(boolean) => Json::Bool(*boolean),
        Kind::List(list) => {
            let items: Option<Vec<_>> = list.iter().map(|one| json(one, problems)).collect();
            Json::Array(items?)
        }
        Kind::Table(table) => {
            let entry = |(key, (_, value)): (&String, &(Origin, Value))| {
                Some((key.clone(), json(value, problems)?))
            };
            Json::Object(table.iter().map(entry).collect::<Option<_>>()?)
        }
        Kind::Other(what) => {
            let message = format!("{what} cannot stand here: amounts are text, as \"63.5 A\"");
            problems.add(&value.origin, message);
            return None;
        }
    })
}

/// What is wrong between the parts: cycles, orphans, the commissioning rule, stations.
fn check(config: &LoadConfig, stations: &[StationId], section: &Section<'_>, places: &Places) {
    let problems = section.problems;
    let place = |name: &str| {
        // A row is named after its circuit: `feeder B, L2`.
        let circuit = name.rsplit_once(", ").map_or(name, |(circuit, _)| circuit);
        let known = places.get(name).or_else(|| places.get(circuit)).or_else(|| places.get(""));
        known.unwrap_or(&section.origin).clone()
    };
    for problem in config.compile().err().into_iter().flatten() {
        problems.add(&place(&problem.place), format!("site: {problem}"));
    }
    let evses = config.tree.evses.iter().filter_map(|point| EvseId::parse(&point.evse));
    let evses: BTreeSet<_> = evses.collect();
    for evse in evses.iter().filter(|evse| !stations.contains(&evse.station)) {
        let message = format!("site: {evse}: its station is not in the site's stations");
        problems.add(&place(&evse.to_string()), message);
    }
    for station in stations.iter().filter(|id| !evses.iter().any(|evse| evse.station == **id)) {
        let message = format!(
            "sites.stations: no EVSE of {station} is in the tree: nothing would limit it, and what \
             it draws would be counted nowhere"
        );
        problems.add(&section.place("stations"), message);
    }
}
