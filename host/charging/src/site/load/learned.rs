//! Owns what a site has learned of the cars that came: how far off stated departures were, how
//! long cars stayed, and what the cars of one token took. Its size is bounded. Must never hold a
//! token, only a hash of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::IdToken;
use crate::load::plan::departure::Departures;
use crate::units::{Energy, Millis, Timestamp};

/// Stated departures are taken to be off by so much until the site has shown otherwise.
const OFF_BY: Millis = Millis::from_secs(60 * 60);
/// So many tokens are remembered, those that came last.
const TOKENS: usize = 1_000;
/// So many of a token's last visits are.
const VISITS: usize = 8;
/// A habit is one after so many visits.
const HABIT: usize = 5;
/// Of all cars of a site one must have seen so many.
const SITE_HABIT: usize = 20;
/// Whoever stays for shorter has not charged.
const STAYS_AT_LEAST: Millis = Millis::from_secs(5 * 60);
/// Whoever stays for longer was forgotten.
const STAYS_AT_MOST: Millis = Millis::from_secs(7 * 24 * 3_600);

/// What a site has learned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Learned {
    /// How far off stated departures were.
    pub(super) stated: Departures,
    /// How long cars stayed that stated none.
    pub(super) stays: Departures,
    /// By a hash of the token.
    tokens: BTreeMap<u64, Token>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Token {
    seen: Timestamp,
    /// The last ones, the newest last.
    visits: Vec<(Millis, Energy)>,
}

/// What cars of one token usually do, as it was known when one came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Habit {
    /// How long they stayed.
    pub(super) stays: Vec<Millis>,
    /// What nearly all of them took at most.
    pub(super) energy: Energy,
}

/// A visit that is over.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) token: Option<IdToken>,
    pub(super) stayed: Millis,
    pub(super) took: Energy,
    /// When it was said to end, and when it did, by our clock.
    pub(super) stated: Option<(Timestamp, Timestamp)>,
}

impl Default for Learned {
    fn default() -> Self {
        let (stays, tokens) = (Departures::default(), BTreeMap::new());
        Self { stated: Departures::assumed(OFF_BY), stays, tokens }
    }
}

impl Learned {
    pub(super) fn left(&mut self, at: Timestamp, visit: &Visit) {
        if visit.stayed < STAYS_AT_LEAST || visit.stayed > STAYS_AT_MOST {
            return;
        }
        if let Some((expected, left)) = visit.stated {
            self.stated.left(expected, left);
        } else {
            self.stays.left(Timestamp(0), Timestamp(visit.stayed.0));
        }
        let Some(token) = &visit.token else { return };
        let key = hashed(token);
        if !self.tokens.contains_key(&key) && self.tokens.len() >= TOKENS {
            let oldest = self.tokens.iter().min_by_key(|(_, token)| token.seen);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.tokens.remove(&oldest);
            }
        }
        let new = || Token { seen: at, visits: Vec::new() };
        let token = self.tokens.entry(key).or_insert_with(new);
        token.seen = at;
        if token.visits.len() >= VISITS {
            token.visits.remove(0);
        }
        token.visits.push((visit.stayed, visit.took));
    }

    /// What cars of a token usually do, once that is known.
    pub(super) fn habit(&self, token: &IdToken) -> Option<Habit> {
        let token = self.tokens.get(&hashed(token))?;
        if token.visits.len() < HABIT {
            return None;
        }
        let energy = token.visits.iter().map(|(_, energy)| *energy).max()?;
        Some(Habit { stays: token.visits.iter().map(|(stayed, _)| *stayed).collect(), energy })
    }

    /// Whether enough cars were seen to say how long one stays that says nothing.
    pub(super) fn knows_stays(&self) -> bool {
        self.stays.seen() >= SITE_HABIT
    }

    #[cfg(test)]
    pub(super) fn tokens(&self) -> usize {
        self.tokens.len()
    }
}

/// FNV-1a: the same in every build.
fn hashed(token: &IdToken) -> u64 {
    let bytes = token.kind_name().bytes().chain([0]).chain(token.value().bytes());
    bytes.fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TokenKind;

    #[test]
    fn what_is_learned_is_bounded_and_needs_some_visits() {
        let mut learned = Learned::default();
        let token = |n: i64| IdToken::new(TokenKind::Iso14443, &format!("{n:08}"));
        let visit = |n: i64, minutes: i64| Visit {
            token: Some(token(n)),
            stayed: Millis::from_secs(minutes * 60),
            took: Energy::from_wh(n * 1_000),
            stated: None,
        };
        for n in 0..3_000 {
            learned.left(Timestamp(n), &visit(n, 60));
        }
        assert_eq!(learned.tokens(), TOKENS);
        assert_eq!(learned.habit(&token(2_999)), None, "one visit is no habit");
        for n in 0..100 {
            learned.left(Timestamp(4_000 + n), &visit(7, 100 + n));
        }
        let habit = learned.habit(&token(7)).unwrap();
        assert_eq!(habit.stays.len(), VISITS);
        assert_eq!(habit.energy, Energy::from_wh(7_000));
        assert!(learned.knows_stays());
        let before = learned.clone();
        learned.left(Timestamp(5_000), &visit(7, 1));
        learned.left(Timestamp(5_000), &visit(7, 60 * 24 * 30));
        assert_eq!(learned, before, "neither is a visit");
    }
}
