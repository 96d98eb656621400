//! Owns what a station does with charging profiles: which it takes, what they leave an outlet, and
//! what it says of them. All their times are by its own clock. Must never share them out among
//! outlets otherwise than evenly.

use super::orders::Reply;
use super::plug::Plug;
use super::{Net, Station};
use crate::car::{DC_V, PHASE_V, Supply};
use crate::limits::{self, About, Amount, Begin, Cap, Limits, Period, Profile, Purpose, Which};
use crate::spec::Rejects;
use crate::words::Report;
use busbar_ocpp::Version;

/// A composite schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composite {
    /// When it begins, by the station's clock.
    pub begin_ms: i64,
    /// True when its limits are amperes, else watts.
    pub in_amperes: bool,
    /// What is allowed from when on.
    pub periods: Vec<Period>,
}

impl Station {
    /// The server sets a limit.
    pub(super) fn limit(&mut self, mut profile: Profile) -> Reply {
        self.limits_told += 1;
        let index = self.plugs.iter().position(|plug| plug.evse == profile.evse);
        if !self.takes(&profile) || self.rejects(&profile) {
            return Reply::Rejected;
        }
        if profile.purpose == Purpose::Tx
            && let Some(tx) = index.and_then(|index| self.plugs[index].tx.as_ref())
        {
            // A number of 1.6 becomes the station's own name for the transaction.
            profile.tx = Some(tx.id.clone());
        }
        if let Begin::Updated(at_ms) = &mut profile.begin {
            *at_ms = self.clock_ms();
        }
        let hole_ms = self.spec.faults.profiles.hole_ms;
        for plug in &mut self.plugs {
            if profile.evse == 0 || plug.evse == profile.evse {
                plug.hole_until_ms = self.now_ms + hole_ms;
            }
        }
        let of_transaction = profile.purpose == Purpose::Tx;
        let faults = self.spec.faults.profiles;
        if !(faults.drops && of_transaction) {
            self.limits.set(profile);
        }
        if faults.denies && of_transaction { Reply::Rejected } else { Reply::Accepted }
    }

    /// The server gives a dynamic profile another limit; false when there is no such profile.
    pub fn update_limit(&mut self, id: i64, tenths: i64) -> bool {
        self.limits_told += 1;
        let now_ms = self.clock_ms();
        self.limits.update(id, tenths, now_ms)
    }

    /// Somebody else limits the whole station, or does not any more: 2.x tells the server.
    pub(super) fn limited_by_other(&mut self, ma: Option<i64>) {
        self.limits.limit_by_other(ma);
        let at_ms = self.clock_ms();
        self.report(Report::Limited { ma, at_ms });
    }

    /// The server clears limits; false when none matched.
    pub fn clear_limits(&mut self, which: &Which) -> bool {
        self.limits.clear(which)
    }

    /// All its limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What it is going to allow on an EVSE, or in all at 0; none for an EVSE that it has not.
    pub fn composite(&self, evse: u16, seconds: i64, in_amperes: bool) -> Option<Composite> {
        let (now_ms, begin_ms) = (self.clock_ms(), self.clock_ms());
        let periods = if evse == 0 {
            let about = About { evse: 0, tx: None, started_ms: now_ms, offline_ms: None };
            let all = self.plugs.iter().map(|plug| plug.supply).reduce(together)?;
            // Only what is for the whole station limits it.
            let mut whole = self.limits.clone();
            for purpose in [Purpose::Tx, Purpose::TxDefault] {
                whole.clear(&Which { purpose: Some(purpose), ..Which::default() });
            }
            limits::composite(&whole, about, all, in_amperes, begin_ms, seconds)
        } else {
            let plug = self.plugs.iter().find(|plug| plug.evse == evse)?;
            let about = self.about(plug);
            limits::composite(&self.limits, about, plug.supply, in_amperes, begin_ms, seconds)
        };
        Some(Composite { begin_ms, in_amperes, periods })
    }

    /// Puts the profiles that are meant in line, one message for each EVSE; false when there are
    /// none.
    pub fn report_profiles(&mut self, request_id: i64, which: &Which) -> bool {
        let meant = |p: &&Profile| p.purpose != Purpose::External && which.matches(p);
        let all: Vec<Profile> = self.limits.iter().filter(meant).cloned().collect();
        let mut evses: Vec<u16> = all.iter().map(|profile| profile.evse).collect();
        evses.sort_unstable();
        evses.dedup();
        for (place, evse) in evses.iter().enumerate() {
            let profiles = all.iter().filter(|profile| profile.evse == *evse).cloned().collect();
            let more = place + 1 < evses.len();
            self.report(Report::Profiles { request_id, evse: *evse, profiles, more });
        }
        !evses.is_empty()
    }

    /// What an outlet may give now: by its own make, and by every limit that the server set.
    pub(super) fn offer(&self, index: usize) -> Supply {
        let plug = &self.plugs[index];
        let faults = self.spec.faults.profiles;
        if plug.tx.is_none() || faults.ignores || self.now_ms < plug.hole_until_ms {
            return plug.supply;
        }
        let [own, whole, others] = self.limits.caps(self.about(plug), self.clock_ms());
        let sharing = self.plugs.iter().filter(|plug| plug.tx.is_some()).count().max(1) as i64;
        let share = |cap: Cap| Cap {
            amount: match cap.amount {
                Amount::Milliamperes(ma) => Amount::Milliamperes(ma / sharing),
                Amount::Watts(w) => Amount::Watts(w / sharing),
            },
            ..cap
        };
        let shared = [whole.map(share), others.map(share)].into_iter().flatten();
        let used = plug.car.as_ref().map_or(1, |car| car.ac_phases);
        let all = own.into_iter().chain(shared);
        let allowed = all.fold(plug.supply, |supply, cap| capped(supply, cap, used));
        at_least(allowed, faults.least_ma)
    }

    /// When a limit of an outlet in use may change next.
    pub(super) fn limits_change_ms(&self) -> Option<i64> {
        let in_use = self.plugs.iter().filter(|plug| plug.tx.is_some());
        let changes = in_use.flat_map(|plug| {
            let next_ms = self.limits.next_change_ms(self.about(plug), self.clock_ms());
            let hole_ms = Some(plug.hole_until_ms).filter(|until_ms| *until_ms > self.now_ms);
            [next_ms.map(|at_ms| at_ms - self.spec.faults.clock_offset_ms), hole_ms]
        });
        changes.flatten().min()
    }

    /// Asks for the next limit of dynamic profiles, where it is time.
    pub(super) fn pull(&mut self) {
        let due: Vec<i64> =
            self.pulls().filter(|(_, at_ms)| *at_ms <= self.now_ms).map(|p| p.0).collect();
        for profile in due {
            self.pulled.insert(profile, self.now_ms);
            self.report(Report::Pull { profile });
        }
    }

    /// When it is time to ask for the next limit.
    pub(super) fn pull_due_ms(&self) -> Option<i64> {
        if self.net != Net::Up {
            return None;
        }
        self.pulls().map(|(_, at_ms)| at_ms).min()
    }

    /// Dynamic profiles, and when to ask for their next limit: so long after the last update, or
    /// the last question.
    fn pulls(&self) -> impl Iterator<Item = (i64, i64)> {
        self.limits.iter().filter_map(|profile| {
            let Begin::Updated(updated_ms) = profile.begin else { return None };
            let pull_ms = profile.pull_s.filter(|seconds| *seconds > 0)? * 1000;
            let updated_ms = updated_ms - self.spec.faults.clock_offset_ms;
            let asked_ms = self.pulled.get(&profile.id).copied().unwrap_or(updated_ms);
            Some((profile.id, updated_ms.max(asked_ms) + pull_ms))
        })
    }

    fn about<'a>(&'a self, plug: &'a Plug) -> About<'a> {
        let offset_ms = self.spec.faults.clock_offset_ms;
        let tx = plug.tx.as_ref();
        About {
            evse: plug.evse,
            tx: tx.map(|tx| tx.id.as_str()),
            started_ms: tx.map_or(self.now_ms, |tx| tx.started_ms) + offset_ms,
            offline_ms: self.offline_ms.map(|since_ms| since_ms + offset_ms),
        }
    }

    /// Whether a profile is as the standard wants it (K01; 1.6 is less strict).
    fn takes(&self, profile: &Profile) -> bool {
        let two_x = self.spec.version != Version::V16;
        let number = |key| self.settings.number(key);
        let starts: Vec<i64> = profile.periods.iter().map(|period| period.start_s).collect();
        let sound = profile.evse <= self.evses()
            && starts.first() == Some(&0)
            && starts.is_sorted()
            && starts.len() as i64 <= number("ChargingScheduleMaxPeriods")
            && (0..=number("ChargeProfileMaxStackLevel")).contains(&profile.stack)
            && self.has_room(profile);
        let fits = match profile.purpose {
            Purpose::StationMax => {
                profile.evse == 0 && !(two_x && profile.begin == Begin::WithTransaction)
            }
            Purpose::TxDefault => true,
            Purpose::External => false,
            Purpose::Tx => self.runs(profile, two_x),
        };
        let dynamic = matches!(profile.begin, Begin::Updated(_));
        sound
            && fits
            && !(dynamic && profile.periods.len() > 1)
            && !(two_x && self.clashes(profile))
    }

    fn has_room(&self, profile: &Profile) -> bool {
        let others = self.limits.iter().filter(|old| old.id != profile.id && !old.is_twin(profile));
        (others.count() as i64) < self.settings.number("MaxChargingProfilesInstalled")
    }

    /// Whether the transaction that a profile is of runs on its EVSE. 2.x must name it.
    fn runs(&self, profile: &Profile, two_x: bool) -> bool {
        let Some(plug) = self.plugs.iter().find(|plug| plug.evse == profile.evse) else {
            return false;
        };
        let Some(running) = &plug.tx else { return false };
        let number = self.line.number(running.number);
        match &profile.tx {
            None => !two_x,
            Some(tx) => running.id == *tx || number.is_some_and(|number| number.to_string() == *tx),
        }
    }

    /// Two of one purpose, EVSE and level cannot hold at one time (K01.FR.06 and 39).
    fn clashes(&self, profile: &Profile) -> bool {
        self.limits
            .iter()
            .any(|old| old.id != profile.id && old.is_twin(profile) && old.overlaps(profile))
    }

    fn rejects(&self, profile: &Profile) -> bool {
        match self.spec.faults.profiles.rejects {
            Rejects::Wrong => false,
            Rejects::All => true,
            Rejects::OfTransactions => profile.purpose == Purpose::Tx,
            Rejects::Zero => profile.periods.iter().any(|period| period.tenths == 0),
            Rejects::Amperes => profile.in_amperes,
            Rejects::Absolute => profile.begin != Begin::WithTransaction,
            Rejects::Levels => profile.stack > 0,
        }
    }
}

/// A supply under a limit. Watts are shared by the phases that the car uses.
fn capped(supply: Supply, cap: Cap, used: u8) -> Supply {
    match (supply, cap.amount) {
        (Supply::Ac { phases, max_ma }, amount) => {
            let phases = phases.min(cap.phases.unwrap_or(phases)).max(1);
            let ma = match amount {
                Amount::Milliamperes(ma) => ma,
                Amount::Watts(w) => w * 1000 / (PHASE_V * i64::from(phases.min(used).max(1))),
            };
            Supply::Ac { phases, max_ma: max_ma.min(ma) }
        }
        (Supply::Dc { max_w }, Amount::Milliamperes(ma)) => {
            Supply::Dc { max_w: max_w.min(ma * DC_V / 1000) }
        }
        (Supply::Dc { max_w }, Amount::Watts(w)) => Supply::Dc { max_w: max_w.min(w) },
    }
}

/// What a station gives that never goes below a current.
fn at_least(supply: Supply, least_ma: i64) -> Supply {
    match supply {
        Supply::Ac { phases, max_ma } => Supply::Ac { phases, max_ma: max_ma.max(least_ma) },
        Supply::Dc { max_w } => Supply::Dc { max_w: max_w.max(least_ma * DC_V / 1000) },
    }
}

/// What two outlets give in all.
fn together(one: Supply, other: Supply) -> Supply {
    match (one, other) {
        (Supply::Ac { phases, max_ma }, Supply::Ac { phases: more, max_ma: other_ma }) => {
            Supply::Ac { phases: phases.max(more), max_ma: max_ma + other_ma }
        }
        (one, other) => Supply::Dc { max_w: watts(one) + watts(other) },
    }
}

fn watts(supply: Supply) -> i64 {
    match supply {
        Supply::Ac { phases, max_ma } => max_ma * PHASE_V * i64::from(phases) / 1000,
        Supply::Dc { max_w } => max_w,
    }
}
