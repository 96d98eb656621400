//! Owns what may be asked of the state itself, between inputs: the rows do not hold what changes
//! by the second. Must never change anything, nor take longer than a decision does.

use busbar_charging::ids::SiteId;
use busbar_charging::site::LoadView;
use busbar_charging::subject::Subject;
use busbar_charging::units::Timestamp;
use busbar_engine::Engine;
use tokio::sync::oneshot;

/// A question to the state. Dropping the sender means that the node cannot answer any more.
#[derive(Debug)]
pub enum Query {
    /// How a site's load stands; none where it is not controlled.
    Load(SiteId, oneshot::Sender<Option<Box<LoadView>>>),
    /// The sites whose load is controlled, in order.
    Controlled(oneshot::Sender<Vec<SiteId>>),
}

impl Query {
    /// Answers it from the engine's state: what was decided, committed or not.
    pub fn answer(self, engine: &Engine, now: Timestamp) {
        // A caller that is gone does not wait any more.
        match self {
            Self::Load(site, answer) => {
                let site = engine.site(&Subject::Site(site));
                let view = site.and_then(|site| site.load_view(now));
                let _gone = answer.send(view.map(Box::new));
            }
            Self::Controlled(answer) => {
                let controlled = engine.subjects().filter_map(|subject| match subject {
                    Subject::Site(id) => {
                        let site = engine.site(subject).filter(|site| site.is_load_controlled());
                        site.map(|_| id.clone())
                    }
                    _ => None,
                });
                let _gone = answer.send(controlled.collect());
            }
        }
    }
}
