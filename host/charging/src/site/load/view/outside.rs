//! Owns what people see of what comes from outside: limits of sources and readings of meters.
//! Must never decide.

use super::super::Load;
use crate::load::external::Window;
use crate::load::kernel::meter::Standing;
use crate::load::rows::CircuitLimit;
use crate::units::Timestamp;

/// What a source says about a circuit, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceView {
    /// The circuit.
    pub circuit: Box<str>,
    /// Who says it, as the tree names it.
    pub source: Box<str>,
    /// When it was last heard.
    pub heard: Option<Timestamp>,
    /// When it counts as silent; none where it may be silent for ever.
    pub silent_from: Option<Timestamp>,
    /// Whether it is silent, so that its fallback stands, or what it announced where that is lower.
    pub is_silent: bool,
    /// What stands at most when it is silent.
    pub fallback: CircuitLimit,
    /// What stands now.
    pub holds: CircuitLimit,
    /// All that it has announced and that is not over.
    pub windows: Vec<Window>,
}

/// A meter of a circuit, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterView {
    /// As the tree names it.
    pub meter: Box<str>,
    /// Its circuit.
    pub circuit: Box<str>,
    /// When it was last read.
    pub read: Option<Timestamp>,
    /// How well it is known, in the row where it is known the least.
    pub standing: Standing,
    /// How many readings were refused, because they cannot be.
    pub refused: u32,
}

impl Load {
    pub(super) fn source_views(&self, now: Timestamp) -> Vec<SourceView> {
        let view = |source: &crate::load::external::ExternalLimit| {
            let silent_from = source.silent_from();
            SourceView {
                circuit: (&*source.circuit).into(),
                source: (&*source.source).into(),
                heard: source.heard,
                silent_from: source.timeout.and(source.heard).map(|_| silent_from),
                is_silent: now >= silent_from,
                fallback: source.fallback,
                holds: source.at(now),
                windows: source.windows.iter().filter(|one| one.until > now).copied().collect(),
            }
        };
        self.sources.iter().map(view).collect()
    }

    pub(super) fn meter_views(&self, now: Timestamp) -> Vec<MeterView> {
        let circuits = self.config.tree.circuits.iter();
        let metered = circuits.filter_map(|circuit| Some((circuit, circuit.meter.as_deref()?)));
        let view = |(circuit, meter): (&crate::load::circuit::Circuit, &str)| {
            let rows = self.rows.rows().iter().zip(&self.meters);
            let of_it = rows.filter(|(row, _)| *row.circuit == *circuit.name);
            let of_it: Vec<_> = of_it.filter_map(|(_, meter)| meter.as_ref()).collect();
            let standing = of_it.iter().map(|meter| meter.background(now).standing).max();
            MeterView {
                meter: meter.into(),
                circuit: circuit.name.clone(),
                read: of_it.iter().filter_map(|meter| meter.read()).max(),
                standing: standing.unwrap_or(Standing::Lost),
                refused: of_it.iter().map(|meter| meter.refused()).max().unwrap_or(0),
            }
        };
        metered.map(view).collect()
    }

    /// The source whose limit holds in a row now, as an index into `source_views`.
    pub(super) fn set_by(&self, row: usize, now: Timestamp) -> Option<u32> {
        let row = &self.rows.rows()[row];
        let said = (0..).zip(&self.sources).filter(|(_, source)| source.circuit == row.circuit);
        let limits = said.filter_map(|(index, source)| {
            let limit = row.limit_from(&source.at(now))?;
            row.limit.is_none_or(|configured| limit < configured).then_some((limit, index))
        });
        limits.min().map(|(_, index)| index)
    }
}
