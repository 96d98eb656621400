//! Owns the state of one site: its stations, their connectors, transactions and wishes.
//! Must never look at another site's state: that is recalled.

use crate::context::{Context, Outcome};
use crate::fact::Fact;
use crate::input::{Input, Needs};
use crate::subject::{Key, Row};
use crate::units::Timestamp;

/// A site's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {}

impl Site {
    /// What must be recalled before `decide`.
    pub fn needs(&self, _input: &Input) -> Needs {
        Needs::default()
    }

    /// What follows from an input. Cannot fail: nonsense becomes a refusal.
    pub fn decide(&self, _context: &Context<'_>, _now: Timestamp, _input: Input) -> Outcome {
        Outcome::default()
    }

    /// The only way that the state changes.
    pub fn apply(&mut self, _fact: &Fact) {}

    /// What the world may read of a fact; asked after `apply`.
    pub fn rows(&self, _fact: &Fact) -> Vec<(Key, Option<Row>)> {
        Vec::new()
    }

    /// When it wants to be asked again. A point that has passed: at once.
    pub fn deadline(&self) -> Option<Timestamp> {
        None
    }

    /// The facts that make this state again.
    pub fn snapshot(&self) -> Vec<Fact> {
        Vec::new()
    }
}
