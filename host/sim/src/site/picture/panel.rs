//! Owns one line's panel: bands one above the other, and the limit. Must never draw a band where
//! nothing flows.

use std::fmt::Write;

use super::style::{BASE, OVER};
use super::{LEFT, PANEL, PLOT, Sheet};

/// A band's edges at one moment.
#[derive(Clone, Copy)]
struct Edge {
    x: f64,
    low: f64,
    high: f64,
}

/// Draws a panel whose upper edge is at `top`.
pub(super) fn draw(sheet: &Sheet<'_>, line: usize, top: f64, svg: &mut String) {
    let most_a = sheet.top_a();
    let bottom = top + PANEL;
    let y = |ma: i64| bottom - PANEL * (ma as f64 / 1e3 / most_a).clamp(0.0, 1.0);
    axis(most_a, line, top, svg);
    let grid = &sheet.run.grid;
    let xs: Vec<f64> =
        sheet.shown.iter().map(|sample| sheet.x(sample.at_ms as f64 / 1e3)).collect();
    let mut low: Vec<i64> =
        sheet.shown.iter().map(|sample| grid.base_ma(sample.at_ms)[line]).collect();
    let edges = |low: &[i64], high: &[i64]| -> Vec<Edge> {
        let edge = |n: usize| Edge { x: xs[n], low: y(low[n]), high: y(high[n]) };
        (0..xs.len()).map(edge).collect()
    };
    let base = band(&edges(&vec![0; low.len()], &low), &|_| true);
    let _ = writeln!(svg, "<path d=\"{base}\" fill=\"{BASE}\"/>");
    for layer in &sheet.layers {
        let place = &sheet.run.plan.places[layer.station];
        let drawn: Vec<i64> = sheet
            .shown
            .iter()
            .map(|sample| {
                let evse = &sample.evses[layer.station];
                let used = place.lines.iter().take(usize::from(evse.phases));
                if used.clone().any(|used| *used == line) { evse.ma } else { 0 }
            })
            .collect();
        if drawn.iter().all(|ma| *ma == 0) {
            continue;
        }
        let high: Vec<i64> = low.iter().zip(&drawn).map(|(low, drawn)| low + drawn).collect();
        let edges = edges(&low, &high);
        let path = band(&edges, &|n| drawn[n] > 0);
        let colour = layer.colour;
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"{colour}\" stroke=\"#fff\" stroke-width=\".4\"/>"
        );
        let away = |n: usize| drawn[n] > 0 && !sheet.shown[n].evses[layer.station].online;
        let path = band(&edges, &away);
        if !path.is_empty() {
            let _ = writeln!(svg, "<path d=\"{path}\" fill=\"url(#away)\"/>");
        }
        low = high;
    }
    let limits: Vec<i64> = sheet.shown.iter().map(|sample| grid.limit_ma(sample.at_ms)).collect();
    let over = band(&edges(&limits, &low), &|n| low[n] > limits[n]);
    if !over.is_empty() {
        let _ = writeln!(svg, "<path d=\"{over}\" fill=\"{OVER}\"/>");
    }
    limit(sheet, &y, svg);
}

/// The limit, with its steps where they are, and what it is at its end.
fn limit(sheet: &Sheet<'_>, y: &dyn Fn(i64) -> f64, svg: &mut String) {
    let grid = &sheet.run.grid;
    let end_ms = super::super::grid::ms(sheet.options.scenario.seconds);
    let cuts = grid.cuts().iter().flat_map(|cut| [cut.from_ms, cut.until_ms]);
    let mut steps: Vec<i64> = cuts.filter(|at_ms| *at_ms < end_ms).chain([0]).collect();
    steps.sort_unstable();
    let mut path = String::new();
    for (n, at_ms) in steps.iter().enumerate() {
        let (x, height) = (sheet.x(*at_ms as f64 / 1e3), y(grid.limit_ma(*at_ms)));
        let _ = match n {
            0 => write!(path, "M{x:.1} {height:.1}"),
            _ => write!(path, "H{x:.1}V{height:.1}"),
        };
    }
    let last = grid.limit_ma(steps.last().copied().unwrap_or(0));
    let reserve_ma = super::super::grid::ma(sheet.options.scenario.site.reserve_a);
    if reserve_ma > 0 {
        let lower = y(0) - y(reserve_ma);
        let _ = writeln!(
            svg,
            "<path d=\"{path}H{:.1}\" transform=\"translate(0 {lower:.1})\" fill=\"none\" \
             stroke=\"#111827\" stroke-dasharray=\"2 3\"/>",
            LEFT + PLOT
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"{path}H{:.1}\" fill=\"none\" stroke=\"#111827\" stroke-width=\"2\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"600\">{} A</text>",
        LEFT + PLOT,
        LEFT + PLOT + 6.0,
        y(last) + 4.0,
        last as f64 / 1e3
    );
}

/// Frame, ticks and name.
fn axis(most_a: f64, line: usize, top: f64, svg: &mut String) {
    let bottom = top + PANEL;
    let step = [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0];
    let step = step.into_iter().find(|step| most_a / step <= 7.0).unwrap_or(5_000.0);
    let mut amps = 0.0;
    while amps <= most_a {
        let y = bottom - PANEL * amps / most_a;
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}h{PLOT}\" stroke=\"#e4e7eb\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{amps:.0}</text>",
            LEFT - 8.0,
            y + 4.0
        );
        amps += step;
    }
    let middle = top + PANEL / 2.0;
    let _ = writeln!(
        svg,
        "<text x=\"18\" y=\"{middle:.1}\" text-anchor=\"middle\" font-weight=\"600\" \
         transform=\"rotate(-90 18 {middle:.1})\">L{}, amperes</text>",
        line + 1
    );
}

/// The outline of a band, in as many pieces as there are stretches where it is there.
fn band(edges: &[Edge], is_there: &dyn Fn(usize) -> bool) -> String {
    let mut path = String::new();
    let mut from = 0;
    while from < edges.len() {
        let until = (from..edges.len()).find(|n| !is_there(*n)).unwrap_or(edges.len());
        if until > from {
            // It ends where the next look shows that it does, so that a single one can be seen.
            let end_x = edges.get(until).map_or(edges[until - 1].x, |next| next.x);
            piece(&edges[from..until], end_x, &mut path);
        }
        from = until + 1;
    }
    path
}

/// Whether an edge moved, so that the path needs a step.
fn differs(new: f64, height: &mut f64) -> bool {
    std::mem::replace(height, new) != new
}

fn piece(edges: &[Edge], end_x: f64, path: &mut String) {
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return };
    // What was seen holds until the next look.
    let _ = write!(path, "M{:.1} {:.1}", first.x, first.high);
    let mut height = first.high;
    for edge in edges[1..].iter().filter(|edge| differs(edge.high, &mut height)) {
        let _ = write!(path, "H{:.1}V{:.1}", edge.x, edge.high);
    }
    let _ = write!(path, "H{end_x:.1}V{:.1}", last.low);
    for pair in edges.windows(2).rev().filter(|pair| pair[0].low != pair[1].low) {
        let _ = write!(path, "H{:.1}V{:.1}", pair[1].x, pair[0].low);
    }
    let _ = write!(path, "H{:.1}Z", first.x);
}
