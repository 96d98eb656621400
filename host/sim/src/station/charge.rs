//! Owns a charge from the first touch to the last word: who may start, when it starts and ends,
//! and what is told of it. Must never write a frame.

use super::plug::{Plug, Ready, Tx};
use super::{Act, PlugView, Power, Station};
use crate::car::{MJ_PER_WH, Supply};
use crate::wire;
use crate::words::{
    BootReason, Context, Flow, Needs, Phase, Reading, Reason, Report, Token, Trigger, TxEvent,
};

/// A car and its station have talked so long after the start of a transaction.
const NEEDS_AFTER_MS: i64 = 3_000;

/// What starts a transaction.
pub(super) struct Start {
    pub(super) token: Option<Token>,
    pub(super) trigger: Trigger,
    pub(super) remote_start_id: Option<i64>,
}

impl Station {
    pub(super) fn act(&mut self, act: Act) {
        if matches!(self.power, Power::Off { .. }) {
            // Cars still come and go while the station is dark; nothing else does anything.
            match act {
                Act::PlugIn { evse, car } => self.with_plug(evse, |plug| plug.car = Some(car)),
                Act::Unplug { evse } => self.with_plug(evse, |plug| plug.car = None),
                _ => {}
            }
            return;
        }
        match act {
            Act::PlugIn { evse, car } => self.plug_in(evse, car),
            Act::Unplug { evse } => self.unplug(evse),
            Act::Present { evse, token } => self.present(evse, &token),
            Act::Break { evse } => self.break_down(evse),
            Act::Mend { evse } => self.with_plug(evse, |plug| plug.broken = false),
            Act::Limit { ma } => self.limited_by_other(ma),
            Act::PowerCut { for_ms } => self.power_cut(for_ms),
            Act::NetworkDown { for_ms } => {
                self.close();
                self.hang_up(self.now_ms + for_ms);
            }
        }
    }

    /// The server answered, or nobody did: may this token charge?
    pub(super) fn authorization(&mut self, token: &Token, yes: bool) {
        let Some(place) = self.asking.iter().position(|(_, asked)| asked.is(token)) else {
            return;
        };
        let Some((evse, token)) = self.asking.remove(place) else {
            return;
        };
        if yes {
            self.authorized(evse, token, None);
        }
    }

    /// Somebody may charge: at once if the car is there, else as soon as it comes.
    pub(super) fn authorized(&mut self, evse: u16, token: Token, remote_start_id: Option<i64>) {
        let Some(index) = self.plug_of(evse) else {
            return;
        };
        let plug = &mut self.plugs[index];
        let trigger =
            if remote_start_id.is_some() { Trigger::RemoteStart } else { Trigger::Authorized };
        if plug.tx.is_some() {
            self.take_over(index, Start { token: Some(token), trigger, remote_start_id });
        } else if plug.car.is_some() {
            self.start(index, Start { token: Some(token), trigger, remote_start_id });
        } else {
            let wait_ms = self.settings.number("ConnectionTimeOut") * 1000;
            let until_ms = self.now_ms + wait_ms;
            plug.ready = Some(Ready { token, remote_start_id, until_ms });
        }
    }

    /// The server refused the token of a transaction that runs.
    pub(super) fn refused(&mut self, tx: &str) {
        if !self.settings.is_on("StopTransactionOnInvalidId") {
            return;
        }
        let runs = |plug: &Plug| plug.tx.as_ref().is_some_and(|running| running.id == tx);
        if let Some(index) = self.plugs.iter().position(runs) {
            self.stop(index, Reason::DeAuthorized, Trigger::Deauthorized, None);
        }
    }

    /// Ends the transaction of an outlet as a driver or the server wishes: at once, or, where it
    /// lasts as long as the cable is in, when that is pulled.
    pub(super) fn wind_up(
        &mut self,
        index: usize,
        reason: Reason,
        trigger: Trigger,
        token: Option<Token>,
    ) {
        if !self.spec.starts_on_plug {
            return self.stop(index, reason, trigger, token);
        }
        if let Some(tx) = &mut self.plugs[index].tx {
            tx.stopped = Some(reason);
        }
        let offer = self.plugs[index].supply;
        self.plugs[index].redraw(offer);
        let reading = self.plugs[index].read(&self.spec, self.now_ms, Context::Periodic);
        let mut event = self.event(index, Phase::Updated, trigger, vec![reading]);
        event.token = token;
        self.line.push(Report::Tx(Box::new(event)), &self.spec);
    }

    pub(super) fn stop(
        &mut self,
        index: usize,
        reason: Reason,
        trigger: Trigger,
        token: Option<Token>,
    ) {
        if self.plugs[index].tx.is_none() {
            return;
        }
        let end = self.plugs[index].read(&self.spec, self.now_ms, Context::End);
        let mut event = self.event(index, Phase::Ended, trigger, vec![end]);
        event.reason = Some(reason);
        event.token = token;
        let plug = &mut self.plugs[index];
        if let Some(tx) = plug.tx.take()
            && (self.spec.stop_data || self.spec.version != busbar_ocpp::Version::V16)
        {
            event.readings.insert(0, tx.begin);
        }
        plug.finished = true;
        if plug.inoperative_later {
            plug.inoperative = true;
            plug.inoperative_later = false;
        }
        let evse = plug.evse;
        let offer = plug.supply;
        plug.redraw(offer);
        self.limits.forget(evse);
        if !self.rng.chance(self.spec.faults.lost_stop_permille) {
            self.line.push(Report::Tx(Box::new(event)), &self.spec);
        }
    }

    /// Tells something about the transaction that runs on an outlet.
    pub(super) fn tell(
        &mut self,
        index: usize,
        phase: Phase,
        trigger: Trigger,
        readings: Vec<Reading>,
    ) {
        if readings.is_empty() && !wire::tells_flow(self.spec.version) {
            return;
        }
        let event = self.event(index, phase, trigger, readings);
        self.line.push(Report::Tx(Box::new(event)), &self.spec);
    }

    pub(super) fn flow_changed(&mut self, index: usize) {
        if self.plugs[index].tx.is_some() {
            self.tell(index, Phase::Updated, Trigger::FlowChanged, Vec::new());
        }
    }

    /// What is due at the outlets: readings, authorizations and reservations that run out.
    pub(super) fn plugs_turn(&mut self) {
        let sample_ms = self.settings.number("MeterValueSampleInterval") * 1000;
        for index in 0..self.plugs.len() {
            let offer = self.offer(index);
            if self.plugs[index].redraw(offer) {
                self.flow_changed(index);
            }
            let now_ms = self.now_ms;
            let plug = &mut self.plugs[index];
            let needs = plug.tx.as_mut().and_then(|tx| tx.needs_due_ms.take_if(|at| *at <= now_ms));
            if needs.is_some() {
                self.tell_needs(index);
            }
            let plug = &mut self.plugs[index];
            plug.ready.take_if(|ready| now_ms >= ready.until_ms);
            plug.reserved.take_if(|reserved| now_ms >= reserved.until_ms);
            let Some(tx) = plug.tx.as_mut().filter(|tx| now_ms >= tx.sample_due_ms) else {
                continue;
            };
            if sample_ms <= 0 {
                tx.sample_due_ms = i64::MAX;
                continue;
            }
            tx.sample_due_ms += (1 + (now_ms - tx.sample_due_ms) / sample_ms) * sample_ms;
            let reading = plug.read(&self.spec, now_ms, Context::Periodic);
            self.tell(index, Phase::Updated, Trigger::Periodic, vec![reading]);
        }
    }

    /// Transactions that outlived a power cut go on (2.1).
    pub(super) fn resume(&mut self) {
        for index in 0..self.plugs.len() {
            if self.spec.resumes
                && self.boot_reason == BootReason::PowerUp
                && self.plugs[index].tx.is_some()
            {
                let reading = self.plugs[index].read(&self.spec, self.now_ms, Context::Periodic);
                self.tell(index, Phase::Updated, Trigger::Resumed, vec![reading]);
            }
        }
    }

    fn plug_in(&mut self, evse: u16, car: crate::car::Car) {
        let Some(index) = self.plug_of(evse) else {
            return;
        };
        let plug = &mut self.plugs[index];
        if plug.car.is_some() {
            return;
        }
        plug.car = Some(car);
        plug.plugged_ms = self.now_ms;
        plug.finished = false;
        let offer = plug.supply;
        plug.redraw(offer);
        if let Some(ready) = plug.ready.take() {
            let trigger = Trigger::CablePluggedIn;
            let remote_start_id = ready.remote_start_id;
            self.start(index, Start { token: Some(ready.token), trigger, remote_start_id });
        } else if self.spec.starts_on_plug && !plug.broken && !plug.inoperative {
            let trigger = Trigger::CablePluggedIn;
            self.start(index, Start { token: None, trigger, remote_start_id: None });
        }
    }

    fn unplug(&mut self, evse: u16) {
        if let Some(index) = self.plug_of(evse) {
            let stopped = self.plugs[index].tx.as_ref().and_then(|tx| tx.stopped);
            let reason = stopped.unwrap_or(Reason::Disconnected);
            self.stop(index, reason, Trigger::CommunicationLost, None);
            self.plugs[index].car = None;
            self.plugs[index].finished = false;
        }
    }

    fn present(&mut self, evse: u16, token: &Token) {
        let Some(index) = self.plug_of(evse) else {
            return;
        };
        let plug = &self.plugs[index];
        if let Some(owner) = plug.tx.as_ref().and_then(|tx| tx.token.as_ref()) {
            if owner.is(token) {
                let token = Some(token.clone());
                self.wind_up(index, Reason::Local, Trigger::StopAuthorized, token);
            }
            return;
        }
        let strange = plug.reserved.as_ref().is_some_and(|kept| !kept.token.is(token));
        if plug.broken || plug.inoperative || strange {
            return;
        }
        if self.is_online() {
            self.asking.push_back((evse, token.clone()));
            self.line.push(Report::Authorize(token.clone()), &self.spec);
        } else if self.spec.starts_offline {
            self.authorized(evse, token.clone(), None);
        }
    }

    fn break_down(&mut self, evse: u16) {
        if let Some(index) = self.plug_of(evse) {
            self.stop(index, Reason::Emergency, Trigger::Abnormal, None);
            self.plugs[index].broken = true;
        }
    }

    fn power_cut(&mut self, for_ms: i64) {
        if !self.spec.resumes {
            for index in 0..self.plugs.len() {
                self.stop(index, Reason::PowerLoss, Trigger::Abnormal, None);
            }
        }
        self.switch_off(for_ms, BootReason::PowerUp);
    }

    /// Somebody is authorized for a transaction that started with the cable.
    fn take_over(&mut self, index: usize, start: Start) {
        let now_ms = self.now_ms;
        let Some(tx) = self.plugs[index].tx.as_mut().filter(|tx| tx.token.is_none()) else {
            return;
        };
        tx.token.clone_from(&start.token);
        tx.authorized_ms = now_ms;
        let mut event = self.event(index, Phase::Updated, start.trigger, Vec::new());
        event.token = start.token;
        event.remote_start_id = start.remote_start_id;
        self.line.push(Report::Tx(Box::new(event)), &self.spec);
    }

    fn start(&mut self, index: usize, start: Start) {
        let number = self.next_tx;
        self.next_tx += 1;
        let offline = !self.is_online();
        let id = format!("{:016x}-{number}", self.rng.next_u64());
        let sample_ms = self.settings.number("MeterValueSampleInterval") * 1000;
        let begin = self.plugs[index].read(&self.spec, self.now_ms, Context::Begin);
        let plug = &mut self.plugs[index];
        plug.ready = None;
        plug.finished = false;
        let mine = start.token.as_ref();
        let mine = plug.reserved.take_if(|kept| mine.is_some_and(|token| kept.token.is(token)));
        plug.tx = Some(Tx {
            number,
            id,
            token: start.token.clone(),
            authorized_ms: self.now_ms,
            stopped: None,
            next_seq_no: 0,
            started_ms: self.now_ms,
            started_offline: offline,
            sample_due_ms: if sample_ms > 0 { self.now_ms + sample_ms } else { i64::MAX },
            charged_ms: 0,
            needs_due_ms: self.spec.tells_needs.then_some(self.now_ms + NEEDS_AFTER_MS),
            begin: begin.clone(),
        });
        if let Some(fixed) = self.spec.faults.offline_number.filter(|_| offline) {
            self.line.fix_number(number, fixed);
        }
        let mut event = self.event(index, Phase::Started, start.trigger, vec![begin]);
        event.token = start.token;
        event.remote_start_id = start.remote_start_id;
        event.reservation_id = mine.map(|kept| kept.id);
        self.line.push(Report::Tx(Box::new(event)), &self.spec);
    }

    /// Tells what the car needs.
    fn tell_needs(&mut self, index: usize) {
        let at_ms = self.clock_ms();
        let plug = &self.plugs[index];
        let Some(car) = &plug.car else { return };
        let missing_mj = car.battery_wh * MJ_PER_WH / 1000 * car.target_permille - car.content_mj;
        let needs = Needs {
            at_ms,
            departs_ms: car.departs_ms.map(|at_ms| at_ms + self.spec.faults.clock_offset_ms),
            missing_wh: missing_mj.max(0) / MJ_PER_WH,
            battery_wh: car.battery_wh,
            soc_permille: car.soc_permille(),
            direct: matches!(plug.supply, Supply::Dc { .. }),
            phases: car.ac_phases,
            ac_max_ma: car.ac_max_ma,
            dc_max_w: car.dc_peak_w,
        };
        let evse = plug.evse;
        self.line.push(Report::Needs { evse, needs }, &self.spec);
    }

    fn event(
        &mut self,
        index: usize,
        phase: Phase,
        trigger: Trigger,
        readings: Vec<Reading>,
    ) -> TxEvent {
        let offline = !self.is_online();
        let at_ms = self.now_ms + self.spec.faults.clock_offset_ms;
        let plug = &mut self.plugs[index];
        let last = readings.last().map(|reading| reading.energy_mwh);
        let flow = if phase == Phase::Ended { Flow::Connected } else { plug.draw.flow };
        let mut event = TxEvent {
            number: 0,
            id: String::new(),
            phase,
            seq_no: 0,
            evse: plug.evse,
            at_ms,
            trigger,
            flow,
            meter_mwh: last.unwrap_or(plug.register_mj / 3_600),
            readings,
            token: None,
            reason: None,
            offline,
            remote_start_id: None,
            reservation_id: None,
            charged_s: 0,
        };
        if let Some(tx) = &mut plug.tx {
            event.number = tx.number;
            event.id.clone_from(&tx.id);
            event.seq_no = tx.next_seq_no;
            event.charged_s = tx.charged_ms / 1000;
            tx.next_seq_no += 1;
        }
        event
    }

    fn with_plug(&mut self, evse: u16, change: impl FnOnce(&mut Plug)) {
        if let Some(index) = self.plug_of(evse) {
            change(&mut self.plugs[index]);
        }
    }
}

impl Plug {
    /// What one sees of it.
    pub(super) fn view(&self) -> PlugView {
        let register_mwh = self.register_mj / 3_600;
        let begin = self.tx.as_ref().map(|tx| tx.begin.energy_mwh);
        PlugView {
            evse: self.evse,
            status: self.status(),
            power_w: self.draw.power_w,
            current_ma: self.draw.current_ma,
            phases: self.draw.phases,
            register_mwh,
            occupied: self.car.is_some(),
            full: self.car.as_ref().is_some_and(crate::car::Car::is_full),
            charging_for: self
                .tx
                .as_ref()
                .filter(|tx| tx.stopped.is_none())
                .and_then(|tx| tx.token.clone()),
            tx: self.tx.as_ref().map(|tx| tx.id.clone()),
            tx_mwh: begin.map_or(0, |begin| register_mwh - begin),
            soc_permille: self.car.as_ref().map(crate::car::Car::soc_permille),
        }
    }
}
