//! Owns how a snapshot holds load control: all of it but what its configuration says.
//! Must never restore anything but what was there, nor half of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check::Check;
use super::history::History;
use super::limited::Limited;
use super::planning::Planning;
use super::{Live, Load};
use crate::fact::load::LoadRecorded;
use crate::fact::site::Blob;
use crate::ids::StationId;
use crate::load::external::Window;
use crate::load::kernel::Kernel;
use crate::load::kernel::meter::Meter;
use crate::units::Timestamp;

/// The version of the form.
const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct Body {
    kernel: Kernel,
    evses: Vec<Live>,
    /// In the order of the tree's sources.
    sources: Vec<Source>,
    meters: Vec<Option<Meter>>,
    due: Option<Timestamp>,
    decided: Timestamp,
    #[serde(default)]
    history: History,
    #[serde(default)]
    checks: BTreeMap<StationId, Check>,
    /// Since the planner is part of it.
    #[serde(default)]
    planning: Planning,
    /// Since others may limit stations.
    #[serde(default)]
    limited: Vec<Limited>,
}

#[derive(Serialize, Deserialize)]
struct Source {
    heard: Option<Timestamp>,
    windows: Vec<Window>,
}

impl Load {
    /// The fact that makes it again, after the fact of its configuration.
    pub(in crate::site) fn record(&self) -> LoadRecorded {
        let source = |source: &crate::load::external::ExternalLimit| Source {
            heard: source.heard,
            windows: source.windows.clone(),
        };
        let body = Body {
            kernel: self.kernel.clone(),
            evses: self.evses.clone(),
            sources: self.sources.iter().map(source).collect(),
            meters: self.meters.clone(),
            due: self.due,
            decided: self.decided,
            history: self.history.clone(),
            checks: self.checks.clone(),
            planning: self.planning.clone(),
            limited: self.limited.clone(),
        };
        // Numbers and text can always be written.
        let body = Blob(minicbor_serde::to_vec(&body).unwrap_or_default());
        LoadRecorded { at: self.decided, version: VERSION, body }
    }

    pub(super) fn restore(&mut self, recorded: &LoadRecorded) {
        if recorded.version != VERSION {
            return;
        }
        let Ok(body) = minicbor_serde::from_slice::<Body>(&recorded.body.0) else { return };
        if !body.limited.is_empty() {
            // Their circuits are part of the rows.
            self.rewire(recorded.at, |limited| limited.clone_from(&body.limited));
        }
        let fits = body.evses.len() == self.evses.len()
            && body.sources.len() == self.sources.len()
            && body.meters.len() == self.meters.len();
        if !fits {
            return;
        }
        for (known, source) in self.sources.iter_mut().zip(body.sources) {
            (known.heard, known.windows) = (source.heard, source.windows);
        }
        self.kernel = body.kernel;
        self.evses = body.evses;
        self.meters = body.meters;
        for (meter, row) in self.meters.iter_mut().zip(self.rows.rows()) {
            let Some(meter) = meter else { continue };
            super::set_up(meter, row, &self.config);
        }
        self.checks = body.checks;
        (self.due, self.decided) = (body.due, body.decided);
        self.history = body.history;
        self.planning = body.planning;
    }
}
