//! Owns what is sent when.

use crate::load::kernel::Kernel;
use crate::load::kernel::capability::{Capability, Hole};
use crate::load::kernel::decide::{Alarm, Decision, Site, WRITES_A_DAY, Why};
use crate::load::kernel::event::{Event, EvseChange, Granted, Purpose, Returned, StationChange};
use crate::load::kernel::tests::{START, one_row, wired};
use crate::load::legs::Legs;
use crate::load::rows::{EvseId, Rows};
use crate::units::{Current, Millis, Timestamp};

/// Three EVSEs of 32 A on 40 A, each with a transaction and a fallback of 6 A.
pub(super) struct Bench {
    rows: Rows,
    kernel: Kernel,
    now: Timestamp,
    pub(super) limit: Current,
    pub(super) announced: Current,
    pub(super) lasting: Current,
    bound: bool,
    pub(super) wishes: [Current; 3],
}

pub(super) fn amps(amps: i64) -> Current {
    Current(amps * 1_000)
}

impl Bench {
    fn new(capability: Capability) -> Self {
        Self::with(capability, 6)
    }

    /// With fallbacks of so many amperes.
    fn with(capability: Capability, fallback: i64) -> Self {
        let mut bench = Self {
            rows: one_row(3, 40, fallback),
            kernel: Kernel::default(),
            now: START,
            limit: amps(40),
            announced: amps(40),
            lasting: amps(40),
            bound: false,
            wishes: [Current::ZERO; 3],
        };
        bench.kernel.apply(&Event::Wired { at: START, evses: wired(&bench.rows) });
        for evse in 0..3 {
            let station = bench.id(evse).station;
            bench.kernel.apply(&Event::Capable { at: START, station, capability });
            bench.tell(evse, StationChange::Connected);
            bench.happens(evse, EvseChange::Started("1".into()));
            for n in 0..7 {
                let reported = START.plus(Millis::from_secs(n * 10));
                bench.now = reported;
                bench.tell(evse, StationChange::Heard { reported });
            }
        }
        bench
    }

    /// The same, with the fallbacks acknowledged.
    pub(super) fn commissioned(capability: Capability) -> Self {
        Self::commissioned_with(capability, 6)
    }

    fn commissioned_with(capability: Capability, fallback: i64) -> Self {
        let mut bench = Self::with(capability, fallback);
        let decision = bench.decide();
        assert_eq!(decision.sends.len(), 3);
        (0..3).for_each(|evse| bench.answer(evse, Returned::Accepted));
        bench.wait(10);
        bench
    }

    fn id(&self, evse: usize) -> EvseId {
        self.rows.evses()[evse].id.clone()
    }

    fn tell(&mut self, evse: usize, what: StationChange) {
        let station = self.id(evse).station;
        self.kernel.apply(&Event::Station { at: self.now, station, what });
    }

    fn happens(&mut self, evse: usize, what: EvseChange) {
        let id = self.id(evse);
        self.kernel.apply(&Event::Evse { at: self.now, evse: id, what });
    }

    pub(super) fn measured(&mut self, evse: usize, draw: Current) {
        self.happens(evse, EvseChange::Measured(draw));
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now = self.now.plus(Millis::from_secs(seconds));
    }

    /// Decides, and lets what was decided leave.
    fn decide(&mut self) -> Decision {
        let site = Site {
            rows: &self.rows,
            legs: &[Legs::UNKNOWN; 3],
            headroom: &[self.limit],
            announced: &[self.announced],
            lasting: &[self.lasting.min(self.announced)],
            bound: &[self.bound],
        };
        let decision = self.kernel.decide(self.now, &site, &self.wishes);
        for send in &decision.sends {
            self.kernel.apply(&Event::Granted(send.granted.clone()));
        }
        decision
    }

    /// What is sent now, by EVSE.
    pub(super) fn sent(&mut self) -> Vec<(usize, Why, Current)> {
        let sends = self.decide().sends;
        let index = |id: &EvseId| self.kernel.evse(id).unwrap() as usize;
        sends.iter().map(|s| (index(&s.granted.evse), s.why, s.granted.limit)).collect()
    }

    pub(super) fn answer(&mut self, evse: usize, how: Returned) {
        let known = &self.kernel.evses[evse];
        let purposes = [Purpose::Default, Purpose::Transaction];
        let flights = purposes.into_iter().flat_map(|p| known.ledger.in_flight(p));
        let grant = flights.map(|held| held.grant).max().unwrap();
        let (at, id) = (self.now, self.id(evse));
        self.kernel.apply(&Event::Returned { at, evse: id, grant, how });
    }

    /// The wishes are sent, acknowledged and followed.
    pub(super) fn settle(&mut self, wishes: [i64; 3]) {
        self.wishes = wishes.map(amps);
        for _ in 0..5 {
            for (evse, _, _) in self.sent() {
                self.answer(evse, Returned::Accepted);
            }
            self.wait(61);
        }
    }
}

#[test]
fn the_fallback_is_written_before_anything_else() {
    let mut bench = Bench::new(Capability::STANDARD);
    bench.wishes = [amps(10); 3];
    let decision = bench.decide();
    for send in &decision.sends {
        assert_eq!((send.why, send.granted.purpose), (Why::Commission, Purpose::Default));
        assert_eq!((send.granted.limit, send.granted.lease), (amps(6), None));
    }
    assert_eq!(decision.shortfalls.len(), 1, "until then all may be drawn");
}

#[test]
fn a_decrease_leaves_at_once_and_the_increase_when_its_room_is_there() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([26, 7, 7]);
    bench.wishes = [amps(10), amps(22), amps(7)];
    assert_eq!(bench.sent(), [(0, Why::Decrease, amps(10))]);
    bench.wait(3);
    assert_eq!(bench.sent(), []);
    bench.answer(0, Returned::Accepted);
    bench.wait(7);
    assert_eq!(bench.sent(), [], "the car has not followed yet");
    bench.wait(1);
    assert_eq!(bench.sent(), [(1, Why::Increase, amps(22))]);
}

#[test]
fn what_cannot_be_known_is_said_again_at_the_lower_value() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([10, 7, 7]);
    bench.wishes[0] = amps(20);
    assert_eq!(bench.sent(), [(0, Why::Increase, amps(20))]);
    bench.wait(9);
    assert_eq!(bench.decide().abandon, []);
    bench.wait(1);
    assert!(!bench.kernel.is_commandable(0, bench.now));
    assert_eq!(bench.decide().abandon, [bench.id(0).station]);
    bench.answer(0, Returned::TimedOut);
    assert_eq!(bench.sent(), [(0, Why::Decrease, amps(10))]);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(20), "either may hold");
}

#[test]
fn an_operators_call_is_given_up_for_a_decrease_and_for_nothing_less() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([10, 7, 7]);
    bench.tell(0, StationChange::LineTaken);
    bench.wishes[0] = amps(20);
    bench.wait(20);
    assert_eq!(bench.decide(), Decision { again: bench.decide().again, ..Decision::default() });
    bench.wishes[0] = amps(8);
    assert_eq!(bench.decide().abandon, [bench.id(0).station]);
    bench.tell(0, StationChange::LineFreed);
    assert_eq!(bench.sent(), [(0, Why::Decrease, amps(8))]);
}

#[test]
fn a_cut_lowers_all_at_once_and_counts_who_cannot_be_told() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([14, 13, 13]);
    bench.tell(2, StationChange::Disconnected);
    bench.limit = amps(30);
    let decision = bench.decide();
    assert_eq!(decision.shortfalls.len(), 1);
    let told: Vec<_> = decision.sends.iter().map(|send| send.granted.limit).collect();
    assert_eq!(decision.sends[0].granted.evse, bench.id(0), "who helps most goes first");
    assert_eq!(told.len(), 2);
    assert!(told[0].plus(told[1]).plus(amps(13)) <= amps(30));
}

#[test]
fn a_pause_on_its_way_pauses_nobody_else_where_not_even_the_fallbacks_fit() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([14, 13, 13]);
    // Three fallbacks of 6 A are too much for 13 A: the filling lets one wait.
    (bench.limit, bench.announced) = (amps(13), amps(13));
    bench.wishes = [6, 6, 0].map(amps);
    let told = |sent: Vec<(usize, Why, Current)>| {
        let mut told: Vec<_> = sent.into_iter().map(|(evse, _, limit)| (evse, limit)).collect();
        told.sort_unstable();
        told
    };
    let first = told(bench.sent());
    assert_eq!(first, [(0, amps(6)), (1, amps(6)), (2, amps(0))]);
    bench.answer(0, Returned::Accepted);
    assert_eq!(bench.sent(), [], "the others keep their minimum");
}

#[test]
fn an_announced_cut_is_over_before_it_begins() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([14, 13, 13]);
    bench.announced = amps(30);
    let decision = bench.decide();
    assert_eq!(decision.shortfalls, [], "nothing is over yet");
    assert_eq!(decision.sends.len(), 3);
    assert!(decision.sends.iter().all(|send| send.granted.limit <= amps(10)));
}

#[test]
fn increases_are_a_minute_apart_and_worth_a_message() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([8, 7, 7]);
    bench.wishes[0] = Current(8_300);
    assert_eq!(bench.sent(), []);
    bench.wishes[0] = amps(10);
    assert_eq!(bench.sent(), [(0, Why::Increase, amps(10))]);
    bench.answer(0, Returned::Accepted);
    bench.wait(30);
    bench.wishes[0] = amps(14);
    assert_eq!(bench.sent(), []);
    bench.wait(30);
    assert_eq!(bench.sent(), [(0, Why::Increase, amps(14))]);
}

/// Time goes by until an increase leaves; all else is answered.
fn increase(bench: &mut Bench) -> usize {
    for _ in 0..1_000 {
        let mut increased = None;
        for (evse, why, _) in bench.sent() {
            match why {
                Why::Increase => increased = Some(evse),
                _ => bench.answer(evse, Returned::Accepted),
            }
        }
        if let Some(evse) = increased {
            return evse;
        }
        bench.wait(1);
    }
    panic!("nothing is increased")
}

/// Increases are not answered, decreases are; gives how many seconds after the one before the next
/// increase leaves.
fn unanswered(bench: &mut Bench, times: usize) -> Vec<i64> {
    let mut at = Vec::new();
    for _ in 0..times {
        let evse = increase(bench);
        at.push(bench.now);
        bench.wait(10);
        bench.answer(evse, Returned::TimedOut);
    }
    at.windows(2).map(|pair| pair[1].since(pair[0]).0 / 1_000).collect()
}

#[test]
fn an_increase_that_is_never_answered_is_tried_at_growing_distances() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([10, 7, 7]);
    bench.wishes[0] = amps(20);
    let near = |distances: Vec<i64>, expected: &[i64]| {
        let pairs = distances.iter().zip(expected);
        let fits = |(is, least): (&i64, &i64)| (*least..*least + 3).contains(is);
        assert!(distances.len() == expected.len() && pairs.clone().all(fits), "{distances:?}");
    };
    near(unanswered(&mut bench, 8), &[60, 120, 240, 480, 900, 900, 900]);
    // A decrease waits for nothing.
    assert_eq!(bench.sent(), [(0, Why::Decrease, amps(10))]);
    bench.answer(0, Returned::Accepted);
    bench.wishes[0] = amps(8);
    assert_eq!(bench.sent(), [(0, Why::Decrease, amps(8))]);
    bench.answer(0, Returned::TimedOut);
    bench.wait(10);
    assert_eq!(bench.sent(), [(0, Why::Decrease, amps(8))]);
    bench.answer(0, Returned::Accepted);
}

#[test]
fn an_answer_or_a_boot_lets_increases_be_tried_sooner_again() {
    for how in [Some(Returned::Accepted), Some(Returned::Refused), None] {
        let mut bench = Bench::commissioned(Capability::STANDARD);
        bench.settle([10, 7, 7]);
        bench.wishes[0] = amps(20);
        assert!(unanswered(&mut bench, 3)[1] >= 120);
        let last = bench.now;
        match how {
            Some(how) => {
                increase(&mut bench);
                assert!(bench.now.since(last) >= Millis::from_secs(220));
                bench.answer(0, how);
                bench.wishes[0] = amps(24);
            }
            None => bench.tell(0, StationChange::Booted),
        }
        let last = bench.now;
        increase(&mut bench);
        assert!(bench.now.since(last) <= Millis::from_secs(63), "{how:?}");
    }
}

#[test]
fn a_lease_is_renewed_at_half() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.wishes = [amps(14), amps(6), amps(6)];
    assert_eq!(bench.sent(), [(0, Why::Increase, amps(14))]);
    bench.answer(0, Returned::Accepted);
    bench.wait(449);
    assert_eq!(bench.sent(), []);
    bench.wait(1);
    assert_eq!(bench.sent(), [(0, Why::Renew, amps(14))]);
}

#[test]
fn beside_a_silent_meter_nothing_is_increased_and_everything_lowered() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([8, 10, 7]);
    bench.bound = true;
    bench.wishes = [amps(12), amps(8), amps(7)];
    assert_eq!(bench.sent(), [(1, Why::Decrease, amps(8))]);
}

#[test]
fn a_station_that_charges_fully_while_it_replaces_a_profile_keeps_its_fallback() {
    let mut bench = Bench::commissioned(Capability { hole: Hole::Full, ..Capability::STANDARD });
    (bench.limit, bench.announced) = (amps(100), amps(100));
    bench.wishes = [amps(8), amps(20), Current::ZERO];
    assert_eq!(bench.sent(), [], "what it is told could not be taken back without a spike");
    // Another fallback is written only where there is room for all it can draw meanwhile.
    let mut evses = wired(&bench.rows);
    evses[0].fallback = amps(8);
    (bench.limit, bench.announced) = (amps(43), amps(43));
    bench.kernel.apply(&Event::Wired { at: bench.now, evses });
    assert_eq!(bench.sent(), []);
    (bench.limit, bench.announced) = (amps(44), amps(44));
    assert_eq!(bench.sent(), [(0, Why::Increase, amps(8))]);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(32));
}

#[test]
fn a_station_that_forgets_counts_with_all_it_can_while_it_is_away() {
    let mut bench = Bench::commissioned(Capability { persists: false, ..Capability::STANDARD });
    bench.wishes = [amps(6); 3];
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(6));
    bench.tell(0, StationChange::Disconnected);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(32));
    bench.tell(0, StationChange::Connected);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(6));
    bench.tell(0, StationChange::Booted);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(32));
    assert_eq!(bench.sent(), [(0, Why::Commission, amps(6))]);
}

#[test]
fn who_does_not_obey_is_counted_with_his_draw_and_the_others_make_room() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([14, 13, 13]);
    for seconds in [0, 6, 6] {
        bench.wait(seconds);
        bench.happens(0, EvseChange::Measured(amps(20)));
    }
    let decision = bench.decide();
    assert_eq!(decision.alarms, [Alarm::Disobedient(bench.id(0))]);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(23));
    let others = decision.sends.iter().filter(|send| send.granted.evse != bench.id(0));
    let others: Vec<_> = others.map(|send| send.granted.limit).collect();
    assert_eq!(others.len(), 2);
    assert!(others[0].plus(others[1]) <= amps(17));
}

#[test]
fn a_station_that_goes_on_after_its_lease_gets_no_credit_any_more() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([14, 13, 13]);
    bench.tell(0, StationChange::Disconnected);
    bench.wait(1_000);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(6));
    bench.tell(0, StationChange::Connected);
    for _ in 0..7 {
        bench.wait(10);
        bench.tell(0, StationChange::Heard { reported: bench.now });
    }
    for seconds in [0, 6, 6] {
        bench.wait(seconds);
        bench.happens(0, EvseChange::Measured(amps(14)));
    }
    let station = bench.kernel.station(&bench.id(0).station).unwrap();
    assert!(!station.capability().keeps_durations);
    assert!(bench.kernel.exposure(0, bench.now) >= amps(14));
}

#[test]
fn who_comes_back_after_its_lease_and_is_not_believed_is_told_its_fallback_first() {
    let mut bench =
        Bench::commissioned(Capability { keeps_durations: false, ..Capability::STANDARD });
    bench.settle([14, 13, 13]);
    bench.tell(0, StationChange::Disconnected);
    bench.wait(1_000);
    bench.tell(0, StationChange::Connected);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(14));
    let sent = bench.sent();
    assert!(sent.contains(&(0, Why::Decrease, amps(6))), "it may draw 6 A or 14: {sent:?}");
    bench.answer(0, Returned::Accepted);
    bench.wait(10);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(6));
}

#[test]
fn a_station_whose_clock_is_another_after_a_boot_gets_no_credit_any_more() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([14, 13, 13]);
    bench.tell(0, StationChange::Booted);
    for _ in 0..9 {
        bench.wait(10);
        let reported = bench.now.plus(Millis::from_secs(-300));
        bench.tell(0, StationChange::Heard { reported });
    }
    let station = bench.kernel.station(&bench.id(0).station).unwrap();
    assert!(!station.capability().keeps_clock);
    assert_eq!(station.credit(bench.now.plus(Millis::from_secs(24 * 3_600))), None);
}

#[test]
fn the_write_budget_alarms_once_and_holds_no_decrease_back() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([14, 7, 7]);
    let station = bench.id(0).station;
    let grant = |bench: &Bench| Granted {
        at: bench.now,
        evse: bench.id(0),
        grant: bench.kernel.evses[0].ledger.next_grant(),
        purpose: Purpose::Transaction,
        limit: amps(14),
        counted: amps(14),
        after: amps(6),
        lease: None,
    };
    while bench.kernel.station(&station).unwrap().writes(bench.now) + 1 < WRITES_A_DAY {
        bench.kernel.apply(&Event::Granted(grant(&bench)));
        bench.answer(0, Returned::Accepted);
    }
    for (wish, alarms) in [(13, vec![Alarm::WriteBudget(station.clone())]), (12, vec![])] {
        bench.wishes[0] = amps(wish);
        let decision = bench.decide();
        assert_eq!(decision.alarms, alarms);
        assert_eq!((decision.sends.len(), decision.sends[0].why), (1, Why::Decrease));
        bench.answer(0, Returned::Accepted);
    }
    bench.wait(100);
    bench.wishes[0] = amps(14);
    assert_eq!(bench.sent(), [], "increases are rarer beyond it");
    bench.wait(600);
    assert!(bench.sent().contains(&(0, Why::Increase, amps(14))));
}

#[test]
fn a_limit_without_a_transaction_is_cleared_under_that_of_one() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.happens(0, EvseChange::Ended);
    bench.settle([14, 7, 7]);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(14));
    bench.happens(0, EvseChange::Started("2".into()));
    bench.wishes[0] = amps(8);
    let sends = bench.decide().sends;
    assert_eq!((sends[0].why, sends[0].granted.purpose), (Why::Decrease, Purpose::Default));
    assert_eq!(sends[0].granted.limit, amps(6));
}

#[test]
fn the_same_wishes_a_second_time_send_nothing() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.settle([14, 13, 13]);
    assert_eq!(bench.sent(), []);
}

/// Three cars of 10 A, and no fallbacks: what may fail to fall costs nobody his place.
#[test]
fn a_cut_pauses_nobody_whose_minimum_fits() {
    let mut bench = Bench::commissioned_with(Capability::STANDARD, 0);
    bench.settle([10, 10, 10]);
    (bench.limit, bench.announced) = (amps(11), amps(11));
    bench.wishes = [amps(11), Current::ZERO, Current::ZERO];
    let mut sent = bench.sent();
    sent.sort_unstable_by_key(|(evse, _, _)| *evse);
    let lowered = [amps(6), Current::ZERO, Current::ZERO];
    assert_eq!(sent, [0, 1, 2].map(|evse| (evse, Why::Decrease, lowered[evse])));
}

/// Wishes that do not fit together cost some their place, and not all.
#[test]
fn a_row_pauses_only_as_many_as_it_must() {
    let mut bench = Bench::commissioned_with(Capability::STANDARD, 0);
    bench.settle([10, 10, 10]);
    (bench.limit, bench.announced) = (amps(13), amps(13));
    bench.wishes = [amps(10), amps(8), amps(9)];
    let mut sent = bench.sent();
    sent.sort_unstable_by_key(|(evse, _, _)| *evse);
    let lowered = [amps(6), Current::ZERO, amps(6)];
    assert_eq!(sent, [0, 1, 2].map(|evse| (evse, Why::Decrease, lowered[evse])));
}

#[test]
fn a_limit_that_was_refused_when_its_transaction_was_over_does_not_count() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.wishes = [amps(20), amps(6), amps(6)];
    bench.sent();
    bench.happens(0, EvseChange::Ended);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(20), "it may still arrive");
    bench.answer(0, Returned::Refused);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(6));
    // The same, where it was refused before.
    bench.happens(0, EvseChange::Started("2".into()));
    bench.sent();
    bench.answer(0, Returned::Refused);
    bench.wait(10);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(20), "it may hold all the same");
    bench.happens(0, EvseChange::Ended);
    bench.wait(10);
    assert_eq!(bench.kernel.exposure(0, bench.now), amps(6));
}

/// An EVSE is taken out of the tree while its limit is on its way: the line is its station's.
#[test]
fn a_line_is_free_again_though_its_evse_has_left_the_tree() {
    let mut bench = Bench::commissioned(Capability::STANDARD);
    bench.wishes = [amps(20), amps(6), amps(6)];
    let granted = bench.decide().sends[0].granted.clone();
    let evses = wired(&bench.rows);
    bench.kernel.apply(&Event::Wired { at: bench.now, evses: evses[1..].to_vec() });
    let (at, how) = (bench.now, Returned::Accepted);
    let station = granted.evse.station.clone();
    assert!(!bench.kernel.station(&station).unwrap().is_free());
    let returned = Event::Returned { at, evse: granted.evse, grant: granted.grant, how };
    bench.kernel.apply(&returned);
    assert!(bench.kernel.station(&station).unwrap().is_free());
}
