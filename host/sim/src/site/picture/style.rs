//! Owns how the picture looks: which band has which colour, in which order. Must never give two
//! faults one colour while there are others.

use crate::site::Options;
use crate::site::run::Run;

/// The base load.
pub(super) const BASE: &str = "#c3ccd5";
/// What is over the limit.
pub(super) const OVER: &str = "#e11d48";

/// Two shades of a feeder: neighbours can be told apart.
const FEEDERS: [[&str; 2]; 4] = [
    ["#2f6db3", "#4a86c8"],
    ["#2a9486", "#45ab9d"],
    ["#7d5bb0", "#9675c4"],
    ["#5b7083", "#74899c"],
];
/// Of groups with a fault.
const FAULTS: [&str; 7] =
    ["#c8324b", "#e4702e", "#eeb02f", "#8a4b22", "#d96fa5", "#a3a32b", "#4d4d4d"];

/// Patterns that bands are laid over with.
pub(super) const DEFINITIONS: &str = "<defs><pattern id=\"away\" width=\"6\" height=\"6\" \
     patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"2.2\" \
     height=\"6\" fill=\"#ffffff\" fill-opacity=\"0.5\"/></pattern></defs>\n";

/// The band of a station.
pub(super) struct Layer {
    /// The station's place in the plan.
    pub(super) station: usize,
    pub(super) colour: &'static str,
    pub(super) legend: String,
}

/// All bands, the lowest first: faults, then feeder by feeder.
pub(super) fn layers(options: &Options, run: &Run) -> Vec<Layer> {
    let scenario = &options.scenario;
    let groups = scenario.groups.iter().enumerate();
    let mut faulty: Vec<_> = groups.filter(|(_, group)| group.fault.is_some()).collect();
    faulty.dedup_by_key(|(_, group)| group.fault);
    let places = &run.plan.places;
    let mut layers = Vec::new();
    for (station, place) in places.iter().enumerate() {
        let group = &scenario.groups[place.group];
        let fault = faulty.iter().position(|(_, other)| other.fault == group.fault);
        let (order, colour, legend) = match (fault.filter(|_| group.fault.is_some()), place.feeder)
        {
            (Some(fault), _) => (fault, FAULTS[fault % FAULTS.len()], faulty[fault].1.name.clone()),
            (None, feeder) => {
                let number = feeder.unwrap_or(0);
                let shades = FEEDERS[number % FEEDERS.len()];
                let name = feeder.map_or("charging", |feeder| &scenario.site.feeders[feeder].name);
                let turn = station / scenario.site.feeders.len().max(1);
                (FAULTS.len() + number, shades[turn % 2], name.to_owned())
            }
        };
        layers.push((order, Layer { station, colour, legend }));
    }
    layers.sort_by_key(|(order, layer)| (*order, layer.station));
    layers.into_iter().map(|(_, layer)| layer).collect()
}

/// Text as it may stand in an SVG.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
