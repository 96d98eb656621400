//! Owns what a run may be held to. A bound that was not measured is missed, never met. Must never
//! measure.

use serde::{Deserialize, Serialize};

/// What a whole run must keep to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Resident memory of the host for each idle connection, in KiB, without TLS.
    #[serde(default)]
    pub kib_per_connection_max: Option<f64>,
    /// The same with TLS.
    #[serde(default)]
    pub kib_per_connection_tls_max: Option<f64>,
}

/// What a phase must keep to; each round and each size of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseBounds {
    /// CPU time of the host for each message, in microseconds.
    #[serde(default)]
    pub cpu_us_max: Option<f64>,
    /// The same, divided by what a bare WebSocket echo needs for a message at the same rate on the
    /// same machine.
    #[serde(default)]
    pub cpu_echo_ratio_max: Option<f64>,
    /// 99 of 100 answers come within so many milliseconds.
    #[serde(default)]
    pub p99_ms_max: Option<f64>,
    /// Answered messages in a second.
    #[serde(default)]
    pub per_second_min: Option<f64>,
    /// Errors, and calls without an answer.
    #[serde(default)]
    pub failures_max: Option<u64>,
    /// Connections that broke or were refused.
    #[serde(default)]
    pub broken_max: Option<u64>,
    /// All stations are back from a storm within so many seconds, boot and states answered.
    #[serde(default)]
    pub back_within_s: Option<f64>,
    /// Every state whose message was acknowledged is what the API tells afterwards.
    #[serde(default)]
    pub nothing_lost: bool,
    /// The p99 divided by that of the phase that it is `against`: the median of all rounds.
    #[serde(default)]
    pub p99_ratio_max: Option<f64>,
    /// CPU time for each message with the dearest size of the fleet, divided by that with the
    /// smallest one.
    #[serde(default)]
    pub cpu_ratio_max: Option<f64>,
    /// The same, less what a bare echo's message costs more with so many connections at the same
    /// rate on the same machine than with those of the smallest size: what the host adds to it.
    #[serde(default)]
    pub cpu_ratio_beyond_echo_max: Option<f64>,
    /// Resident memory of the host: the median of the last quarter divided by that of the first.
    #[serde(default)]
    pub rss_ratio_max: Option<f64>,
    /// Growth of resident memory by the line of least squares, in KiB a minute.
    #[serde(default)]
    pub rss_slope_kib_per_min_max: Option<f64>,
}

impl PhaseBounds {
    /// Whether a bare echo is to be measured first.
    pub fn need_an_echo(&self) -> bool {
        self.cpu_echo_ratio_max.is_some() || self.cpu_ratio_beyond_echo_max.is_some()
    }
}
