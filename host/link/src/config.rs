//! Owns what a connection is told when it begins.
//! Must never hold what changes while it lasts.

use busbar_charging::fact::station::{Dialect, Registration};
use busbar_charging::ids::StationId;
use busbar_charging::units::Millis;
use busbar_ocpp::Leniency;
use busbar_ocpp::rpc::Limits;

/// What a connection is told when it begins.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Whose connection, as authenticated.
    pub station: StationId,
    /// What was negotiated for this connection, never what the station spoke before (PITFALLS 1).
    pub dialect: Dialect,
    /// How deviations from the schemas are judged: a policy of the station.
    pub leniency: Leniency,
    /// This process.
    pub incarnation: u64,
    /// This connection within the process.
    pub generation: u64,
    /// The peer's address.
    pub remote: Box<str>,
    /// OCPP security profile, 0 to 3.
    pub security_profile: u8,
    /// How much of a frame is read.
    pub limits: Limits,
    /// How long a call of ours may stay unanswered.
    pub call_timeout: Millis,
    /// Seconds between heartbeats, told to a station that is accepted; 0 lets it choose.
    pub heartbeat_interval_s: u32,
    /// Seconds before it boots again, told to a station that is not accepted (PITFALLS 25).
    pub retry_interval_s: u32,
    /// How its last BootNotification was answered, on any connection; none if it never booted.
    /// A mere reconnect keeps it (PITFALLS 31).
    pub registration: Option<Registration>,
}

impl LinkConfig {
    /// A connection with the usual limits: 30 s for a call, a heartbeat every 300 s, a boot again
    /// after 60 s, nothing known of earlier boots.
    pub fn new(station: StationId, dialect: Dialect, incarnation: u64, generation: u64) -> Self {
        Self {
            station,
            dialect,
            leniency: Leniency::Tolerant,
            incarnation,
            generation,
            remote: "".into(),
            security_profile: 0,
            limits: Limits::default(),
            call_timeout: Millis::from_secs(30),
            heartbeat_interval_s: 300,
            retry_interval_s: 60,
            registration: None,
        }
    }
}
