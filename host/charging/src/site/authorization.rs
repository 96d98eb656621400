//! Owns who may charge: the answer to a token, from its row, its live sessions and the policy.
//! Must never look a token up anywhere but in what was recalled.

use super::Site;
use super::station::Station;
use crate::context::Context;
use crate::fact::station::{Authorization, AuthorizationStatus, Dialect};
use crate::ids::{IdToken, SessionId, StationId, TokenKind, TransactionId};
use crate::row::{self, RowBody};
use crate::subject::{Key, Table};
use crate::units::{Millis, Timestamp};

/// What must be recalled to answer a token: all kinds of its value, and its open sessions.
pub(crate) fn token_prefixes(token: &IdToken) -> Vec<Key> {
    if *token.kind() == TokenKind::NoAuthorization {
        return Vec::new();
    }
    let kinds = Key { table: Table::Token, path: format!("{}\0", token.value()) };
    vec![kinds, Key::live_prefix(token)]
}

/// Whom an answer is for.
pub(crate) struct Asked<'a> {
    pub(crate) station: &'a Station,
    pub(crate) token: &'a IdToken,
    /// The transaction that the token starts, stops or continues: never concurrent with itself.
    pub(crate) transaction: Option<&'a TransactionId>,
    /// Where, if known: an open transaction there is over when a new one starts.
    pub(crate) evse: Option<u32>,
    /// False for a token that stops: that is never concurrent.
    pub(crate) starts: bool,
}

/// A station that was refused for want of room may remember it for so long.
const NO_ROOM_FOR: Millis = Millis::from_secs(60);

impl Site {
    /// The answer to a token that is presented before a transaction. Where no session may begin,
    /// only a token that already charges is let through: it may be there to stop.
    pub(crate) fn present(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        asked: &Asked<'_>,
    ) -> Authorization {
        let found = self.authorize(context, now, asked);
        let may = context.policy.new_sessions
            || found.status != AuthorizationStatus::Accepted
            || self.runs_elsewhere(context, asked);
        if may {
            return found;
        }
        let expires = Some(now.plus(NO_ROOM_FOR));
        Authorization { status: AuthorizationStatus::Invalid, expires, ..found }
    }

    /// The answer to a token.
    pub(crate) fn authorize(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        asked: &Asked<'_>,
    ) -> Authorization {
        let plain = |status| Authorization { status, group: None, expires: None, master: false };
        if *asked.token.kind() == TokenKind::NoAuthorization {
            return plain(if context.policy.accept_no_authorization {
                AuthorizationStatus::Accepted
            } else {
                AuthorizationStatus::Invalid
            });
        }
        let Some(put) = find_token(context, asked) else {
            return plain(if context.policy.accept_unknown_tokens {
                AuthorizationStatus::Accepted
            } else {
                AuthorizationStatus::Unknown
            });
        };
        let expired = put.expires.is_some_and(|expires| expires <= now);
        let status = match put.status {
            AuthorizationStatus::Accepted if expired => AuthorizationStatus::Expired,
            AuthorizationStatus::Accepted if put.master && asked.starts => {
                AuthorizationStatus::Invalid
            }
            AuthorizationStatus::Accepted
                if asked.starts && !put.concurrent && self.runs_elsewhere(context, asked) =>
            {
                AuthorizationStatus::ConcurrentTx
            }
            status => status,
        };
        Authorization { status, group: put.group, expires: put.expires, master: put.master }
    }

    /// Whether the token runs another transaction than the one asked for.
    fn runs_elsewhere(&self, context: &Context<'_>, asked: &Asked<'_>) -> bool {
        let here = asked.station.transactions.values().any(|transaction| {
            let excused = Some(&transaction.id) == asked.transaction
                || (asked.evse.is_some() && transaction.glance.evse == asked.evse);
            transaction.is_live() && transaction.starter() == Some(asked.token) && !excused
        });
        // Those of other stations, of this site too, by their rows: a site may have many.
        here || context.recalled.rows.iter().any(|(key, row)| {
            let of_token = key.table == Table::Live
                && key.path.starts_with(&Key::live_prefix(asked.token).path);
            of_token
                && row.as_ref().is_some_and(|row| match row::Live::from_row(row) {
                    Ok(row::Live { at: (station, _) }) => station != asked.station.id,
                    Err(_) => false,
                })
        })
    }
}

/// The token's row: of its kind; 1.6 knows no kinds, there any of its value will do.
fn find_token(context: &Context<'_>, asked: &Asked<'_>) -> Option<crate::fact::network::TokenPut> {
    if let Some(row) = context.recalled.get(&Key::token(asked.token)) {
        return row::Token::from_row(row).ok().map(|row| row.put);
    }
    let dialect = asked.station.connection.as_ref().map(|connection| connection.dialect);
    if dialect != Some(Dialect::V16) {
        return None;
    }
    let path = format!("{}\0", asked.token.value());
    let rows = context.recalled.rows.iter();
    rows.filter(|(key, _)| key.table == Table::Token && key.path.starts_with(&path))
        .find_map(|(_, row)| row::Token::from_row(row.as_ref()?).ok())
        .map(|row| row.put)
}

/// Where an open session of a token is.
pub(crate) fn live_row(
    token: &IdToken,
    session: SessionId,
    station: &StationId,
    transaction: &TransactionId,
    live: bool,
) -> (Key, Option<crate::subject::Row>) {
    let body = row::Live { at: (station.clone(), transaction.clone()) };
    (Key::live(token, session), live.then(|| body.to_row()))
}
