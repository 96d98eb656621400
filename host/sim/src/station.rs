//! Owns a simulated charging station as a state machine without I/O: time and events go in,
//! frames come out. Must never share code with `link`, read a clock, or draw chance from
//! anything but its seed.

mod charge;
mod line;
mod orders;
mod plug;
mod profiles;

use std::collections::{BTreeMap, VecDeque};

use busbar_ocpp::rpc::{self, Frame, Limits as FrameLimits};

use crate::car::Car;
use crate::limits::Limits;
use crate::rng::Rng;
use crate::settings::Settings;
use crate::spec::Spec;
use crate::wire;
use crate::words::{
    Answer, BootReason, Context, Phase, Registration, Report, Status, Token, Trigger,
};
use line::{Line, Outcome, Patience};
use plug::Plug;

pub use orders::{Order, Reply, Wanted};
pub use profiles::Composite;

/// What happens to a station.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The connection that it asked for stands.
    Connected,
    /// The connection is gone, or could not be made.
    Disconnected,
    /// A frame came.
    Text(&'a str),
    /// Somebody does something to it.
    Act(Act),
    /// Time went by.
    Tick,
}

/// What people and the world do to a station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A car is plugged in.
    PlugIn {
        /// Where.
        evse: u16,
        /// Which.
        car: Car,
    },
    /// The cable is pulled.
    Unplug {
        /// Where.
        evse: u16,
    },
    /// A token is held to the reader.
    Present {
        /// For which outlet.
        evse: u16,
        /// Which.
        token: Token,
    },
    /// An outlet breaks.
    Break {
        /// Which.
        evse: u16,
    },
    /// An outlet is mended.
    Mend {
        /// Which.
        evse: u16,
    },
    /// A grid operator limits the whole station on each phase, or does not any more.
    Limit {
        /// To what.
        ma: Option<i64>,
    },
    /// The power goes.
    PowerCut {
        /// How long.
        for_ms: i64,
    },
    /// The network goes; the station stays up.
    NetworkDown {
        /// How long.
        for_ms: i64,
    },
}

/// What a station wants of its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Connect, and say whether it worked.
    Connect,
    /// Close the connection; nothing need be said about it.
    Close,
    /// Send this frame.
    Send(String),
}

/// What one sees of an outlet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlugView {
    /// Which.
    pub evse: u16,
    /// Its state.
    pub status: Status,
    /// Power that flows.
    pub power_w: i64,
    /// Current on each phase in use.
    pub current_ma: i64,
    /// Phases in use, from the first of the connector on; 0 is direct current, or nothing.
    pub phases: u8,
    /// Its register, in mWh, as it truly is.
    pub register_mwh: i64,
    /// Whether a car is plugged in.
    pub occupied: bool,
    /// Whether the car wants no more.
    pub full: bool,
    /// Whose transaction runs.
    pub charging_for: Option<Token>,
    /// What the transaction is called (2.x).
    pub tx: Option<String>,
    /// Energy of the transaction, in mWh.
    pub tx_mwh: i64,
    /// State of charge of the car.
    pub soc_permille: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Net {
    Down { retry_ms: i64 },
    Dialing,
    Up,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    On,
    /// A reset was ordered: off at this moment.
    Leaving {
        at_ms: i64,
    },
    Off {
        until_ms: i64,
    },
}

/// A station.
#[derive(Clone, Debug)]
pub struct Station {
    spec: Spec,
    now_ms: i64,
    rng: Rng,
    line: Line,
    plugs: Vec<Plug>,
    limits: Limits,
    /// Since when the station is offline; none while it is not.
    offline_ms: Option<i64>,
    /// When the limit of a dynamic profile was last asked for.
    pulled: BTreeMap<i64, i64>,
    /// Answers to orders that a slow station has not sent so far.
    answers: VecDeque<(i64, String)>,
    settings: Settings,
    net: Net,
    power: Power,
    failures: u32,
    boot_reason: BootReason,
    spoke_ms: i64,
    next_tx: u32,
    list_version: i64,
    /// How often the server set or updated a limit.
    limits_told: u32,
    asking: VecDeque<(u16, Token)>,
    station_told: bool,
    outputs: VecDeque<Output>,
}

impl Station {
    /// A station that is switched on at `now_ms`.
    pub fn new(spec: Spec, now_ms: i64) -> Self {
        let mut rng = Rng::part(spec.seed, "station");
        let numbered = (1u16..).zip(&spec.evses);
        let plugs = numbered.map(|(evse, supply)| Plug::new(evse, *supply, now_ms, &mut rng));
        let plugs: Vec<Plug> = plugs.collect();
        let limits = Limits::new(spec.faults.profiles);
        Self {
            line: Line::new(&spec),
            settings: Settings::new(plugs.len(), spec.sample_s),
            spec,
            now_ms,
            rng,
            plugs,
            limits,
            offline_ms: Some(now_ms),
            pulled: BTreeMap::new(),
            answers: VecDeque::new(),
            net: Net::Down { retry_ms: now_ms },
            power: Power::On,
            failures: 0,
            boot_reason: BootReason::PowerUp,
            spoke_ms: now_ms,
            next_tx: 0,
            list_version: 0,
            limits_told: 0,
            asking: VecDeque::new(),
            station_told: false,
            outputs: VecDeque::new(),
        }
    }

    /// What it is.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Whether the server knows it and it is connected.
    pub fn is_online(&self) -> bool {
        self.net == Net::Up && self.line.registration == Registration::Accepted
    }

    /// Messages about transactions that have not arrived so far.
    pub fn queued(&self) -> usize {
        self.line.queued()
    }

    /// How often the server set or updated a limit, whether it was taken or not.
    pub fn limits_told(&self) -> u32 {
        self.limits_told
    }

    /// What one sees of its outlets.
    pub fn plugs(&self) -> Vec<PlugView> {
        self.plugs.iter().map(Plug::view).collect()
    }

    /// What one sees of one of them, counted from 0.
    pub fn plug(&self, index: usize) -> Option<PlugView> {
        self.plugs.get(index).map(Plug::view)
    }

    /// Something happened at `now_ms`, which never goes back.
    pub fn handle(&mut self, now_ms: i64, input: Input<'_>) {
        self.now_ms = now_ms.max(self.now_ms);
        self.pass();
        match input {
            Input::Connected => self.connected(),
            Input::Disconnected => self.disconnected(),
            Input::Text(text) => self.text(text),
            Input::Act(act) => self.act(act),
            Input::Tick => {}
        }
        self.turn();
        self.pump();
    }

    /// The next thing that it wants.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When it wants a `Tick`, if nothing else happens before.
    pub fn deadline(&self) -> Option<i64> {
        let mut all = match self.power {
            Power::On => Vec::new(),
            Power::Leaving { at_ms } => vec![at_ms],
            Power::Off { until_ms } => return Some(until_ms),
        };
        match self.net {
            Net::Down { retry_ms } => all.push(retry_ms),
            Net::Dialing => {}
            Net::Up => {
                all.extend(self.line.deadline());
                all.push(self.heartbeat_due_ms());
                all.extend(self.answers.front().map(|(at_ms, _)| *at_ms));
                all.extend(self.pull_due_ms());
            }
        }
        all.extend(self.plugs.iter().filter_map(|plug| plug.deadline(self.spec.step_ms)));
        all.extend(self.limits_change_ms());
        all.into_iter().min()
    }

    fn connected(&mut self) {
        if self.net != Net::Dialing {
            return;
        }
        self.net = Net::Up;
        self.offline_ms = None;
        self.failures = 0;
        self.spoke_ms = self.now_ms;
        if self.line.registration != Registration::Accepted {
            self.line.boot_not_before_ms = self.now_ms;
            self.line.push(Report::Boot(self.boot_reason), &self.spec);
        }
    }

    fn disconnected(&mut self) {
        let doubled = self.spec.backoff_ms.saturating_mul(1 << self.failures.min(5));
        self.failures = self.failures.saturating_add(1);
        let jitter_ms = self.rng.between(0, doubled / 4);
        self.hang_up(self.now_ms + doubled + jitter_ms);
    }

    fn close(&mut self) {
        if !matches!(self.net, Net::Down { .. }) {
            self.outputs.push_back(Output::Close);
        }
    }

    /// The connection is over; the next try is at `retry_ms`.
    fn hang_up(&mut self, retry_ms: i64) {
        self.net = Net::Down { retry_ms };
        self.offline_ms.get_or_insert(self.now_ms);
        self.answers.clear();
        let dropped = self.line.cut();
        for report in dropped {
            self.unanswered(&report);
        }
    }

    fn text(&mut self, text: &str) {
        if self.net != Net::Up {
            return;
        }
        match rpc::parse(self.spec.version, text, &FrameLimits::default()) {
            Ok(Frame::Call { id, action, payload }) => {
                let reply = match wire::obey(self, &action, payload) {
                    Ok(payload) => rpc::call_result(&id, &payload),
                    Err(code) => rpc::call_error(self.spec.version, &id, code, "", "{}"),
                };
                let at_ms = self.now_ms + self.spec.faults.profiles.answers_after_ms;
                self.answers.push_back((at_ms, reply));
            }
            Ok(Frame::CallResult { id, payload }) => self.result(&id, Some(payload)),
            Ok(Frame::CallError(refusal)) => self.result(&refusal.id, None),
            Ok(_) => {}
            Err(bad) => {
                if let Some(answer) = bad.answer {
                    self.outputs.push_back(Output::Send(answer.write(self.spec.version)));
                }
            }
        }
    }

    fn result(&mut self, id: &str, payload: Option<&str>) {
        let patience = self.patience();
        let outcome = self.line.answered(id, payload, &self.spec, patience, self.now_ms);
        if let Some(outcome) = outcome {
            self.learn(outcome);
        }
    }

    fn learn(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Answered(_, Answer::Boot { registration, interval_s, .. }) => {
                self.registered(registration, interval_s);
            }
            Outcome::Answered(Report::Authorize(token), Answer::Authorized(yes)) => {
                self.authorization(&token, yes);
            }
            Outcome::Answered(Report::Tx(event), Answer::Tx { accepted: Some(false), .. })
                if event.phase != Phase::Ended =>
            {
                self.refused(&event.id);
            }
            Outcome::Answered(Report::Pull { profile }, Answer::Limit(Some(tenths))) => {
                self.update_limit(profile, tenths);
            }
            Outcome::Answered(..) | Outcome::Waits => {}
            Outcome::Failed(report) => self.unanswered(&report),
        }
    }

    fn registered(&mut self, registration: Registration, interval_s: i64) {
        self.line.registration = registration;
        let interval_s = if interval_s > 0 { interval_s } else { 60 };
        if registration != Registration::Accepted {
            self.line.boot_not_before_ms = self.now_ms + interval_s * 1000;
            self.line.push(Report::Boot(self.boot_reason), &self.spec);
            return;
        }
        self.settings.set("HeartbeatInterval", interval_s);
        self.station_told = false;
        for plug in &mut self.plugs {
            plug.told = None;
        }
        self.resume();
    }

    /// A report that nobody answered and that will not be sent again.
    fn unanswered(&mut self, report: &Report) {
        match report {
            Report::Boot(_) if self.net == Net::Up => {
                self.line.boot_not_before_ms = self.now_ms + self.spec.call_timeout_ms;
                self.line.push(report.clone(), &self.spec);
            }
            Report::Authorize(token) => {
                let token = token.clone();
                self.authorization(&token, self.spec.starts_offline && self.net != Net::Up);
            }
            Report::Status { evse: 0, .. } => self.station_told = false,
            Report::Status { evse, .. } => {
                let evse = *evse;
                if let Some(plug) = self.plugs.iter_mut().find(|plug| plug.evse == evse) {
                    plug.told = None;
                }
            }
            _ => {}
        }
    }

    /// What is due by the clock, after everything else.
    fn turn(&mut self) {
        self.power_turn();
        if matches!(self.power, Power::Off { .. }) {
            return;
        }
        let patience = self.patience();
        if self.net == Net::Up
            && let Some(outcome) = self.line.time_out(patience, self.now_ms)
        {
            self.learn(outcome);
        }
        if let Net::Down { retry_ms } = self.net
            && self.now_ms >= retry_ms
        {
            self.net = Net::Dialing;
            self.outputs.push_back(Output::Connect);
        }
        self.plugs_turn();
        if self.is_online() {
            self.pull();
            self.tell_statuses();
            if self.now_ms >= self.heartbeat_due_ms() {
                self.spoke_ms = self.now_ms;
                self.line.push(Report::Heartbeat, &self.spec);
            }
        }
    }

    fn power_turn(&mut self) {
        match self.power {
            Power::Leaving { at_ms } if self.now_ms >= at_ms => {
                self.switch_off(self.spec.boot_ms, BootReason::RemoteReset);
            }
            Power::Off { until_ms } if self.now_ms >= until_ms => {
                self.power = Power::On;
                self.spec.faults.clock_offset_ms += self.spec.faults.clock_jump_ms;
                self.net = Net::Down { retry_ms: self.now_ms };
            }
            _ => {}
        }
    }

    fn switch_off(&mut self, for_ms: i64, reason: BootReason) {
        self.close();
        self.hang_up(i64::MAX);
        self.power = Power::Off { until_ms: self.now_ms + for_ms };
        self.boot_reason = reason;
        self.line.registration = Registration::Unknown;
        if self.spec.faults.profiles.forgets {
            self.limits = Limits::new(self.spec.faults.profiles);
        }
        for plug in &mut self.plugs {
            plug.ready = None;
        }
    }

    fn pump(&mut self) {
        if self.net != Net::Up {
            return;
        }
        let due = |answer: &mut (i64, String)| answer.0 <= self.now_ms;
        while let Some((_, answer)) = self.answers.pop_front_if(due) {
            self.outputs.push_back(Output::Send(answer));
        }
        for frame in self.line.next(&self.spec, self.now_ms) {
            self.spoke_ms = self.now_ms;
            self.outputs.push_back(Output::Send(frame));
        }
    }

    fn heartbeat_due_ms(&self) -> i64 {
        if self.line.registration != Registration::Accepted {
            return i64::MAX;
        }
        self.spoke_ms + self.settings.number("HeartbeatInterval").max(1) * 1000
    }

    fn patience(&self) -> Patience {
        Patience {
            attempts: self.settings.number("TransactionMessageAttempts"),
            interval_s: self.settings.number("TransactionMessageRetryInterval"),
        }
    }

    /// Energy flows until now, as it did since the last time.
    fn pass(&mut self) {
        if matches!(self.power, Power::Off { .. }) {
            for plug in &mut self.plugs {
                plug.skip(self.now_ms);
            }
            return;
        }
        for index in 0..self.plugs.len() {
            let offer = self.offer(index);
            if self.plugs[index].advance(self.now_ms, offer, self.spec.step_ms) {
                self.flow_changed(index);
            }
        }
    }

    fn tell_statuses(&mut self) {
        let at_ms = self.now_ms + self.spec.faults.clock_offset_ms;
        if !self.station_told {
            self.station_told = true;
            if wire::tells_station(self.spec.version) {
                let status = Status::Available;
                self.line.push(Report::Status { evse: 0, status, at_ms }, &self.spec);
            }
        }
        for plug in &mut self.plugs {
            let status = plug.status();
            let told = plug.told.replace(status);
            let same = told.is_some_and(|told| wire::same_status(self.spec.version, told, status));
            if !same {
                self.line.push(Report::Status { evse: plug.evse, status, at_ms }, &self.spec);
            }
        }
    }

    fn plug_of(&mut self, evse: u16) -> Option<usize> {
        self.plugs.iter().position(|plug| plug.evse == evse)
    }

    fn trigger_reading(&mut self, index: usize, context: Context, trigger: Trigger) {
        let plug = &mut self.plugs[index];
        let reading = plug.read(&self.spec, self.now_ms, context);
        if plug.tx.is_some() {
            self.tell(index, Phase::Updated, trigger, vec![reading]);
        } else {
            let evse = plug.evse;
            self.line.push(Report::Meter { evse, reading }, &self.spec);
        }
    }
}

#[cfg(test)]
mod tests;
