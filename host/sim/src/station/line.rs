//! Owns the station's side of the line: one open CALL, the queue of what must arrive, repeats,
//! and the numbers that a 1.6 server gave. Must never change what is said, nor know why.

use std::collections::{BTreeMap, VecDeque};

use crate::rng::Rng;
use crate::spec::Spec;
use crate::wire;
use crate::words::{Answer, Phase, Registration, Report, TxEvent};

/// The number that stands for a transaction whose start was never acknowledged (1.6 errata 3.18).
const UNACKNOWLEDGED: i64 = -1;

/// How often and how patiently a message about a transaction is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Times.
    pub(super) attempts: i64,
    /// Pause after the first time; each further pause is longer by as much.
    pub(super) interval_s: i64,
}

/// What came of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The server answered.
    Answered(Report, Answer),
    /// It did not, or with an error; the report will not be sent again.
    Failed(Report),
    /// It did not, and the report will be sent again.
    Waits,
}

#[derive(Clone, Debug)]
struct Waiting {
    event: TxEvent,
    attempts: i64,
    id: Option<String>,
    not_before_ms: i64,
}

#[derive(Clone, Debug)]
enum Item {
    Once(Report),
    Queued(Waiting),
}

#[derive(Clone, Debug)]
struct Open {
    id: String,
    item: Item,
    until_ms: i64,
}

/// The line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    prefix: String,
    count: u64,
    open: Option<Open>,
    once: VecDeque<Report>,
    queue: VecDeque<Waiting>,
    numbers: BTreeMap<u32, i64>,
    rng: Rng,
    /// What the server thinks of the station.
    pub(super) registration: Registration,
    /// No boot message before this moment.
    pub(super) boot_not_before_ms: i64,
}

impl Line {
    pub(super) fn new(spec: &Spec) -> Self {
        let mut rng = Rng::part(spec.seed, "line");
        Self {
            prefix: format!("{:08x}", rng.next_u64() >> 32),
            count: 0,
            open: None,
            once: VecDeque::new(),
            queue: VecDeque::new(),
            numbers: BTreeMap::new(),
            rng,
            registration: Registration::Unknown,
            boot_not_before_ms: 0,
        }
    }

    /// Puts a report in line. What must arrive is kept over everything.
    pub(super) fn push(&mut self, report: Report, spec: &Spec) {
        match report {
            Report::Tx(event) => self.push_event(*event, spec),
            Report::Boot(_) => self.once.push_front(report),
            once => self.once.push_back(once),
        }
    }

    /// Messages about transactions that have not arrived so far.
    pub(super) fn queued(&self) -> usize {
        let open = matches!(&self.open, Some(Open { item: Item::Queued(_), .. }));
        self.queue.len() + usize::from(open)
    }

    /// Whether anything about this transaction has not arrived.
    pub(super) fn holds(&self, id: &str) -> bool {
        let open = match &self.open {
            Some(Open { item: Item::Queued(waiting), .. }) => Some(&waiting.event),
            _ => None,
        };
        let mut all = self.queue.iter().map(|waiting| &waiting.event).chain(open);
        all.any(|event| event.id == id)
    }

    /// The number of a 1.6 transaction, where the server gave one.
    pub(super) fn number(&self, tx: u32) -> Option<i64> {
        self.numbers.get(&tx).copied()
    }

    /// Uses this number for a transaction, whatever the server will say.
    pub(super) fn fix_number(&mut self, tx: u32, number: i64) {
        self.numbers.insert(tx, number);
    }

    /// The connection is gone: what was open goes back to the front, what need not arrive is
    /// dropped. Gives back what was dropped.
    pub(super) fn cut(&mut self) -> Vec<Report> {
        let mut dropped: Vec<Report> = self.once.drain(..).collect();
        match self.open.take().map(|open| open.item) {
            Some(Item::Queued(waiting)) => self.queue.push_front(waiting),
            Some(Item::Once(report)) => dropped.push(report),
            None => {}
        }
        dropped
    }

    /// The next frames to send, when the line is free: two when it is doubled by a fault.
    pub(super) fn next(&mut self, spec: &Spec, now_ms: i64) -> Vec<String> {
        if self.open.is_some() {
            return Vec::new();
        }
        let Some(item) = self.take_next(now_ms) else {
            return Vec::new();
        };
        self.send(item, spec, now_ms)
    }

    /// An answer came. None when nobody waits for it.
    pub(super) fn answered(
        &mut self,
        id: &str,
        payload: Option<&str>,
        spec: &Spec,
        patience: Patience,
        now_ms: i64,
    ) -> Option<Outcome> {
        if self.open.as_ref().is_none_or(|open| open.id != id) {
            return None;
        }
        let queued = matches!(&self.open, Some(Open { item: Item::Queued(_), .. }));
        if queued && self.rng.chance(spec.faults.lost_answers_permille) {
            return None;
        }
        let open = self.open.take()?;
        let answer = payload.and_then(|payload| match &open.item {
            Item::Once(report) => wire::answer(spec.version, report, payload),
            Item::Queued(waiting) => wire::event_answer(spec.version, &waiting.event, payload),
        });
        match answer {
            Some(answer) => Some(self.settle(open.item, answer)),
            None => Some(self.fail(open.item, patience, now_ms)),
        }
    }

    /// The open call is too old, if it is.
    pub(super) fn time_out(&mut self, patience: Patience, now_ms: i64) -> Option<Outcome> {
        if self.open.as_ref().is_none_or(|open| now_ms < open.until_ms) {
            return None;
        }
        let open = self.open.take()?;
        Some(self.fail(open.item, patience, now_ms))
    }

    /// When the line wants to be asked again, while it is connected.
    pub(super) fn deadline(&self) -> Option<i64> {
        if let Some(open) = &self.open {
            return Some(open.until_ms);
        }
        match self.registration {
            Registration::Accepted => {
                let queued = self.queue.front().map(|waiting| waiting.not_before_ms);
                if self.once.is_empty() { queued } else { Some(i64::MIN) }
            }
            _ => self.once.front().map(|_| self.boot_not_before_ms),
        }
    }

    fn push_event(&mut self, event: TxEvent, spec: &Spec) {
        if self.queue.len() >= spec.queue_max {
            self.thin();
        }
        let ends_early = spec.faults.end_first && event.phase == Phase::Ended;
        let number = event.number;
        let waiting = Waiting { event, attempts: 0, id: None, not_before_ms: i64::MIN };
        let first = self.queue.iter().position(|other| {
            other.event.number == number
                && other.event.phase == Phase::Updated
                && other.id.is_none()
        });
        match first {
            Some(place) if ends_early => self.queue.insert(place, waiting),
            _ => self.queue.push_back(waiting),
        }
    }

    /// A full station drops every second reading first, never a start or an end (E11.FR.05).
    fn thin(&mut self) {
        let mut odd = false;
        self.queue.retain(|waiting| {
            if waiting.event.phase == Phase::Updated {
                odd = !odd;
            }
            waiting.event.phase != Phase::Updated || odd
        });
    }

    fn take_next(&mut self, now_ms: i64) -> Option<Item> {
        if self.registration != Registration::Accepted {
            let boots = matches!(self.once.front(), Some(Report::Boot(_)));
            let may = boots && now_ms >= self.boot_not_before_ms;
            return if may { self.once.pop_front().map(Item::Once) } else { None };
        }
        if let Some(report) = self.once.pop_front() {
            return Some(Item::Once(report));
        }
        let due = self.queue.front().is_some_and(|waiting| now_ms >= waiting.not_before_ms);
        if due { self.queue.pop_front().map(Item::Queued) } else { None }
    }

    fn send(&mut self, mut item: Item, spec: &Spec, now_ms: i64) -> Vec<String> {
        let (id, copies, (action, payload)) = match &mut item {
            Item::Once(report) => (self.fresh_id(), 1, wire::request(spec, report)),
            Item::Queued(waiting) => {
                let id = waiting.id.take().filter(|_| !spec.faults.new_id_on_repeat);
                let id = id.unwrap_or_else(|| self.fresh_id());
                waiting.id = Some(id.clone());
                let copies = 1 + usize::from(self.rng.chance(spec.faults.doubled_permille));
                let number = self.number(waiting.event.number).unwrap_or(UNACKNOWLEDGED);
                (id, copies, wire::event(spec, &waiting.event, number))
            }
        };
        let frame = busbar_ocpp::rpc::call(&id, action, &payload);
        self.open = Some(Open { id, item, until_ms: now_ms + spec.call_timeout_ms });
        vec![frame; copies]
    }

    fn fresh_id(&mut self) -> String {
        self.count += 1;
        format!("{}-{}", self.prefix, self.count)
    }

    fn settle(&mut self, item: Item, answer: Answer) -> Outcome {
        match item {
            Item::Once(report) => Outcome::Answered(report, answer),
            Item::Queued(waiting) => {
                let event = waiting.event;
                if let Answer::Tx { number: Some(number), .. } = answer {
                    self.numbers.entry(event.number).or_insert(number);
                }
                if event.phase == Phase::Ended {
                    self.numbers.remove(&event.number);
                }
                Outcome::Answered(Report::Tx(Box::new(event)), answer)
            }
        }
    }

    fn fail(&mut self, item: Item, patience: Patience, now_ms: i64) -> Outcome {
        let mut waiting = match item {
            Item::Once(report) => return Outcome::Failed(report),
            Item::Queued(waiting) => waiting,
        };
        waiting.attempts += 1;
        if waiting.attempts >= patience.attempts.max(1) {
            return Outcome::Failed(Report::Tx(Box::new(waiting.event)));
        }
        waiting.not_before_ms = now_ms + patience.interval_s * 1000 * waiting.attempts;
        self.queue.push_front(waiting);
        Outcome::Waits
    }
}
