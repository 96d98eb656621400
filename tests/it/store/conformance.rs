//! What every backend must pass: functions over a way to open one and the same store again.

use std::collections::BTreeMap;

use busbar_charging::fact::station::StationRemoved;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::subject::{Key, Row, Subject, Table};
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Batch, Position, Range, Restored, Snapshot, Store};

use super::node::Node;
use super::noise;

/// Opens the store under test, again each time.
pub(super) type Open<'a> = &'a mut dyn FnMut() -> (Box<dyn Store>, Restored);

/// Every promise.
pub(super) const ALL: &[fn(Open<'_>)] = &[
    facts_come_back_in_order,
    rows_are_readable_when_a_commit_returns,
    pages_have_an_order_and_an_end,
    a_change_or_a_removal_replaces,
    large_values_come_back_whole,
    snapshots_bound_what_comes_back,
    many_starts_lose_nothing,
];

fn key(path: &str) -> Key {
    Key { table: Table::Session, path: path.into() }
}

fn row(text: &str) -> Option<Row> {
    Some(Row(text.as_bytes().to_vec()))
}

/// Makes batches with facts of several subjects.
#[derive(Default)]
struct Maker {
    heads: BTreeMap<u8, u64>,
    made: Vec<(Position, Subject, Fact)>,
}

impl Maker {
    fn fact(&mut self, station: u64, text: String) -> (Position, Subject, Fact) {
        let station = format!("S{station}");
        let subject = Subject::Station(station.as_str().into());
        let sequence = self.heads.entry(subject.shard()).or_default();
        *sequence += 1;
        let position = Position { shard: subject.shard(), sequence: *sequence };
        let at = Timestamp(self.made.len() as i64);
        let actor = Actor::User(text.into());
        let body = StationRemoved { at, actor, station: station.as_str().into() };
        self.made.push((position, subject, body.into()));
        self.made[self.made.len() - 1].clone()
    }

    fn batch(&mut self, facts: u64, rows: &[(&str, Option<Row>)]) -> Batch {
        let facts = (0..facts).map(|n| self.fact(n % 5, noise(n, 40))).collect();
        let rows = rows.iter().map(|(path, row)| (key(path), row.clone())).collect();
        Batch { facts, rows, snapshots: Vec::new() }
    }
}

fn page(
    store: &dyn Store,
    prefix: &str,
    after: Option<&str>,
    reverse: bool,
    limit: usize,
) -> String {
    let after = after.map(str::to_owned);
    let range = Range { prefix: key(prefix), after, reverse, limit };
    let rows = store.reader().page(&range).unwrap();
    let texts = rows.iter().map(|(key, row)| {
        format!("{}={}", key.path.replace('\0', "|"), String::from_utf8_lossy(&row.0))
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn facts_come_back_in_order(open: Open<'_>) {
    let mut maker = Maker::default();
    let (mut store, restored) = open();
    assert!(restored.facts.is_empty() && restored.heads.is_empty());
    for size in [1, 3, 0, 40, 2] {
        store.commit(&maker.batch(size, &[])).unwrap();
    }
    drop(store);
    let (mut store, restored) = open();
    assert_eq!(restored.facts, maker.made);
    let heads: Vec<_> = restored.heads.iter().map(|head| (head.shard, head.sequence)).collect();
    assert_eq!(heads, maker.heads.clone().into_iter().collect::<Vec<_>>());
    store.commit(&maker.batch(5, &[])).unwrap();
    drop(store);
    assert_eq!(open().1.facts, maker.made, "what came after a start follows what was before");
}

fn rows_are_readable_when_a_commit_returns(open: Open<'_>) {
    let mut maker = Maker::default();
    let mut store = open().0;
    let reader = store.reader();
    for n in 0..200 {
        let text = n.to_string();
        store.commit(&maker.batch(1, &[(&text, row("x")), ("same", row(&text))])).unwrap();
        assert_eq!(reader.get(&key(&text)).unwrap(), row("x"));
        assert_eq!(reader.get(&key("same")).unwrap(), row(&text));
    }
    assert_eq!(reader.get(&key("none")).unwrap(), None);
    let elsewhere = Key { table: Table::Cdr, path: "same".into() };
    assert_eq!(reader.get(&elsewhere).unwrap(), None);
}

fn pages_have_an_order_and_an_end(open: Open<'_>) {
    let mut maker = Maker::default();
    let mut store = open().0;
    let rows = [("b\0two", row("2")), ("a", row("0")), ("b\0one", row("1")), ("b", row("3"))];
    store.commit(&maker.batch(1, &rows)).unwrap();
    store.commit(&maker.batch(1, &[("b\0", row("4")), ("bb", row("5")), ("c", row("6"))])).unwrap();
    let page = |prefix, after, reverse, limit| page(&*store, prefix, after, reverse, limit);
    assert_eq!(page("", None, false, 99), "a=0 b=3 b|=4 b|one=1 b|two=2 bb=5 c=6");
    assert_eq!(page("", None, true, 3), "c=6 bb=5 b|two=2");
    assert_eq!(page("b\0", None, false, 99), "b|=4 b|one=1 b|two=2");
    assert_eq!(page("b\0", Some("b\0one"), false, 99), "b|two=2");
    assert_eq!(page("b\0", Some("b\0one"), true, 99), "b|=4");
    assert_eq!(page("b", Some("b\0two"), false, 1), "bb=5");
    assert_eq!(page("b", Some("b\0two"), true, 2), "b|one=1 b|=4");
    assert_eq!(page("b", Some("bz"), false, 9), "");
    assert_eq!(page("b", Some("a"), true, 9), "");
    assert_eq!(page("", Some("a!"), false, 1), "b=3", "a cursor need not be there any more");
    assert_eq!(page("", None, false, 0), "");
}

fn a_change_or_a_removal_replaces(open: Open<'_>) {
    let mut maker = Maker::default();
    let mut store = open().0;
    // Long enough ago that they are on disk, and then changed.
    for n in 0..100 {
        let text = format!("{n:02}");
        let long = noise(n, 30_000);
        store.commit(&maker.batch(1, &[(&text, row(&long)), ("gone", row(&long))])).unwrap();
    }
    let changes = [("00", row("short")), ("01", None), ("99", None), ("gone", None)];
    store.commit(&maker.batch(1, &changes)).unwrap();
    for _ in 0..200 {
        let got = page(&*store, "0", None, false, 1);
        assert_eq!(got, "00=short");
        assert!(page(&*store, "0", None, false, 2).contains(" 02="));
        assert!(page(&*store, "9", None, true, 1).starts_with("98="), "removed rows come back");
        let other = [("zz", None), ("other", row("x"))];
        store.commit(&maker.batch(1, &other)).unwrap();
    }
    assert_eq!(store.reader().get(&key("gone")).unwrap(), None);
}

fn large_values_come_back_whole(open: Open<'_>) {
    let mut maker = Maker::default();
    let mut store = open().0;
    let sizes = [0, 1, 8_187, 8_188, 8_189, 100_000, 3_000_000];
    for (n, size) in sizes.into_iter().enumerate() {
        let text = noise(n as u64, size);
        let facts = vec![maker.fact(n as u64, text.clone())];
        let rows = vec![(key(&n.to_string()), row(&text))];
        store.commit(&Batch { facts, rows, snapshots: Vec::new() }).unwrap();
    }
    let long_path = noise(1, 50_000).replace(' ', "_");
    store.commit(&maker.batch(1, &[(&long_path, row("far"))])).unwrap();
    for _ in 0..20 {
        store.commit(&maker.batch(1, &[])).unwrap();
    }
    for (n, size) in sizes.into_iter().enumerate() {
        let read = store.reader().get(&key(&n.to_string())).unwrap();
        assert_eq!(read, row(&noise(n as u64, size)));
    }
    assert_eq!(store.reader().get(&key(&long_path)).unwrap(), row("far"));
    drop(store);
    assert_eq!(open().1.facts, maker.made);
}

fn snapshots_bound_what_comes_back(open: Open<'_>) {
    let mut maker = Maker::default();
    let mut store = open().0;
    for n in 0..400 {
        let mut batch = maker.batch(3, &[("r", row(&n.to_string()))]);
        if n % 5 == 0 {
            for subject in 0..5 {
                let subject = Subject::Station(format!("S{subject}").as_str().into());
                let Some(sequence) = maker.heads.get(&subject.shard()).copied() else { continue };
                let position = Position { shard: subject.shard(), sequence };
                let body = StationRemoved {
                    at: Timestamp(n),
                    actor: Actor::User(noise(n as u64, 9_000).into()),
                    station: "S".into(),
                };
                let facts = vec![Fact::from(body); (1 + n as usize / 5) % 3];
                batch.snapshots.push(Snapshot { subject, position, at: Timestamp(n), facts });
            }
        }
        store.commit(&batch).unwrap();
    }
    drop(store);
    let (_, restored) = open();
    assert!(restored.facts.len() < 400, "{} of 1200 facts came back", restored.facts.len());
    assert_eq!(restored.facts, maker.made[maker.made.len() - restored.facts.len()..]);
    for snapshot in &restored.snapshots {
        assert_eq!(snapshot.facts.len(), (1 + snapshot.at.0 as usize / 5) % 3);
        let shard = snapshot.position.shard;
        let next = restored.facts.iter().find(|(position, ..)| position.shard == shard);
        let (position, ..) = next.unwrap();
        assert!(position.sequence <= snapshot.position.sequence + 1, "facts are missing");
        // No row that may be missing is older than the snapshot.
        let missing = &restored.facts[restored.rows_from..];
        let oldest = missing.iter().find(|(position, ..)| position.shard == shard);
        assert!(oldest.is_none_or(|(at, ..)| at.sequence > snapshot.position.sequence));
    }
    assert_eq!(restored.snapshots.len(), 3, "of the stations S0 to S2");
}

fn many_starts_lose_nothing(open: Open<'_>) {
    for round in 0..12 {
        let mut node = Node::new(open());
        node.check_rows();
        for _ in 0..round * 7 {
            node.step();
        }
        node.check_rows();
    }
}
