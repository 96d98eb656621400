//! Owns the picture of a run, as one SVG that needs nothing else: for each line the base load and
//! what each car drew, one above the other, against the limit, and below that what happened. Must
//! never smooth a peak away: of each second the look with the most draw is shown.

mod lanes;
mod panel;
mod style;

use std::fmt::Write;

use super::Options;
use super::run::Run;
use super::sample::Sample;
use style::{Layer, escaped, layers};

const WIDTH: f64 = 1240.0;
const LEFT: f64 = 66.0;
const PLOT: f64 = 940.0;
const TOP: f64 = 92.0;
const PANEL: f64 = 210.0;
const GAP: f64 = 26.0;

/// What every part of the picture needs.
struct Sheet<'a> {
    options: &'a Options,
    run: &'a Run,
    /// One look of each second.
    shown: Vec<&'a Sample>,
    layers: Vec<Layer>,
}

/// Draws a run.
pub fn draw(options: &Options, run: &Run) -> String {
    let sheet = Sheet { options, run, shown: shown(run), layers: layers(options, run) };
    let panels = TOP + 3.0 * (PANEL + GAP);
    let (lanes, lanes_height) = lanes::draw(&sheet, panels + 34.0);
    let height = panels + 34.0 + lanes_height + 24.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         width=\"{WIDTH}\" height=\"{height:.0}\" font-family=\"system-ui, 'Segoe UI', \
         'DejaVu Sans', Helvetica, Arial, sans-serif\" font-size=\"12\" fill=\"#1f2933\">\n"
    );
    svg.push_str(style::DEFINITIONS);
    let _ = writeln!(svg, "<rect width=\"{WIDTH}\" height=\"{height:.0}\" fill=\"#ffffff\"/>");
    sheet.heading(&mut svg);
    let marks = lanes::marks(&sheet, TOP, panels - GAP);
    for line in 0..3 {
        panel::draw(&sheet, line, TOP + line as f64 * (PANEL + GAP), &mut svg);
    }
    svg.push_str(&marks);
    sheet.seconds(panels - GAP, &mut svg);
    svg.push_str(&lanes);
    sheet.legend(&mut svg);
    svg.push_str("</svg>\n");
    svg
}

impl Sheet<'_> {
    fn x(&self, at_s: f64) -> f64 {
        LEFT + PLOT * (at_s / self.options.scenario.seconds).clamp(0.0, 1.0)
    }

    /// The current at the top of each panel.
    fn top_a(&self) -> f64 {
        let report = &self.run.report;
        (report.limit_a[1].max(report.load_a_max) * 1.08 / 50.0).ceil() * 50.0
    }

    fn heading(&self, svg: &mut String) {
        let report = &self.run.report;
        let stations: usize = report.stations.iter().sum();
        let [v16, v201, v21] = report.stations;
        let excess = if report.excess_a > 0.0 {
            let place = report.excess_at.as_deref().unwrap_or_default();
            let (most, long) = (report.excess_a, report.excess_s);
            format!("A limit was exceeded by up to {most:.1} A, for {long:.1} s: {place}.")
        } else {
            "No limit was exceeded outside of the reaction to a cut without a warning.".to_owned()
        };
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"32\" font-size=\"20\" font-weight=\"600\">{stations} charging \
             stations on one grid connection: what their cars draw against the limit</text>\n\
             <text x=\"{LEFT}\" y=\"54\" fill=\"#52606d\">Measured inside the simulated stations, \
             {} times in {:.0} s; OCPP 1.6: {v16}, 2.0.1: {v201}, 2.1: {v21}. A colour is a \
             feeder or a fault, a band is a car.</text>\n\
             <text x=\"{LEFT}\" y=\"72\" fill=\"#52606d\">{}</text>",
            report.samples,
            report.seconds,
            escaped(&excess),
        );
    }

    /// The axis of time, below the panels.
    fn seconds(&self, y: f64, svg: &mut String) {
        let seconds = self.options.scenario.seconds;
        let step = [5.0, 10.0, 20.0, 60.0, 300.0, 900.0, 3_600.0];
        let step = step.into_iter().find(|step| seconds / step <= 17.0).unwrap_or(7_200.0);
        let mut at_s = 0.0;
        while at_s <= seconds {
            let x = self.x(at_s);
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {y:.1}v5\" stroke=\"#7b8794\"/><text x=\"{x:.1}\" y=\"{:.1}\" \
                 text-anchor=\"middle\">{at_s:.0}</text>",
                y + 18.0
            );
            at_s += step;
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"#52606d\">seconds</text>",
            LEFT + PLOT + 14.0,
            y + 18.0
        );
    }

    fn legend(&self, svg: &mut String) {
        let x = LEFT + PLOT + 62.0;
        let mut y = TOP + 8.0;
        let mut entry = |swatch: String, name: &str| {
            let _ = writeln!(
                svg,
                "{swatch}<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + 24.0,
                y + 10.0,
                escaped(name)
            );
            y += 21.0;
            y
        };
        let mut at = TOP + 8.0;
        let line = |y: f64, width: u8, dashes: &str| {
            let y = y + 6.0;
            format!(
                "<path d=\"M{x:.1} {y:.1}h16\" stroke=\"#111827\" stroke-width=\"{width}\" \
                 stroke-dasharray=\"{dashes}\"/>"
            )
        };
        at = entry(line(at, 2, ""), "limit");
        if self.options.scenario.site.reserve_a > 0.0 {
            at = entry(line(at, 1, "2 3"), "limit less reserve");
        }
        let square = |y: f64, fill: &str| {
            format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"16\" height=\"12\" fill=\"{fill}\"/>")
        };
        let mut seen: Vec<&str> = Vec::new();
        for layer in self.layers.iter().rev() {
            if !seen.contains(&layer.legend.as_str()) {
                seen.push(&layer.legend);
                at = entry(square(at, layer.colour), &layer.legend);
            }
        }
        at = entry(square(at, style::BASE), "base load");
        let hatch = square(at, "#9fb3c8") + &square(at, "url(#away)");
        at = entry(hatch, "without a connection");
        if self.run.report.series.iter().any(|m| (0..3).any(|n| over(m, n))) {
            entry(square(at, style::OVER), "over the limit");
        }
    }
}

fn over(moment: &super::report::Moment, line: usize) -> bool {
    moment.draw_a[line] + moment.base_a[line] > moment.limit_a
}

/// Of each second the look at which most was drawn.
fn shown(run: &Run) -> Vec<&Sample> {
    let drawn = |sample: &Sample| sample.lines_ma(&run.plan, None).iter().sum::<i64>();
    let mut shown: Vec<&Sample> = Vec::new();
    for sample in run.samples.iter().filter(|sample| sample.at_ms >= 0) {
        match shown.last_mut() {
            Some(last) if last.at_ms / 1_000 == sample.at_ms / 1_000 => {
                if drawn(sample) > drawn(last) {
                    *last = sample;
                }
            }
            _ => shown.push(sample),
        }
    }
    shown
}
