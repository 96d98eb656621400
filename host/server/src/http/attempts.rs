//! Owns the count of wrong tokens by address, so that nobody can try for ever. Must never lock
//! out an address that sends the right token and has not failed too often.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, header};

use super::problem::{Kind, Problem};

/// So many wrong tokens of one address in a minute are borne.
const BORNE: u32 = 30;
const WINDOW: Duration = Duration::from_secs(60);
/// More addresses than that are not told apart.
const ADDRESSES: usize = 10_000;

/// Wrong tokens of the current minute.
#[derive(Debug)]
pub struct Attempts {
    counted: Mutex<(Instant, HashMap<Option<IpAddr>, u32>)>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { counted: Mutex::new((Instant::now(), HashMap::new())) }
    }
}

impl Attempts {
    /// Whether this address may try.
    ///
    /// # Errors
    /// It has failed too often in the last minute.
    pub fn check(&self, peer: Option<IpAddr>) -> Result<(), Problem> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.0.elapsed() >= WINDOW {
            *counted = (Instant::now(), HashMap::new());
        }
        if counted.1.get(&peer).is_none_or(|failed| *failed < BORNE) {
            return Ok(());
        }
        let wait = WINDOW.saturating_sub(counted.0.elapsed()).as_secs() + 1;
        let problem = Kind::TooManyAttempts.because(format!("try again in {wait} s"));
        Err(problem.header(header::RETRY_AFTER, HeaderValue::from(wait)))
    }

    /// This address sent a wrong token.
    pub fn failed(&self, peer: Option<IpAddr>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.1.len() < ADDRESSES || counted.1.contains_key(&peer) {
            *counted.1.entry(peer).or_insert(0) += 1;
        }
    }
}
