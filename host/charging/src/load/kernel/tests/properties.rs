//! Owns what holds for any order of events: whatever mixture of old and new limits the stations
//! hold, no row is exceeded; an increase waits for the acknowledgements that make room; a replay
//! gives the same state.

use proptest::prelude::*;

use super::{START, one_row, wired};
use crate::load::kernel::Kernel;
use crate::load::kernel::capability::Capability;
use crate::load::kernel::decide::{Decision, Site};
use crate::load::kernel::event::{Event, EvseChange, Purpose, Returned, StationChange};
use crate::load::kernel::ledger::{GRACE, GrantId};
use crate::load::legs::Legs;
use crate::load::rows::Rows;
use crate::units::{Current, Millis, Timestamp};

const EVSES: usize = 5;
const LIMIT: Current = Current(60_000);

#[derive(Clone, Debug)]
enum Step {
    /// The wishes change.
    Wish(usize, i64),
    /// The open call of a station comes back.
    Answer(usize, Returned),
    /// A station comes or goes.
    Connect(usize, bool),
    /// A transaction begins or ends.
    Transaction(usize, bool),
    /// Time passes.
    Wait(i64),
    /// A car draws what it may, or more.
    Draw(usize, i64),
    /// It draws nothing, and its station says that it pauses it.
    Pause(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let evse = 0..EVSES;
    let answer = prop_oneof![
        6 => Just(Returned::Accepted),
        1 => Just(Returned::Refused),
        1 => Just(Returned::TimedOut),
        1 => Just(Returned::Gone { may_have_left: true }),
        1 => Just(Returned::Gone { may_have_left: false }),
    ];
    prop_oneof![
        3 => (evse.clone(), 0..33_i64).prop_map(|(evse, amps)| Step::Wish(evse, amps * 1_000)),
        8 => (evse.clone(), answer).prop_map(|(evse, how)| Step::Answer(evse, how)),
        1 => (evse.clone(), any::<bool>()).prop_map(|(evse, on)| Step::Connect(evse, on)),
        1 => (evse.clone(), any::<bool>()).prop_map(|(evse, on)| Step::Transaction(evse, on)),
        6 => (1..90_i64).prop_map(Step::Wait),
        2 => (evse.clone(), 0..10_i64).prop_map(|(evse, amps)| Step::Draw(evse, amps * 1_000)),
        2 => evse.prop_map(Step::Pause),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    grant: GrantId,
    purpose: Purpose,
    limit: Current,
    acknowledged: bool,
}

/// What a station may hold, kept beside the kernel and by other rules than its own.
#[derive(Clone, Debug, Default)]
struct Held {
    /// Every limit that was sent and not replaced for certain.
    sent: Vec<Sent>,
    /// What was replaced, and until when a car may still follow it.
    old: Vec<(Timestamp, Current)>,
}

impl Held {
    fn most(&self, now: Timestamp) -> Current {
        let old = self.old.iter().filter(|(until, _)| now < *until).map(|(_, limit)| *limit);
        let sent = self.sent.iter().map(|sent| sent.limit);
        // Its fallback holds at any time.
        sent.chain(old).chain([Current(6_000)]).max().unwrap_or_default()
    }

    fn returned(&mut self, now: Timestamp, grant: GrantId, how: Returned) {
        match how {
            Returned::Accepted => {
                let purpose = self.sent.iter().find(|sent| sent.grant == grant).unwrap().purpose;
                self.drop(now, |sent| sent.purpose == purpose && sent.grant < grant);
                let accepted = self.sent.iter_mut().filter(|sent| sent.grant == grant);
                accepted.for_each(|sent| sent.acknowledged = true);
            }
            Returned::Gone { may_have_left: false } => {
                self.sent.retain(|sent| sent.grant != grant);
            }
            _ => {}
        }
    }

    /// The transaction is over, and what its station has accepted for it.
    fn ended(&mut self, now: Timestamp) {
        self.drop(now, |sent| sent.purpose == Purpose::Transaction && sent.acknowledged);
    }

    fn drop(&mut self, now: Timestamp, which: impl Fn(&Sent) -> bool) {
        let until = now.plus(GRACE);
        let dropped = self.sent.iter().filter(|sent| which(sent));
        self.old.extend(dropped.map(|sent| (until, sent.limit)));
        self.sent.retain(|sent| !which(sent));
    }
}

struct Run {
    rows: Rows,
    kernel: Kernel,
    journal: Vec<Event>,
    now: Timestamp,
    wishes: Vec<Current>,
    open: Vec<Option<GrantId>>,
    held: Vec<Held>,
}

impl Run {
    /// All stations are commissioned, and nothing was told to them beyond their fallback. No model
    /// is given credit for leases, so that what a station holds is what was sent.
    fn new() -> Self {
        let rows = one_row(EVSES, LIMIT.0 / 1_000, 6);
        let mut run = Self {
            kernel: Kernel::default(),
            journal: Vec::new(),
            now: START,
            wishes: vec![Current::ZERO; EVSES],
            open: vec![None; EVSES],
            held: vec![Held::default(); EVSES],
            rows,
        };
        let evses = wired(&run.rows);
        run.learn(Event::Wired { at: START, evses });
        for evse in 0..EVSES {
            let station = run.rows.evses()[evse].id.station.clone();
            let capability = Capability { keeps_durations: false, ..Capability::STANDARD };
            run.learn(Event::Capable { at: START, station, capability });
            run.connect(evse, true);
        }
        run.decide();
        (0..EVSES).for_each(|evse| run.answer(evse, Returned::Accepted));
        run.now = START.plus(Millis::from_secs(20));
        run
    }

    fn learn(&mut self, event: Event) {
        self.kernel.apply(&event);
        self.journal.push(event);
    }

    fn connect(&mut self, evse: usize, on: bool) {
        if !on {
            self.answer(evse, Returned::Gone { may_have_left: true });
        }
        let station = self.rows.evses()[evse].id.station.clone();
        let what = if on { StationChange::Connected } else { StationChange::Disconnected };
        let is_on = self.kernel.station(&station).is_some_and(|station| station.connected);
        if on != is_on {
            self.learn(Event::Station { at: self.now, station, what });
        }
    }

    fn answer(&mut self, evse: usize, how: Returned) {
        let Some(grant) = self.open[evse].take() else { return };
        let id = self.rows.evses()[evse].id.clone();
        self.held[evse].returned(self.now, grant, how);
        self.learn(Event::Returned { at: self.now, evse: id, grant, how });
    }

    fn decide(&mut self) -> Decision {
        let limits: Vec<_> = self.rows.rows().iter().map(|row| row.limit.unwrap()).collect();
        let site = Site {
            rows: &self.rows,
            legs: &[Legs::UNKNOWN; EVSES],
            headroom: &limits,
            announced: &limits,
            lasting: &limits,
            bound: &[],
        };
        let decision = self.kernel.decide(self.now, &site, &self.wishes);
        for send in &decision.sends {
            let evse = self.kernel.evse(&send.granted.evse).unwrap() as usize;
            self.learn(Event::Granted(send.granted.clone()));
            assert_eq!(self.open[evse], None, "two open calls");
            self.open[evse] = Some(send.granted.grant);
            self.held[evse].sent.push(Sent {
                grant: send.granted.grant,
                purpose: send.granted.purpose,
                limit: send.granted.limit,
                acknowledged: false,
            });
        }
        for station in &decision.abandon {
            let mut evses = self.rows.evses().iter();
            let evse = evses.position(|evse| evse.id.station == *station).unwrap();
            self.answer(evse, Returned::TimedOut);
        }
        decision
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Wish(evse, wish) => self.wishes[evse] = Current(wish),
            Step::Answer(evse, how) => self.answer(evse, how),
            Step::Connect(evse, on) => self.connect(evse, on),
            Step::Wait(seconds) => self.now = self.now.plus(Millis::from_secs(seconds)),
            Step::Transaction(evse, on) => {
                let is_on = self.kernel.evses[evse].transaction.is_some();
                if on && !is_on {
                    self.happens(evse, EvseChange::Started("1".into()));
                } else if !on && is_on {
                    self.held[evse].ended(self.now);
                    self.happens(evse, EvseChange::Ended);
                }
            }
            Step::Draw(evse, draw) => self.happens(evse, EvseChange::Measured(Current(draw))),
            Step::Pause(evse) => self.happens(evse, EvseChange::Paused(Current::ZERO)),
        }
    }

    fn happens(&mut self, evse: usize, what: EvseChange) {
        let id = self.rows.evses()[evse].id.clone();
        self.learn(Event::Evse { at: self.now, evse: id, what });
    }

    /// What the stations may draw together, whichever of their limits each of them holds.
    fn most(&self) -> i64 {
        self.held.iter().map(|held| held.most(self.now).0).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_mixture_of_old_and_new_limits_keeps_the_row(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut run = Run::new();
        for step in steps {
            run.take(step);
            let decision = run.decide();
            prop_assert!(run.most() <= LIMIT.0, "{} mA may be drawn", run.most());
            prop_assert_eq!(decision.withheld, 0);
        }
    }

    #[test]
    fn an_increase_follows_the_acknowledgements_that_make_its_room(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut run = Run::new();
        for step in steps {
            run.take(step);
            let before: Vec<_> = run.held.iter().map(|held| held.most(run.now)).collect();
            for send in run.decide().sends {
                let evse = run.kernel.evse(&send.granted.evse).unwrap() as usize;
                let others = (0..EVSES).filter(|other| *other != evse);
                let others: i64 = others.map(|other| before[other].0).sum();
                let room = LIMIT.0 - others;
                let raises = send.granted.limit > before[evse];
                prop_assert!(!raises || send.granted.limit.0 <= room);
            }
        }
    }

    #[test]
    fn a_replay_gives_the_same_state(steps in prop::collection::vec(step(), 1..80)) {
        let mut run = Run::new();
        for step in steps {
            run.take(step);
            run.decide();
        }
        let mut replayed = Kernel::default();
        run.journal.iter().for_each(|event| replayed.apply(event));
        prop_assert_eq!(&replayed, &run.kernel);
        for evse in 0..EVSES as u32 {
            prop_assert_eq!(replayed.exposure(evse, run.now), run.kernel.exposure(evse, run.now));
        }
    }
}

/// The oracle of these tests is not the kernel's own ledger: it finds a kernel that believes what
/// it sent.
#[test]
fn the_mixture_is_judged_by_other_rules_than_the_ledgers() {
    let mut run = Run::new();
    for evse in 0..EVSES {
        run.take(Step::Transaction(evse, true));
        run.wishes[evse] = Current(12_000);
    }
    run.decide();
    (0..EVSES).for_each(|evse| run.answer(evse, Returned::Accepted));
    run.take(Step::Wait(120));
    run.wishes = vec![Current(6_000); EVSES];
    run.wishes[0] = Current(32_000);
    for send in run.decide().sends {
        // Believed at once, and not a word from the station.
        let (at, evse, grant) = (send.granted.at, send.granted.evse.clone(), send.granted.grant);
        run.learn(Event::Returned { at, evse, grant, how: Returned::Accepted });
    }
    run.take(Step::Wait(10));
    run.decide();
    assert!(run.most() > LIMIT.0, "the mistake was not found");
}
