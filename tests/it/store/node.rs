//! An engine on a store, driven one input at a time, whose rows say which inputs are in them.

use std::collections::BTreeMap;

use busbar_charging::context::Policy;
use busbar_charging::fact::Actor;
use busbar_charging::fact::network::TokenPut;
use busbar_charging::fact::station::AuthorizationStatus;
use busbar_charging::ids::{IdToken, TokenKind};
use busbar_charging::input::{Input, Precondition, Request};
use busbar_charging::row::{self, RowBody};
use busbar_charging::subject::{Key, Subject, Table};
use busbar_charging::units::{Millis, Timestamp};
use busbar_engine::store::{Range, Restored, Store, StoreError, recall};
use busbar_engine::{Engine, Event, Output, Tuning};

/// Input `n` puts token `n % TOKENS`.
const TOKENS: u64 = 37;

/// An engine on a store.
pub(super) struct Node {
    engine: Engine,
    store: Box<dyn Store>,
    now: Timestamp,
    /// Inputs that are durable.
    pub(super) inputs: u64,
}

impl Node {
    pub(super) fn new(opened: (Box<dyn Store>, Restored)) -> Self {
        Self::try_new(opened).unwrap()
    }

    /// The same, on a disk that may fail.
    pub(super) fn try_new(
        (store, restored): (Box<dyn Store>, Restored),
    ) -> Result<Self, StoreError> {
        let shard = Subject::Network.shard();
        let head = restored.heads.iter().find(|head| head.shard == shard);
        let inputs = head.map_or(0, |head| head.sequence);
        let now = Timestamp(inputs as i64 * 10);
        let tuning = Tuning { pace: Millis::ZERO, log_window: 100, ..Tuning::default() };
        let engine = Engine::new(1, 1, Policy::default(), tuning, restored, now);
        let mut node = Self { engine, store, now, inputs };
        node.run()?;
        Ok(node)
    }

    fn run(&mut self) -> Result<(), StoreError> {
        while let Some(output) = self.engine.poll(self.now) {
            match output {
                Output::Recall(id, needs) => {
                    let recalled = recall(&*self.store.reader(), &needs)?;
                    self.engine.handle(Event::Recalled(id, recalled), self.now);
                }
                Output::Commit(id, batch) => {
                    self.store.commit(&batch)?;
                    self.engine.handle(Event::Committed(id), self.now);
                }
                Output::Act(_) | Output::Work(_) => {}
            }
        }
        Ok(())
    }

    /// Takes the next input; it is durable when this returns.
    pub(super) fn step(&mut self) {
        self.try_step().unwrap();
    }

    /// The same, on a disk that may fail; after an error the node is not used again.
    pub(super) fn try_step(&mut self) -> Result<(), StoreError> {
        let n = self.inputs + 1;
        let put = TokenPut {
            at: Timestamp(0),
            actor: Actor::User(text(n).into()),
            token: IdToken::new(TokenKind::Central, &format!("T{:03}", n % TOKENS)),
            status: AuthorizationStatus::Accepted,
            group: None,
            expires: None,
            master: false,
            concurrent: false,
            version: 0,
        };
        let request = Request::PutToken(Box::new(put), Precondition::None);
        let input = Input::Operator { actor: Actor::User(text(n).into()), call: None, request };
        self.now = Timestamp(self.now.0 + 10);
        self.engine.handle(Event::Input(Subject::Network, input), self.now);
        self.run()?;
        self.inputs = n;
        Ok(())
    }

    /// Fails unless the rows are those of all inputs so far, and of no other.
    pub(super) fn check_rows(&self) {
        let mut wanted: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for n in 1..=self.inputs {
            let (newest, version) = wanted.entry(n % TOKENS).or_default();
            (*newest, *version) = (n, *version + 1);
        }
        let prefix = Key { table: Table::Token, path: String::new() };
        let range = Range { prefix, after: None, reverse: false, limit: 1_000 };
        let rows = self.store.reader().page(&range).unwrap();
        assert_eq!(rows.len(), wanted.len());
        for ((_, row), (newest, version)) in rows.iter().zip(wanted.into_values()) {
            let row = row::Token::from_row(row).unwrap();
            assert_eq!(row.put.version, version, "token of input {newest}");
            assert_eq!(row.put.actor, Actor::User(text(newest).into()));
        }
    }
}

/// Text of an input: does not compress, and now and then needs several parts.
fn text(n: u64) -> String {
    let bytes = if n.is_multiple_of(11) { 20_000 } else { 50 + n % 400 };
    super::noise(n, bytes as usize)
}
