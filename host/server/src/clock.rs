//! Owns the one place where the shell reads the wall clock. Must never be read where time is an
//! argument.

use std::time::{SystemTime, UNIX_EPOCH};

use busbar_charging::units::Timestamp;

/// Now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
