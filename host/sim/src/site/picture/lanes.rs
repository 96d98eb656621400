//! Owns what happened, below the panels: a bar for each event with a line of text, and its mark
//! through the panels. Must never hide one behind another.

use std::fmt::Write;

use super::style::escaped;
use super::{LEFT, PLOT, Sheet};
use crate::site::scenario::Event;

const LANE: f64 = 22.0;
/// About the width of a letter.
const LETTER: f64 = 6.3;

/// A bar with its text; seconds.
struct Lane {
    /// When people are told of it.
    known_s: f64,
    from_s: f64,
    until_s: f64,
    text: String,
    colour: &'static str,
}

/// The lanes from `top` on, and their height.
pub(super) fn draw(sheet: &Sheet<'_>, top: f64) -> (String, f64) {
    let mut svg = String::new();
    let lanes = lanes(sheet);
    if lanes.is_empty() {
        return (svg, 0.0);
    }
    let middle = top + lanes.len() as f64 * LANE / 2.0;
    let _ = writeln!(
        svg,
        "<text x=\"18\" y=\"{middle:.1}\" text-anchor=\"middle\" font-weight=\"600\" \
         transform=\"rotate(-90 18 {middle:.1})\">events</text>"
    );
    for (n, lane) in lanes.iter().enumerate() {
        let y = top + n as f64 * LANE;
        let (known, from, until) =
            (sheet.x(lane.known_s), sheet.x(lane.from_s), sheet.x(lane.until_s));
        let width = (until - from).max(3.0);
        let colour = lane.colour;
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {:.1}h{PLOT}\" stroke=\"#eef1f4\"/>\
             <rect x=\"{known:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" fill=\"{colour}\" \
             fill-opacity=\".3\"/>\
             <rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"12\" \
             fill=\"{colour}\"/>",
            y + LANE / 2.0,
            y + 5.0,
            from - known,
            y + 5.0
        );
        let length = lane.text.chars().count() as f64 * LETTER;
        let fits = from + width + 8.0 + length < LEFT + PLOT;
        let (x, anchor) = if fits { (from + width + 8.0, "start") } else { (known - 8.0, "end") };
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" stroke=\"#fff\" \
             stroke-width=\"4\" paint-order=\"stroke\">{}</text>",
            y + 15.0,
            escaped(&lane.text)
        );
    }
    (svg, lanes.len() as f64 * LANE)
}

/// A dashed line through all panels where each event begins.
pub(super) fn marks(sheet: &Sheet<'_>, top: f64, bottom: f64) -> String {
    let mut svg = String::new();
    for lane in lanes(sheet) {
        let x = sheet.x(lane.from_s);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {top:.1}V{bottom:.1}\" stroke=\"{}\" stroke-width=\"1.2\" \
             stroke-dasharray=\"3 3\"/>",
            lane.colour
        );
    }
    svg
}

fn lanes(sheet: &Sheet<'_>) -> Vec<Lane> {
    let end_s = sheet.options.scenario.seconds;
    let mut events: Vec<&Event> = sheet.options.scenario.events.iter().collect();
    events.retain(|event| event.at_s() < end_s);
    events.sort_by(|one, other| one.at_s().total_cmp(&other.at_s()));
    events.into_iter().map(|event| lane(sheet, event)).collect()
}

fn lane(sheet: &Sheet<'_>, event: &Event) -> Lane {
    let report = &sheet.run.report;
    match event {
        Event::BaseLoad { at_s, to_a, over_s } => Lane {
            known_s: *at_s,
            from_s: *at_s,
            until_s: at_s + over_s,
            text: format!("base load changes to {to_a} A on L1"),
            colour: "#7b8794",
        },
        Event::Cut { at_s, until_s, to_a, lead_s } => {
            let cut = report.cuts.iter().find(|cut| (cut.at_s - at_s).abs() < 0.01);
            let reaction = match cut {
                Some(cut) if cut.reaction_s > 0.0 => format!("over for {:.1} s", cut.reaction_s),
                Some(_) => "never over".to_owned(),
                None => "not reached".to_owned(),
            };
            let told = match *lead_s {
                lead_s if lead_s > 0.0 => format!("announced {lead_s} s before"),
                _ => "unannounced".to_owned(),
            };
            Lane {
                known_s: at_s - lead_s,
                from_s: *at_s,
                until_s: *until_s,
                text: format!("limit cut to {to_a} A, {told}: {reaction}"),
                colour: "#111827",
            }
        }
        Event::DropOff { at_s, stations, for_s } => Lane {
            known_s: *at_s,
            from_s: *at_s,
            until_s: at_s + for_s,
            text: format!("{stations} stations lose their connection"),
            colour: "#3e6f9e",
        },
        Event::KillHost { at_s, for_s } => {
            let outage =
                report.outages.iter().find(|outage| (outage.at_ms as f64 / 1e3 - at_s).abs() < 1.0);
            let until_s = outage.map_or(at_s + for_s, |outage| outage.ready_ms as f64 / 1e3);
            Lane {
                known_s: *at_s,
                from_s: *at_s,
                until_s,
                text: format!("host killed with -9, ready again after {:.1} s", until_s - at_s),
                colour: "#c8324b",
            }
        }
    }
}
