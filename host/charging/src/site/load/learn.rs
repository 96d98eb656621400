//! Owns what load control learns of each fact. Must never take what a station kept while it was
//! away for what is now.

use std::collections::BTreeSet;

use super::phases::{Told, told};
use super::{Live, Load, TRY_AGAIN, wired};
use crate::fact::Fact;
use crate::fact::command::{CommandEnded, CommandOutcome, CommandSent, Intent};
use crate::fact::load::{
    LimitGrant, LimitPurpose, LoadCall, LoadClockDoubted, LoadFilled, LoadLimited, LoadMetered,
};
use crate::fact::metering::{Measurand, Reading, ReadingValue};
use crate::fact::site::SitePut;
use crate::fact::station::{ConnectorStatus, StationStatus};
use crate::ids::StationId;
use crate::load::external::Window;
use crate::load::kernel::event::{Event, EvseChange, Granted, Purpose, Returned, StationChange};
use crate::load::kernel::heard::heard;
use crate::load::kernel::ledger::{GrantId, Lease};
use crate::load::legs::Legs;
use crate::load::rows::{CircuitLimit, EvseId, RowKind};
use crate::site::Site;
use crate::site::station::Station;
use crate::units::{Current, Millis, Power, Timestamp};

/// What was measured longer ago says nothing about now.
const FRESH: Millis = Millis::from_secs(60);

/// A leg on which a car draws.
pub(super) const DRAWS: Current = Current(1_000);

/// So many times what an EVSE can carry, no cable bears: a reading of more counts as this much, for
/// a station that lies must still be seen to draw too much.
const ABSURD: i64 = 16;

/// A car that has drawn for so long on some legs uses no others.
const SURE_AFTER: Millis = Millis::from_secs(60);

impl Site {
    /// Load control learns of a fact, after the stations have.
    pub(crate) fn learn(&mut self, fact: &Fact, station: Option<&StationId>) {
        if let Fact::SitePut(put) = fact {
            return self.rewire(put);
        }
        let Some(common) = self.common.as_mut() else { return };
        let Some(mut load) = common.load.take() else { return };
        if let Some(id) = station {
            load.learn_of_station(id, self.station(id), fact);
        } else {
            load.learn(fact);
        }
        self.change(|common| common.load = Some(load));
    }

    fn rewire(&mut self, put: &SitePut) {
        let has = |id| self.load().is_some_and(|load| !load.kernel.evses_of(id).is_empty());
        let known = self.stations().map(|station| &station.id).filter(|id| has(id));
        let known: BTreeSet<_> = known.cloned().collect();
        self.change(|common| {
            let before = common.load.take().map(|load| *load);
            common.load = Load::wired(put, before).map(Box::new);
        });
        let Some(mut load) = self.common.as_mut().and_then(|common| common.load.take()) else {
            return;
        };
        for station in self.stations() {
            if !known.contains(&station.id) {
                load.meet(put.at, station);
            }
            load.catch_up(put.at, station);
        }
        self.change(|common| common.load = Some(load));
    }
}

impl Load {
    fn learn(&mut self, fact: &Fact) {
        match fact {
            Fact::LoadLimited(limited) => self.limited(limited),
            Fact::LoadMetered(metered) => self.metered(metered),
            Fact::LoadFilled(filled) => self.filled(filled),
            Fact::LoadPlanWanted(wanted) => self.plan_wanted(wanted),
            Fact::LoadPlanned(planned) => self.planned(planned),
            Fact::LoadWished(wished) => self.wished(wished),
            Fact::LoadPriced(priced) => self.priced(priced),
            Fact::LoadForecast(forecast) => self.forecast(forecast),
            Fact::LoadBattery(battery) => self.battery_told(battery),
            Fact::LoadDelayed(delayed) => self.delayed(delayed),
            Fact::LoadStationLimited(limited) => self.station_limited(limited),
            Fact::LoadClockDoubted(doubted) => self.clock_doubted(doubted),
            Fact::LoadRecorded(recorded) => self.restore(recorded),
            _ => {}
        }
    }

    fn clock_doubted(&mut self, doubted: &LoadClockDoubted) {
        let (at, known) = (doubted.at, self.decided);
        self.kernel.apply(&match doubted.by {
            Some(by) => Event::ClockSet { at, known, by },
            None => Event::Restarted { at, known },
        });
        // After a start nobody knows how long it was, but that nothing happens before it did. Where
        // it was set forward the time may have passed all the same, as on a machine that slept:
        // what is as old as it looks is on the safe side.
        let back = doubted.by.unwrap_or(at.since(known)).min(Millis::ZERO);
        self.decided = self.decided.min(at);
        for meter in self.meters.iter_mut().flatten() {
            meter.clock_set(at, back);
            if doubted.by.is_none() && back < Millis::ZERO {
                meter.restarted(at);
            }
        }
        if doubted.by.is_some() || back < Millis::ZERO {
            self.evses.iter_mut().for_each(|live| live.clock_set(back));
        }
        self.sources_moved(doubted, back, known);
        self.planning.clock_set(back);
        self.checks.values_mut().for_each(|check| check.clock_set(back));
        self.at_once(at);
    }

    fn learn_of_station(&mut self, id: &StationId, station: Option<&Station>, fact: &Fact) {
        let at = fact.at();
        let Some(station) = station else {
            if matches!(fact, Fact::StationReleased(_)) {
                self.forget(at, id);
                self.unlimited(at, id);
            }
            return;
        };
        if let Some(heard) = heard(fact) {
            self.hear(at, id, heard.reported);
        }
        match fact {
            Fact::StationConnected(_) if is_there(station) => {
                self.connected(id);
                self.tell(at, id, StationChange::Connected);
            }
            Fact::StationBooted(booted) => {
                self.booted(id);
                self.capable(at, booted);
                self.tell(at, id, StationChange::Booted);
                self.reach(at, station);
            }
            Fact::StationConnected(_)
            | Fact::StationDisconnected(_)
            | Fact::StationRegistered(_)
            | Fact::StationRemoved(_) => self.reach(at, station),
            Fact::StationStatus(status) => self.status(station, status),
            Fact::TransactionReported(reported) => {
                let report = &reported.report;
                self.sync(at, station);
                let transaction = station.transactions.get(&reported.transaction);
                let evse = report.evse.or(transaction.and_then(|known| known.glance.evse));
                self.measured(at, station, evse, &report.readings, report.offline);
                self.took(at, id, evse, station);
            }
            Fact::TransactionMetered(metered) => {
                let transaction = station.transactions.get(&metered.transaction);
                let evse = transaction.and_then(|known| known.glance.evse);
                self.measured(at, station, evse, &metered.readings, false);
                self.took(at, id, evse, station);
            }
            Fact::CommandSent(sent) => self.sent(station, sent),
            Fact::CommandEnded(ended) => self.ended(station, ended),
            Fact::LoadTold(told) => self.told(station, told),
            Fact::LoadVerified(verified) => self.verified(station, verified),
            Fact::LoadHeld(held) => self.profiles_told(station, held),
            Fact::LoadAlarmed(_) => {}
            Fact::StationAdopted(_) => self.catch_up(at, station),
            _ => self.sync(at, station),
        }
    }

    fn tell(&mut self, at: Timestamp, station: &StationId, what: StationChange) {
        if self.kernel.evses_of(station).is_empty() {
            // None of the tree's: the kernel need not know of it.
            return;
        }
        self.kernel.apply(&Event::Station { at, station: station.clone(), what });
        self.at_once(at);
    }

    /// A station has left. Another site may tell it other limits: what it was told here is not
    /// believed any more, and it counts with all that it can draw until it is back and told again.
    fn forget(&mut self, at: Timestamp, station: &StationId) {
        self.tell(at, station, StationChange::Disconnected);
        self.checks.remove(station);
        let evses = wired(&self.rows);
        for evse in self.kernel.evses_of(station) {
            self.evses[*evse as usize] = Live::new(at);
        }
        let others = evses.iter().filter(|evse| evse.id.station != *station).cloned();
        self.kernel.apply(&Event::Wired { at, evses: others.collect() });
        self.kernel.apply(&Event::Wired { at, evses });
    }

    fn hear(&mut self, at: Timestamp, station: &StationId, reported: Timestamp) {
        if !self.kernel.evses_of(station).is_empty() {
            let what = StationChange::Heard { reported };
            self.kernel.apply(&Event::Station { at, station: station.clone(), what });
        }
    }

    /// What is known of a station already, when the site comes to be controlled, or the station
    /// comes to the site.
    fn catch_up(&mut self, at: Timestamp, station: &Station) {
        if let Some(booted) = &station.booted {
            self.capable(at, booted);
        }
        self.reach(at, station);
        self.sync(at, station);
    }

    /// A station comes into the tree. What happened on its line before that was not told: only
    /// whether one of its commands is open now is known.
    fn meet(&mut self, at: Timestamp, station: &Station) {
        self.tell(at, &station.id, StationChange::Disconnected);
        self.reach(at, station);
        if station.open_command().is_some() && is_there(station) {
            self.tell(at, &station.id, StationChange::LineTaken);
        }
    }

    /// Whether a station can be told anything at all.
    fn reach(&mut self, at: Timestamp, station: &Station) {
        let known = self.kernel.station(&station.id).is_some_and(|known| known.connected());
        match is_there(station) {
            true if !known => self.tell(at, &station.id, StationChange::Connected),
            false if known => self.tell(at, &station.id, StationChange::Disconnected),
            _ => {}
        }
    }

    fn status(&mut self, station: &Station, status: &StationStatus) {
        let id = &station.id;
        let mut connectors = station.connectors.values();
        let faulted = connectors.any(|known| known.status == ConnectorStatus::Faulted);
        let known = self.kernel.station(id);
        if known.is_some_and(|known| known.faulted() != faulted) {
            self.tell(status.at, id, StationChange::Faulted(faulted));
        }
        self.sync(status.at, station);
    }

    /// Which transaction runs on each EVSE of a station, as its messages say together.
    fn sync(&mut self, at: Timestamp, station: &Station) {
        for evse in self.kernel.evses_of(&station.id).to_vec() {
            let id = self.rows.evses()[evse as usize].id.clone();
            let on_it = station.transactions.values();
            let on_it = on_it.filter(|known| known.is_live() && known.glance.evse == Some(id.evse));
            let runs = on_it.max_by_key(|known| known.glance.start).map(|known| &known.id);
            let known = self.kernel.transaction(evse);
            if runs == known {
                continue;
            }
            if let Some(ended) = known.cloned() {
                self.leaves(at, station, &ended, evse);
                let what = EvseChange::Ended;
                self.kernel.apply(&Event::Evse { at, evse: id.clone(), what });
                self.unverified(&id);
            }
            if let Some(transaction) = runs {
                let what = EvseChange::Started(transaction.clone());
                self.kernel.apply(&Event::Evse { at, evse: id, what });
            }
            self.arrives(at, station, evse);
            self.at_once(at);
        }
    }

    fn sent(&mut self, station: &Station, sent: &CommandSent) {
        let command = station.commands.get(&sent.command);
        match command.map(|command| &command.wanted.intent) {
            Some(Intent::Limit(grant)) => {
                let granted = granted(sent.at, &station.id, grant);
                self.kernel.apply(&Event::Granted(granted));
            }
            intent => {
                if let Some(Intent::Load(LoadCall::Profiles { evse, .. })) = intent {
                    self.asked_profiles(sent.at, &station.id, *evse);
                }
                self.tell(sent.at, &station.id, StationChange::LineTaken);
            }
        }
    }

    fn ended(&mut self, station: &Station, ended: &CommandEnded) {
        if ended.sent.is_none() {
            return;
        }
        let at = ended.at;
        if let Intent::Load(call) = &ended.wanted.intent {
            self.call_returned(*call, ended);
        }
        let Intent::Limit(grant) = &ended.wanted.intent else {
            return self.tell(at, &station.id, StationChange::LineFreed);
        };
        let how = match &ended.outcome {
            CommandOutcome::Answered { status: Some(status), .. } if &**status == "Accepted" => {
                Returned::Accepted
            }
            CommandOutcome::Answered { .. } | CommandOutcome::Refused { .. } => Returned::Refused,
            CommandOutcome::TimedOut => Returned::TimedOut,
            CommandOutcome::OutcomeUnknown => Returned::Gone { may_have_left: true },
            CommandOutcome::Offline | CommandOutcome::Expired => {
                Returned::Gone { may_have_left: false }
            }
        };
        let evse = EvseId { station: station.id.clone(), evse: grant.evse };
        self.kernel.apply(&Event::Returned { at, evse, grant: GrantId(grant.grant), how });
        self.limit_returned(at, station, grant, how);
        match how {
            Returned::Gone { may_have_left: false } => self.not_after(at.plus(TRY_AGAIN)),
            _ => self.at_once(at),
        }
    }

    /// What an EVSE draws, of its newest readings; what was kept while the station was away says
    /// nothing about now.
    fn measured(
        &mut self,
        at: Timestamp,
        station: &Station,
        evse: Option<u32>,
        readings: &[Reading],
        offline: bool,
    ) {
        let id = evse.map(|evse| EvseId { station: station.id.clone(), evse });
        let Some(id) = id.filter(|_| !offline) else { return };
        let Some(index) = self.kernel.evse(&id) else { return };
        let momentary = |reading: &&Reading| {
            matches!(reading.measurand, Measurand::CurrentImport | Measurand::PowerImport)
        };
        let newest = readings.iter().filter(momentary).map(|reading| reading.at).max();
        let Some(newest) = newest else { return };
        let clock = self.kernel.station(&station.id).and_then(|known| known.clock().offset());
        let age = at.plus(clock.unwrap_or(newest.since(at))).since(newest);
        if age > FRESH {
            return;
        }
        let says = |reading: &&Reading| {
            momentary(reading) || matches!(reading.measurand, Measurand::Voltage)
        };
        let now = readings.iter().filter(says).filter(|reading| reading.at == newest);
        let Some(draw) = self.draw_of(index, now.collect(), at) else { return };
        let most = self.rows.evses()[index as usize].max.0.saturating_mul(ABSURD);
        let draw = draw.min(Current(most));
        let obeyed = self.kernel.draw(index).is_none_or(|known| !known.is_disobedient());
        let what = match !obeyed && station.says_paused(id.evse) {
            true => EvseChange::Paused(draw),
            false => EvseChange::Measured(draw),
        };
        self.kernel.apply(&Event::Evse { at, evse: id.clone(), what });
        self.tapers(index, at);
        if obeyed && self.kernel.draw(index).is_some_and(|known| known.is_disobedient()) {
            self.suspect(&id);
        }
    }

    /// The draw of the busiest phase, by currents where they are there, else by power.
    fn draw_of(&mut self, evse: u32, now: Vec<&Reading>, at: Timestamp) -> Option<Current> {
        let wiring = &self.rows.evses()[evse as usize];
        // On the DC side of a rectifier a current says nothing about the lines.
        let is_ac = !wiring.dc;
        let currents: Vec<_> = now.iter().copied().filter(|_| is_ac).filter_map(current).collect();
        let station = self.kernel.station(&wiring.id.station);
        let omits_idle = station.is_some_and(|known| known.capability().omits_idle_phases);
        let live = &mut self.evses[evse as usize];
        if is_ac {
            live.draws_on(told(&now, wiring, omits_idle), at);
        }
        if !currents.is_empty() {
            live.is_sure = true;
            return currents.iter().map(|(_, current)| *current).max();
        }
        let power = |reading: &&Reading| match reading.value {
            ReadingValue::Power(power) => Some((reading.phase.is_some(), power.0)),
            _ => None,
        };
        let powers: Vec<_> = now.iter().filter_map(power).collect();
        let by_phase = powers.iter().filter(|(of_phase, _)| *of_phase).map(|(_, watts)| *watts);
        let (watts, legs) = match by_phase.max() {
            Some(watts) => (watts, 1),
            None => {
                let legs = match live.legs.count() {
                    0 => u32::from(wiring.legs),
                    count => count,
                };
                (powers.iter().map(|(_, watts)| *watts).max()?, legs)
            }
        };
        live.is_sure = powers.iter().any(|(of_phase, _)| *of_phase)
            || live.legs != Legs::UNKNOWN
            || wiring.legs == 1
            || !is_ac;
        Some(wiring.current(Power(watts), legs))
    }

    fn limited(&mut self, limited: &LoadLimited) {
        let named = |source: &&mut crate::load::external::ExternalLimit| {
            *source.circuit == *limited.circuit && *source.source == *limited.source
        };
        let Some(source) = self.sources.iter_mut().find(named) else { return };
        source.heard = Some(limited.at);
        if let Some(windows) = &limited.windows {
            let window = |window: &crate::fact::load::LimitWindow| Window {
                from: window.from,
                until: window.until,
                limit: CircuitLimit { lines: window.lines, power: window.power },
            };
            source.windows = windows.iter().map(window).collect();
        }
        source.windows.retain(|window| window.until > limited.at);
        self.at_once(limited.at);
    }

    /// A reading of a circuit: what of it is not managed, in each row of the circuit. Where the
    /// EVSEs are in it, what is theirs is taken away again.
    fn metered(&mut self, metered: &LoadMetered) {
        let circuits = self.config.tree.circuits.iter();
        let named = circuits.filter(|known| known.meter.as_deref() == Some(&*metered.meter));
        let names: Vec<_> = named.map(|circuit| circuit.name.clone()).collect();
        for index in 0..self.meters.len() {
            let row = &self.rows.rows()[index];
            if !names.iter().any(|name| **name == *row.circuit) || row.kind == RowKind::Cabinet {
                continue;
            }
            let mut base = row.counts(metered.lines);
            if metered.with_evses {
                let drawn = |evse: u32| {
                    (self.kernel.share_of_reading(evse, metered.at), self.evses[evse as usize].legs)
                };
                base = base.minus(self.rows.load(index as u32, drawn));
            }
            if let Some(meter) = &mut self.meters[index] {
                meter.measured(metered.at, base);
            }
        }
        self.left_over(metered);
        self.at_once(metered.at);
    }

    fn filled(&mut self, filled: &LoadFilled) {
        self.decided = filled.at;
        self.due = filled.next;
        self.note(filled);
        let waits_for_plan = self.planned_out(filled);
        for change in &filled.changes {
            let evse = EvseId::parse(&change.evse).and_then(|id| self.kernel.evse(&id));
            if let Some(live) = evse.and_then(|evse| self.evses.get_mut(evse as usize)) {
                (live.on, live.since) = (change.on, filled.at);
                live.charged |= change.on;
                if !change.on && waits_for_plan.contains(&change.evse) {
                    // What begins anew is spread anew.
                    live.delay = None;
                }
            }
        }
    }
}

impl Live {
    /// Our clock was set by so much. Whether a car was seen for long is not known any more.
    fn clock_set(&mut self, by: Millis) {
        self.seen_since = None;
        self.since = self.since.plus(by);
        self.arrived = self.arrived.plus(by);
        self.delay = self.delay.map(|end| end.plus(by));
        self.flow = self.flow.map(|(at, power)| (at.plus(by), power));
        self.tapers = self.tapers.map(|(at, current)| (at.plus(by), current));
    }

    /// What readings say of the legs of its car.
    fn draws_on(&mut self, told: Told, at: Timestamp) {
        match told {
            Told::Nothing => return,
            Told::Uses(uses) => (0..3).for_each(|leg| self.seen[leg] |= uses[leg]),
            // What was believed of it is not so, or not any more.
            Told::More => {
                (self.seen, self.seen_since, self.legs) = ([false; 3], None, Legs::UNKNOWN)
            }
        }
        if self.seen.contains(&true) {
            let since = *self.seen_since.get_or_insert(at);
            if at.since(since) >= SURE_AFTER {
                self.legs = Legs::of(self.seen);
            }
        }
    }
}

/// A grant, as it was journalled.
fn granted(at: Timestamp, station: &StationId, grant: &LimitGrant) -> Granted {
    Granted {
        at,
        evse: EvseId { station: station.clone(), evse: grant.evse },
        grant: GrantId(grant.grant),
        purpose: match grant.purpose {
            LimitPurpose::Default => Purpose::Default,
            LimitPurpose::Transaction => Purpose::Transaction,
        },
        limit: grant.limit,
        counted: grant.counted,
        after: grant.after,
        lease: grant.lease_end.map(|end| Lease { end, offset: grant.lease_offset }),
    }
}

/// It is connected, and was let in: one that is not accepted may be told nothing.
fn is_there(station: &Station) -> bool {
    station.connection.is_some() && station.is_accepted()
}

fn current(reading: &Reading) -> Option<(Option<&str>, Current)> {
    match reading.value {
        ReadingValue::Current(current) => Some((reading.phase.as_deref(), current)),
        _ => None,
    }
}
