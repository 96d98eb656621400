//! CDRs of a stopped host, read from its data folder.

//! What a stopped host shows that its store has not written yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use busbar_charging::fact::Actor;
use busbar_charging::fact::network::TokenPut;
use busbar_charging::fact::station::AuthorizationStatus;
use busbar_charging::ids::{IdToken, TokenKind};
use busbar_charging::subject::{Key, Row, Subject, Table};
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Position, Range, Reader, Restored, StoreError};

use super::{Whole, missing_rows};

struct Kept(BTreeMap<Key, Row>);

impl Reader for Kept {
    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn page(&self, range: &Range) -> Result<Vec<(Key, Row)>, StoreError> {
        let fits = |path: &String| match (&range.after, range.reverse) {
            (None, _) => true,
            (Some(after), true) => path < after,
            (Some(after), false) => path > after,
        };
        let rows = self.0.iter().filter(|(key, _)| fits(&key.path));
        let owned = |(key, row): (&Key, &Row)| (key.clone(), row.clone());
        Ok(match range.reverse {
            true => rows.rev().take(range.limit).map(owned).collect(),
            false => rows.take(range.limit).map(owned).collect(),
        })
    }
}

fn key(path: &str) -> Key {
    Key { table: Table::Cdr, path: path.into() }
}

#[test]
fn rows_that_are_missing_come_from_the_facts() {
    let token = IdToken::new(TokenKind::Iso14443, "AA");
    let put = TokenPut {
        at: Timestamp(5),
        actor: Actor::Clock,
        token: token.clone(),
        status: AuthorizationStatus::Accepted,
        group: None,
        expires: None,
        master: false,
        concurrent: false,
        version: 1,
    };
    let subject = Subject::Network;
    let position = Position { shard: subject.shard(), sequence: 1 };
    let facts = vec![(position, subject, put.into())];
    let rows = missing_rows(Restored { facts, heads: vec![position], ..Restored::default() });
    assert!(rows.get(&Key::token(&token)).is_some_and(Option::is_some));
    assert!(missing_rows(Restored::default()).is_empty());
}

#[test]
fn pages_merge_what_is_kept_and_what_is_missing() {
    let kept = [("a", 1), ("c", 1), ("e", 1)].map(|(path, n)| (key(path), Row(vec![n])));
    let missing = [("b", Some(2)), ("c", None), ("e", Some(2))];
    let missing = missing.map(|(path, n)| (key(path), n.map(|n| Row(vec![n]))));
    let whole = Whole { rows: missing.into(), store: Arc::new(Kept(kept.into())) };
    let page = |after: Option<&str>, reverse, limit| {
        let range = Range { prefix: key(""), after: after.map(Into::into), reverse, limit };
        let rows = whole.page(&range).unwrap();
        rows.into_iter().map(|(key, row)| format!("{}{}", key.path, row.0[0])).collect::<Vec<_>>()
    };
    assert_eq!(page(None, false, 9), ["a1", "b2", "e2"]);
    assert_eq!(page(None, true, 2), ["e2", "b2"]);
    assert_eq!(page(Some("b"), true, 9), ["a1"]);
    assert_eq!(page(Some("a"), false, 1), ["b2"]);
    assert_eq!(whole.get(&key("c")).unwrap(), None);
    assert_eq!(whole.get(&key("a")).unwrap(), Some(Row(vec![1])));
}
