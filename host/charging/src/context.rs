//! Owns what `decide` may look at beside its subject's state.
//! Must never hold what is large: that is recalled.

use crate::ids::Ids;
use crate::input::Recalled;
use crate::network::Network;
use crate::units::{Energy, Millis, Power};

/// What `decide` may look at beside its subject's state.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What is small and of the whole network.
    pub network: &'a Network,
    /// What `needs` asked for.
    pub recalled: &'a Recalled,
    /// Fresh ids for this input.
    pub ids: Ids,
    /// What the operator configured.
    pub policy: &'a Policy,
}

/// What the operator configured, of what `decide` reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Time online after the last message before a session is billed: `billing.settle`.
    pub settle: Millis,
    /// How long a reply may wait for a price.
    pub price_wait: Millis,
    /// The site's time zone, IANA.
    pub time_zone: String,
    /// Accept tokens that are not known.
    pub accept_unknown_tokens: bool,
    /// Accept NoAuthorization.
    pub accept_no_authorization: bool,
    /// The most that one EVSE can deliver.
    pub max_power: Power,
    /// A register may fall by so much without being held (stations round).
    pub meter_tolerance: Energy,
    /// Station and server clock may differ by so much.
    pub clock_tolerance: Millis,
    /// False while what a session writes may find no room on the disk: tokens that would begin
    /// one and remote starts are refused. What a station reports is taken always.
    pub new_sessions: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            settle: Millis::from_secs(15 * 60),
            price_wait: Millis::from_secs(2),
            time_zone: "Etc/UTC".into(),
            accept_unknown_tokens: false,
            accept_no_authorization: false,
            max_power: Power(1_000_000),
            meter_tolerance: Energy::from_wh(10),
            clock_tolerance: Millis::from_secs(24 * 60 * 60),
            new_sessions: true,
        }
    }
}

/// What was decided: what to remember, what to do once that is durable, what to work out.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// In order.
    pub facts: Vec<crate::fact::Fact>,
    /// In order.
    pub actions: Vec<crate::action::Action>,
    /// Pure work: leaves at once.
    pub work: Vec<crate::input::Work>,
}
