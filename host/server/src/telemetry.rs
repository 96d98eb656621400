//! Owns what the node tells about itself: log lines and metrics. Must never show a secret, let a
//! peer forge a line, or give a metric a label that a peer can choose.

mod logs;
mod metrics;

pub use logs::start as start_logs;
pub use metrics::{Metrics, OcppFrames, RowLoad, SiteLoad};
