//! Owns the count of wrong tokens by address, so that nobody can try for ever. Must never lock
//! out the right token: it has 160 random bits, which no rate of guessing finds, and whoever
//! shares an address with a guesser must still get in.

use std::net::IpAddr;
use std::time::Instant;

use axum::http::{HeaderValue, header};

use super::problem::{Kind, Problem};
use crate::failures::{Failures, network};

/// So many wrong tokens of one address in a minute are borne.
const BORNE: u32 = 30;

/// Wrong tokens lately.
#[derive(Debug)]
pub struct Attempts {
    failures: Failures<Option<IpAddr>>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { failures: Failures::new(BORNE) }
    }
}

impl Attempts {
    /// Whether this address may try.
    ///
    /// # Errors
    /// It has failed too often lately.
    pub fn check(&self, peer: Option<IpAddr>) -> Result<(), Problem> {
        let Some(wait) = self.failures.wait(&peer.map(network), Instant::now()) else {
            return Ok(());
        };
        let wait = wait.as_secs() + 1;
        let problem = Kind::TooManyAttempts.because(format!("try again in {wait} s"));
        Err(problem.header(header::RETRY_AFTER, HeaderValue::from(wait)))
    }

    /// This address sent a wrong token.
    pub fn failed(&self, peer: Option<IpAddr>) {
        self.failures.failed(peer.map(network), Instant::now());
    }
}
