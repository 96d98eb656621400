//! Owns one decision of load control: who may charge and how much, and what is sent of that now.
//! Must never send what the kernel did not grant.

use super::memory::Buffers;
use super::reason::Found;
use super::{Load, TICK};
use crate::action::Action;
use crate::context::{Context, Outcome};
use crate::fact::command::{CommandSent, CommandWanted, Intent, Priority};
use crate::fact::load::{
    EvseDelay, EvseShare, LimitGrant, LimitPurpose, LoadAlarm, LoadAlarmed, LoadDelayed, LoadFilled,
};
use crate::fact::{Actor, Fact, InputRefused};
use crate::ids::CommandId;
use crate::load::external::limits_at;
use crate::load::fill::{Demand, EvseState, could_take_more};
use crate::load::kernel::Kernel;
use crate::load::kernel::decide::{Alarm, LEAD, Send, Why};
use crate::load::kernel::event::Purpose;
use crate::load::kernel::ledger::GRACE;
use crate::load::legs::Legs;
use crate::load::rows::Row;
use crate::site::Site;
use crate::units::{Current, Millis, Timestamp};

/// A car's legs are known for so long without a reading. What lets its station go meanwhile, and
/// another car come, ends its transaction or its connection.
const LEGS_FOR: Millis = Millis::from_secs(900);

/// A row that nothing limits has so much.
const UNLIMITED: Current = Current(i64::MAX / 4_000_000);

/// A limit that did not leave after so long is not sent any more: a newer one is.
const SEND_WITHIN: Millis = Millis::from_secs(30);

/// For so long a car is taken to take as little as it did.
const TAPERS_FOR: Millis = Millis::from_secs(900);

/// Random numbers of an input from here on are for delays; below, ids of commands are made.
const DRAWS: u32 = 1_000_000;

/// What there is in each row at one moment.
pub(super) struct Room {
    pub(super) limits: Vec<Current>,
    pub(super) base: Vec<Current>,
    /// What is not managed, as high as it lately was.
    pub(super) lately: Vec<Current>,
    /// Limit less base load less reserve.
    pub(super) headroom: Vec<Current>,
    /// The least of it within the time that a limit takes to arrive.
    pub(super) announced: Vec<Current>,
    /// What of that is expected to last, beside `lately`.
    pub(super) lasting: Vec<Current>,
    /// Where nothing may be increased.
    pub(super) bound: Vec<bool>,
}

impl Load {
    pub(super) fn room(&self, now: Timestamp) -> Room {
        let mut limits = Vec::new();
        limits_at(&self.rows, &self.sources, now, now, &mut limits);
        let mut least = limits.clone();
        let mut time = now;
        let horizon = now.plus(LEAD);
        let mut later = Vec::new();
        loop {
            let changes = self.sources.iter().filter_map(|source| source.change_ahead(now, time));
            let next = changes.min();
            let Some(next) = next.filter(|next| *next <= horizon) else { break };
            limits_at(&self.rows, &self.sources, now, next, &mut later);
            least.iter_mut().zip(&later).for_each(|(least, later)| *least = *later.min(least));
            time = next;
        }
        let (mut base, mut lately, mut bound) = (Vec::new(), Vec::new(), Vec::new());
        for ((row, meter), limit) in self.rows.rows().iter().zip(&self.meters).zip(&limits) {
            let background = meter.as_ref().map(|meter| meter.background(now));
            base.push(background.map_or(row.base_max, |background| background.load));
            lately.push(background.map_or(row.base_max, |background| background.lately));
            let is_bound = background.is_some_and(|background| background.standing.is_bound());
            bound.push(is_bound && *limit < UNLIMITED);
        }
        let less = |limits: &[Current], base: &[Current]| -> Vec<Current> {
            let rows = self.rows.rows().iter().zip(limits).zip(base);
            let left = |((row, limit), base): ((&Row, &Current), &Current)| match *limit {
                // Whatever is drawn there: nothing limits it.
                limit if limit >= UNLIMITED => UNLIMITED,
                limit => limit.minus(*base).minus(row.reserve),
            };
            rows.map(left).collect()
        };
        let headroom = less(&limits, &base);
        let (announced, lasting) = (less(&least, &base), less(&least, &lately));
        Room { headroom, announced, lasting, limits, base, lately, bound }
    }

    /// By row, what the filling may share: what is expected to last, but nobody is paused for what
    /// the base load was a minute ago.
    pub(super) fn to_share(&self, room: &Room, states: &[EvseState]) -> Vec<Current> {
        let least = |evse: u32| {
            let state = &states[evse as usize];
            let current = match state.demand {
                Demand::Fixed(exposure) => exposure,
                Demand::Wants if state.on => state.min,
                Demand::Wants | Demand::None => Current::ZERO,
            };
            (current, state.legs)
        };
        let rows = (0..).zip(room.lasting.iter().zip(&room.announced));
        rows.map(|(row, (lasting, announced))| {
            self.rows.load(row, least).min(*announced).max(*lasting)
        })
        .collect()
    }

    /// What the filling is to know of each EVSE.
    pub(super) fn states(&self, now: Timestamp) -> Vec<EvseState> {
        let state = |(evse, live): (u32, &super::Live)| {
            let wiring = &self.rows.evses()[evse as usize];
            let runs = self.kernel.transaction(evse).is_some();
            let demand = if runs && self.kernel.is_commandable(evse, now) {
                Demand::Wants
            } else {
                // Whoever is not told now counts with what it may draw: at least its fallback.
                Demand::Fixed(self.kernel.settled_exposure(evse, now))
            };
            let mut state = EvseState {
                demand,
                legs: self.legs(evse, now),
                min: wiring.min,
                max: wiring.max,
                on: live.on,
                since: live.since,
                drawn: self.drawn(evse, now),
                limit: self.kernel.acknowledged(evse, now),
                ..EvseState::default()
            };
            if demand == Demand::Wants {
                self.hold(evse, now, &mut state);
            }
            state
        };
        (0..).zip(&self.evses).map(state).collect()
    }

    /// The legs that an EVSE's car is known to use now: as long as its transaction runs and its
    /// station is there. Many stations tell their readings every few minutes only.
    pub(super) fn legs(&self, evse: u32, now: Timestamp) -> Legs {
        let wiring = &self.rows.evses()[evse as usize];
        let there = self.kernel.station(&wiring.id.station).is_some_and(|known| known.connected());
        let heard = self.kernel.draw(evse).and_then(|draw| draw.last());
        let heard = heard.is_some_and(|(at, _)| now.since(at) <= LEGS_FOR);
        if there && heard { self.evses[evse as usize].legs } else { Legs::UNKNOWN }
    }

    /// What a car draws, once it has followed its present limit. Until then, one that took less
    /// than it might is taken to do so still: else what it leaves to others would change with
    /// every limit that it is told.
    fn drawn(&self, evse: u32, now: Timestamp) -> Option<Current> {
        let tapers = self.evses[evse as usize].tapers;
        let tapers = tapers.filter(|(at, _)| now.since(*at) <= TAPERS_FOR);
        self.settled_draw(evse, now).or(tapers.map(|(_, draw)| draw))
    }

    /// Whether a car takes less than it may, as it was just measured.
    pub(super) fn tapers(&mut self, evse: u32, at: Timestamp) {
        let Some(draw) = self.settled_draw(evse, at) else { return };
        // One that has not begun yet says nothing of what it will take.
        let tapers = draw >= super::learn::DRAWS
            && could_take_more(draw, self.kernel.acknowledged(evse, at));
        self.evses[evse as usize].tapers = tapers.then_some((at, draw));
    }

    /// What a car draws under its present limit, once it has followed that.
    pub(super) fn settled_draw(&self, evse: u32, now: Timestamp) -> Option<Current> {
        let draw = self.kernel.draw(evse)?;
        let (measured, _) = draw.last()?;
        let told = self.kernel.told(evse)?;
        let live = &self.evses[evse as usize];
        // The call takes some seconds, the car and its meter as long as the grace.
        let settled = measured >= told.at.plus(GRACE).plus(GRACE);
        draw.fresh(now).filter(|_| settled && live.is_sure)
    }
}

impl Found<'_> {
    /// Who may charge now and might not before, or the other way.
    fn changes(&self) -> Vec<EvseShare> {
        let evses = (0..).zip(&self.load.evses);
        let changed = evses.filter(|(evse, live)| {
            let may = self.filled.allocations[*evse as usize].limit > Current::ZERO;
            // Whoever cannot be told stays as he is.
            let told = self.filled.allocations[*evse as usize].reason;
            let steers = !matches!(told, crate::load::fill::Reason::NotCommandable);
            steers && may != live.on
        });
        let share = |(evse, live): (u32, &super::Live)| EvseShare {
            evse: self.load.rows.evses()[evse as usize].id.to_string().into(),
            on: !live.on,
            reason: self.reason(evse).into(),
        };
        changed.map(share).collect()
    }
}

/// What people should look at; that one does not obey is told by what it is verified to do.
fn alarms(now: Timestamp, kernel: &Kernel, alarms: Vec<Alarm>) -> Vec<Fact> {
    let told = alarms.into_iter().filter_map(|alarm| match alarm {
        Alarm::WriteBudget(station) => {
            let known = kernel.station(&station)?;
            let alarm = LoadAlarm::WriteBudget { writes: known.capability().writes_a_day };
            Some(LoadAlarmed { at: now, station, alarm }.into())
        }
        Alarm::Disobedient(_) => None,
    });
    told.collect()
}

impl Site {
    /// Decides anew who may charge, and sends what can be sent now.
    pub(in crate::site) fn control_load(
        &self,
        context: &Context<'_>,
        now: Timestamp,
        outcome: &mut Outcome,
    ) {
        let Some(load) = self.load() else { return };
        let mut memory = load.memory.take();
        let Buffers { filler, kernel } = &mut *memory;
        let found = load.found(now, filler);
        let wishes: Vec<_> = found.filled.allocations.iter().map(|given| given.limit).collect();
        let evses = 0..load.evses.len() as u32;
        let legs: Vec<Legs> = evses.map(|evse| load.legs(evse, now)).collect();
        let Room { headroom, announced, lasting, bound, .. } = &found.room;
        let site = crate::load::kernel::decide::Site {
            rows: &load.rows,
            legs: &legs,
            headroom,
            announced,
            lasting,
            bound,
        };
        let decision = load.kernel.decide_in(kernel, now, &site, &wishes);
        for station in &decision.abandon {
            outcome.actions.extend(self.abandon(station));
        }
        let calls = load.calls(now);
        for (n, send) in (0..).zip(decision.sends) {
            if send.why == Why::Commission && self.asks_first(&calls, &send.granted.evse.station) {
                // Written as the station can take it: nothing is raised meanwhile.
                continue;
            }
            let reason = load.kernel.evse(&send.granted.evse);
            let reason = reason.map(|evse| found.reason(evse).into());
            let command = CommandId(context.ids.uuid(now, 1_000 + n));
            self.send_limit(now, command, send, reason.unwrap_or_default(), outcome);
        }
        self.survey(context, now, calls, outcome);
        outcome.facts.extend(alarms(now, &load.kernel, decision.alarms));
        if decision.withheld > 0 {
            let held = decision.withheld;
            outcome.facts.push(Fact::from(InputRefused {
                at: now,
                actor: Actor::Clock,
                station: None,
                what: "load control".into(),
                reason: format!("{held} limits were held back that would exceed a row").into(),
            }));
        }
        let busy = load.kernel.is_busy().then(|| now.plus(TICK));
        let changes = load.sources.iter().filter_map(|source| source.next_change(now));
        let next = changes.chain(decision.again).chain(busy).min();
        let (changes, withheld) = (found.changes(), decision.withheld);
        outcome.facts.push(LoadFilled { at: now, next, changes, withheld }.into());
        load.memory.give(memory);
        self.draw_delays(context, now, outcome);
    }

    /// Says for how long EVSEs wait that are about to begin, where that is asked for.
    fn draw_delays(&self, context: &Context<'_>, now: Timestamp, outcome: &mut Outcome) {
        let Some(load) = self.load() else { return };
        let most = u128::from(load.config.plan.start_delay_seconds) * 1_000;
        let delay = |(n, evse): (u32, u32)| EvseDelay {
            evse: load.rows.evses()[evse as usize].id.to_string().into(),
            until: now.plus(Millis((context.ids.random(DRAWS + n) % (most + 1)) as i64)),
        };
        let evses: Vec<_> = (0..).zip(load.undelayed(now)).map(delay).collect();
        if !evses.is_empty() {
            outcome.facts.push(LoadDelayed { at: now, evses }.into());
        }
    }

    /// Gives up the open call of a station.
    fn abandon(&self, station: &crate::ids::StationId) -> Option<Action> {
        let known = self.station(station)?;
        let generation = known.connection.as_ref()?.generation;
        let command = known.open_command()?;
        Some(Action::Abandon { station: station.clone(), generation, command })
    }

    /// The grant is in the command's intent, which is durable before the command leaves.
    fn send_limit(
        &self,
        now: Timestamp,
        command: CommandId,
        send: Send,
        reason: Box<str>,
        outcome: &mut Outcome,
    ) {
        let Send { granted, profile, why } = send;
        let station = granted.evse.station.clone();
        let connection = self.station(&station).and_then(|known| known.connection.as_ref());
        let Some(connection) = connection else { return };
        let grant = LimitGrant {
            evse: granted.evse.evse,
            grant: granted.grant.0,
            purpose: match granted.purpose {
                Purpose::Default => LimitPurpose::Default,
                Purpose::Transaction => LimitPurpose::Transaction,
            },
            limit: granted.limit,
            counted: granted.counted,
            after: granted.after,
            lease_end: granted.lease.map(|lease| lease.end),
            lease_offset: granted.lease.map_or(Millis::ZERO, |lease| lease.offset),
            reason,
        };
        outcome.facts.push(Fact::from(CommandWanted {
            at: now,
            actor: Actor::Clock,
            station: station.clone(),
            command,
            intent: Intent::Limit(Box::new(grant)),
            action: "SetChargingProfile".into(),
            payload: "".into(),
            priority: if why == Why::Increase { Priority::Increase } else { Priority::Safety },
            until: now.plus(SEND_WITHIN),
            key: None,
            caller: None,
        }));
        outcome.facts.push(Fact::from(CommandSent {
            at: now,
            station: station.clone(),
            command,
            incarnation: connection.incarnation,
            generation: connection.generation,
        }));
        outcome.actions.push(Action::Command {
            station,
            generation: connection.generation,
            command,
            action: "SetChargingProfile".into(),
            payload: "".into(),
            profile: Some(Box::new(profile)),
            question: None,
        });
    }
}
