//! Owns one outlet: its meter, its car, its transaction, and what flows. Must never talk to the
//! server: it says what changed, the station tells it.

use std::collections::VecDeque;

use crate::car::{Car, Draw, Supply, nothing};
use crate::rng::Rng;
use crate::spec::{Meter, Spec};
use crate::words::{Context, Flow, Reading, Reason, Status, Token};

/// Millijoules in a milliwatt-hour.
const MJ_PER_MWH: i64 = 3_600;
/// What a jumping meter adds: a megawatt-hour.
const JUMP_MWH: i64 = 1_000_000_000;
/// What a meter that runs backwards takes off.
const BACK_MWH: i64 = 700_000;

/// A driver who is authorized and has not plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) token: Token,
    pub(super) remote_start_id: Option<i64>,
    pub(super) until_ms: i64,
}

/// A reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reserved {
    pub(super) id: i64,
    pub(super) token: Token,
    pub(super) until_ms: i64,
}

/// A transaction that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tx {
    pub(super) number: u32,
    pub(super) id: String,
    /// Whose; nobody's so far where it started with the cable.
    pub(super) token: Option<Token>,
    pub(super) authorized_ms: i64,
    /// It was told to end, and ends when the cable is pulled.
    pub(super) stopped: Option<Reason>,
    pub(super) next_seq_no: i64,
    pub(super) started_ms: i64,
    pub(super) started_offline: bool,
    pub(super) sample_due_ms: i64,
    pub(super) charged_ms: i64,
    /// When to tell what the car needs, where that is still to be told.
    pub(super) needs_due_ms: Option<i64>,
    pub(super) begin: Reading,
}

/// An outlet.
#[derive(Clone, Debug)]
pub(super) struct Plug {
    pub(super) evse: u16,
    pub(super) supply: Supply,
    pub(super) register_mj: i64,
    pub(super) car: Option<Car>,
    pub(super) plugged_ms: i64,
    pub(super) ready: Option<Ready>,
    pub(super) reserved: Option<Reserved>,
    pub(super) tx: Option<Tx>,
    pub(super) finished: bool,
    pub(super) broken: bool,
    pub(super) inoperative: bool,
    pub(super) inoperative_later: bool,
    pub(super) draw: Draw,
    pub(super) told: Option<Status>,
    /// Since when its profiles were replaced, for a station that has a hole then.
    pub(super) hole_until_ms: i64,
    /// What the car follows, and what it will follow from when on.
    follows: Supply,
    told_offers: VecDeque<(i64, Supply)>,
    /// The car was paused in this transaction.
    paused: bool,
    last_ms: i64,
    lies: u32,
}

impl Plug {
    pub(super) fn new(evse: u16, supply: Supply, now_ms: i64, rng: &mut Rng) -> Self {
        Self {
            evse,
            supply,
            register_mj: rng.between(100_000, 9_000_000) * MJ_PER_MWH * 1000,
            car: None,
            plugged_ms: now_ms,
            ready: None,
            reserved: None,
            tx: None,
            finished: false,
            broken: false,
            inoperative: false,
            inoperative_later: false,
            draw: nothing(Flow::Idle, 0),
            told: None,
            hole_until_ms: i64::MIN,
            follows: supply,
            told_offers: VecDeque::new(),
            paused: false,
            last_ms: now_ms,
            lies: 0,
        }
    }

    /// What it tells of itself.
    pub(super) fn status(&self) -> Status {
        if self.broken {
            return Status::Faulted;
        }
        if self.tx.is_some() {
            return match self.draw.flow {
                Flow::Charging => Status::Charging,
                Flow::SuspendedEv => Status::SuspendedEv,
                Flow::SuspendedEvse => Status::SuspendedEvse,
                Flow::Connected | Flow::Idle => Status::Preparing,
            };
        }
        if self.inoperative {
            return Status::Unavailable;
        }
        match (&self.car, &self.ready, &self.reserved) {
            (Some(_), _, _) if self.finished => Status::Finishing,
            (Some(_), _, _) | (None, Some(_), _) => Status::Preparing,
            (None, None, Some(_)) => Status::Reserved,
            (None, None, None) => Status::Available,
        }
    }

    /// Lets time pass until `now_ms`, at an offer that holds since the last time. True when the
    /// flow changed.
    pub(super) fn advance(&mut self, now_ms: i64, offer: Supply, step_ms: i64) -> bool {
        let before = self.draw.flow;
        while self.last_ms < now_ms {
            let moves = self.tx.is_some() && matches!(before, Flow::Charging | Flow::Connected);
            let step_ms = if moves { step_ms.max(1) } else { i64::MAX };
            self.pass((now_ms - self.last_ms).min(step_ms));
            self.redraw(offer);
        }
        self.redraw(offer);
        self.draw.flow != before
    }

    /// Time passes without power.
    pub(super) fn skip(&mut self, now_ms: i64) {
        self.last_ms = self.last_ms.max(now_ms);
        self.draw = nothing(Flow::SuspendedEvse, 0);
    }

    /// Takes the flow anew, after something happened; true when it changed.
    pub(super) fn redraw(&mut self, offer: Supply) -> bool {
        let before = self.draw.flow;
        let now_ms = self.last_ms;
        let offer = self.followed(offer);
        self.draw = match (&self.car, &self.tx) {
            (None, _) => nothing(Flow::Idle, 0),
            (Some(_), None) => nothing(Flow::Connected, 0),
            (Some(car), Some(tx)) => {
                let since_ms = tx.authorized_ms.max(self.plugged_ms);
                let asleep = now_ms < since_ms + car.wake_ms;
                let may = tx.token.is_some() && tx.stopped.is_none() && !self.broken;
                if may && !asleep { car.draw(offer) } else { nothing(Flow::Connected, 0) }
            }
        };
        self.pause(before);
        self.draw.flow != before
    }

    /// Some cars do not charge again after a pause, until they are plugged in anew.
    fn pause(&mut self, before: Flow) {
        let wakes = self.car.as_ref().is_none_or(|car| car.wakes);
        if self.tx.is_none() {
            self.paused = false;
        } else if before == Flow::Charging && self.draw.flow == Flow::SuspendedEvse {
            self.paused = true;
        } else if self.draw.flow == Flow::Charging && self.paused && !wakes {
            self.draw = nothing(Flow::SuspendedEv, self.draw.phases);
        }
    }

    /// What the car follows: it takes its time while it charges, and knows an offer at once when
    /// it begins.
    fn followed(&mut self, offer: Supply) -> Supply {
        let follows_ms = self.car.as_ref().map_or(0, |car| car.follows_ms);
        let newest = self.told_offers.back().map_or(self.follows, |(_, offer)| *offer);
        if newest != offer {
            self.told_offers.push_back((self.last_ms + follows_ms, offer));
        }
        if self.draw.flow != Flow::Charging {
            self.told_offers.clear();
            self.follows = offer;
        }
        while let Some((_, due)) =
            self.told_offers.pop_front_if(|(at_ms, _)| *at_ms <= self.last_ms)
        {
            self.follows = due;
        }
        self.follows
    }

    /// Reads the meter, as truly as the meter is.
    pub(super) fn read(&mut self, spec: &Spec, at_ms: i64, context: Context) -> Reading {
        let mut energy_mwh = self.register_mj / MJ_PER_MWH;
        self.lies += 1;
        match spec.faults.meter {
            Meter::True => {}
            Meter::Backwards if self.lies.is_multiple_of(4) => energy_mwh -= BACK_MWH,
            Meter::Jumps if self.lies.is_multiple_of(5) => energy_mwh += JUMP_MWH,
            Meter::Backwards | Meter::Jumps => {}
            Meter::Frozen => energy_mwh = 1_000_000,
        }
        let direct = matches!(self.supply, Supply::Dc { .. });
        let soc = self.car.as_ref().filter(|_| direct).map(|car| car.soc_permille());
        Reading {
            at_ms: at_ms + spec.faults.clock_offset_ms,
            context,
            energy_mwh,
            power_w: self.draw.power_w,
            current_ma: self.draw.current_ma,
            phases: self.draw.phases,
            connected: match self.supply {
                Supply::Ac { phases, .. } => phases,
                Supply::Dc { .. } => 0,
            },
            soc_permille: soc.map(|soc| soc.clamp(0, 1000) as u16),
        }
    }

    /// When it wants to be asked again.
    pub(super) fn deadline(&self, step_ms: i64) -> Option<i64> {
        let waits = self.ready.as_ref().map(|ready| ready.until_ms);
        let reserved = self.reserved.as_ref().map(|reserved| reserved.until_ms);
        let tx = self.tx.as_ref().map(|tx| match self.draw.flow {
            Flow::Charging | Flow::Connected => tx.sample_due_ms.min(self.last_ms + step_ms.max(1)),
            Flow::SuspendedEv | Flow::SuspendedEvse | Flow::Idle => tx.sample_due_ms,
        });
        let needs = self.tx.as_ref().and_then(|tx| tx.needs_due_ms);
        [waits, reserved, tx, needs].into_iter().flatten().min()
    }

    fn pass(&mut self, dt_ms: i64) {
        self.last_ms += dt_ms;
        // A watt for a millisecond is a millijoule.
        let energy_mj = self.draw.power_w * dt_ms;
        self.register_mj += energy_mj;
        if let Some(car) = &mut self.car {
            car.fill(energy_mj);
        }
        if let Some(tx) = &mut self.tx
            && self.draw.flow == Flow::Charging
        {
            tx.charged_ms += dt_ms;
        }
    }
}
