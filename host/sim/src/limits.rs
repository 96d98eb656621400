//! Owns the charging profiles that the server set, and what they allow at a moment. All times are
//! by the station's clock. Must never decide how a limit is shared: it only says what holds.

mod composite;

pub use composite::composite;

use crate::spec::ProfileFaults;

/// The number of what others set: the server's are not below 0.
const EXTERNAL: i64 = -1;

/// What a profile is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The whole station.
    StationMax,
    /// Any transaction that has no profile of its own.
    TxDefault,
    /// One transaction.
    Tx,
    /// The whole station, by somebody else than the server.
    External,
}

/// From when its schedule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// From this moment.
    At(i64),
    /// From this moment, again after so many milliseconds.
    Every(i64, i64),
    /// From the start of the transaction.
    WithTransaction,
    /// From when it was last set or updated (2.1 Dynamic).
    Updated(i64),
}

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The server's number: one of the same number is replaced.
    pub id: i64,
    /// Which EVSE; 0 is the station.
    pub evse: u16,
    /// What for.
    pub purpose: Purpose,
    /// The highest wins.
    pub stack: i64,
    /// The transaction, where it names one.
    pub tx: Option<String>,
    /// Not before.
    pub valid_from_ms: Option<i64>,
    /// Not after.
    pub valid_to_ms: Option<i64>,
    /// From when it counts.
    pub begin: Begin,
    /// How long it counts.
    pub duration_s: Option<i64>,
    /// How long it counts while the station is offline (2.1).
    pub max_offline_s: Option<i64>,
    /// How long after an update the station asks for the next (2.1 Dynamic).
    pub pull_s: Option<i64>,
    /// True when its limits are amperes, else watts.
    pub in_amperes: bool,
    /// What holds from when on.
    pub periods: Vec<Period>,
}

/// What holds from a second of a schedule on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// After its begin.
    pub start_s: i64,
    /// In tenths of its unit.
    pub tenths: i64,
    /// How many phases may be used, where it says.
    pub phases: Option<u8>,
}

/// A limit, in the unit in which it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// How much.
    pub amount: Amount,
    /// How many phases may be used, where it says.
    pub phases: Option<u8>,
}

/// How much may flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// On each phase.
    Milliamperes(i64),
    /// In all.
    Watts(i64),
}

/// What a question is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Which EVSE.
    pub evse: u16,
    /// The name of its transaction, as the server uses it, where there is one.
    pub tx: Option<&'a str>,
    /// When that started; now, where there is none.
    pub started_ms: i64,
    /// Since when the station is offline, if it is.
    pub offline_ms: Option<i64>,
}

/// All profiles of a station.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    profiles: Vec<Profile>,
    faults: ProfileFaults,
}

/// Which profiles are meant: all that match every given field.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// By number; none of them where it is empty.
    pub ids: Option<Vec<i64>>,
    /// By EVSE.
    pub evse: Option<u16>,
    /// By purpose.
    pub purpose: Option<Purpose>,
    /// By level.
    pub stack: Option<i64>,
}

impl Limits {
    /// None, at a station with these faults.
    pub fn new(faults: ProfileFaults) -> Self {
        Self { profiles: Vec::new(), faults }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter()
    }

    /// Takes a profile in. It takes the place of the one with its number, and of the one that is
    /// for the same purpose, EVSE and level.
    pub fn set(&mut self, profile: Profile) {
        self.profiles.retain(|old| {
            let replaced = old.id == profile.id || old.is_twin(&profile);
            old.purpose == Purpose::External || !replaced
        });
        self.profiles.push(profile);
    }

    /// Drops profiles; false when none matched.
    pub fn clear(&mut self, which: &Which) -> bool {
        let before = self.profiles.len();
        let stays = |profile: &Profile| profile.purpose == Purpose::External;
        self.profiles.retain(|profile| stays(profile) || !which.matches(profile));
        self.profiles.len() < before
    }

    /// Somebody else limits the whole station on each phase, or does not any more.
    pub fn limit_by_other(&mut self, ma: Option<i64>) {
        self.profiles.retain(|profile| profile.purpose != Purpose::External);
        self.profiles.extend(ma.map(|ma| Profile {
            id: EXTERNAL,
            evse: 0,
            purpose: Purpose::External,
            stack: 0,
            tx: None,
            valid_from_ms: None,
            valid_to_ms: None,
            begin: Begin::At(0),
            duration_s: None,
            max_offline_s: None,
            pull_s: None,
            in_amperes: true,
            periods: vec![Period { start_s: 0, tenths: ma / 100, phases: None }],
        }));
    }

    /// A transaction is over: its profiles go.
    pub fn forget(&mut self, evse: u16) {
        self.profiles.retain(|profile| profile.purpose != Purpose::Tx || profile.evse != evse);
    }

    /// A dynamic profile gets another limit; false when there is no such profile.
    pub fn update(&mut self, id: i64, tenths: i64, now_ms: i64) -> bool {
        let of_id = |profile: &&mut Profile| profile.id == id;
        let Some(profile) = self.profiles.iter_mut().find(of_id) else { return false };
        let Begin::Updated(updated_ms) = &mut profile.begin else { return false };
        *updated_ms = now_ms;
        for period in &mut profile.periods {
            period.tenths = tenths;
        }
        true
    }

    /// What is allowed on an EVSE: by its own profiles, and by those of the whole station, the
    /// server's and others'.
    pub fn caps(&self, about: About<'_>, now_ms: i64) -> [Option<Cap>; 3] {
        let of = |purpose| self.highest(purpose, about, now_ms);
        let own = of(Purpose::Tx).or_else(|| of(Purpose::TxDefault));
        [own, of(Purpose::StationMax), of(Purpose::External)]
    }

    /// The next moment at which a limit may change.
    pub fn next_change_ms(&self, about: About<'_>, now_ms: i64) -> Option<i64> {
        self.profiles.iter().filter_map(|p| p.next_change_ms(about, now_ms)).min()
    }

    fn highest(&self, purpose: Purpose, about: About<'_>, now_ms: i64) -> Option<Cap> {
        let valid = self.profiles.iter().filter(|profile| {
            profile.purpose == purpose
                && (profile.evse == 0 || profile.evse == about.evse)
                && (profile.tx.is_none() || profile.tx.as_deref() == about.tx)
        });
        let cap = |p: &Profile| Some((p.stack, p.evse, p.cap(about, now_ms, &self.faults)?));
        valid.filter_map(cap).max_by_key(|(stack, evse, _)| (*stack, *evse)).map(|(.., cap)| cap)
    }
}

impl Which {
    /// Whether a profile is meant.
    pub fn matches(&self, profile: &Profile) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&profile.id))
            && self.evse.is_none_or(|evse| evse == profile.evse)
            && self.purpose.is_none_or(|purpose| purpose == profile.purpose)
            && self.stack.is_none_or(|stack| stack == profile.stack)
    }
}

impl Profile {
    /// Whether another one would stand in its place: same purpose, EVSE, level and transaction.
    pub fn is_twin(&self, other: &Self) -> bool {
        self.purpose == other.purpose
            && self.evse == other.evse
            && self.stack == other.stack
            && self.tx == other.tx
    }

    /// Whether two can hold at the same time, by the time for which they are valid.
    pub fn overlaps(&self, other: &Self) -> bool {
        let before = |one: &Self, two: &Self| match (one.valid_to_ms, two.valid_from_ms) {
            (Some(to_ms), Some(from_ms)) => to_ms <= from_ms,
            _ => false,
        };
        !before(self, other) && !before(other, self)
    }

    fn begin_ms(&self, about: About<'_>, now_ms: i64) -> i64 {
        match self.begin {
            Begin::At(start_ms) | Begin::Updated(start_ms) => start_ms,
            Begin::Every(start_ms, every_ms) => {
                now_ms - (now_ms - start_ms).rem_euclid(every_ms.max(1))
            }
            Begin::WithTransaction => about.started_ms,
        }
    }

    /// When it is not valid any more, since the station is offline for so long.
    fn offline_end_ms(&self, about: About<'_>) -> Option<i64> {
        Some(about.offline_ms? + self.max_offline_s? * 1000)
    }

    fn cap(&self, about: About<'_>, now_ms: i64, faults: &ProfileFaults) -> Option<Cap> {
        let too_early = self.valid_from_ms.is_some_and(|from| now_ms < from);
        let ends = [self.valid_to_ms, self.offline_end_ms(about)];
        let too_late = ends.into_iter().flatten().any(|end_ms| now_ms >= end_ms);
        let second = (now_ms - self.begin_ms(about, now_ms)).div_euclid(1000);
        let over = self.duration_s.is_some_and(|duration| second >= duration);
        if too_early || too_late || (over && !faults.ignores_duration) || second < 0 {
            return None;
        }
        let starts = |period: &&Period| {
            period.start_s <= second && (period.start_s == 0 || !faults.ignores_periods)
        };
        let period = self.periods.iter().rev().find(starts)?;
        let amount = if self.in_amperes {
            Amount::Milliamperes(period.tenths * 100)
        } else {
            Amount::Watts(period.tenths / 10)
        };
        Some(Cap { amount, phases: period.phases })
    }

    fn next_change_ms(&self, about: About<'_>, now_ms: i64) -> Option<i64> {
        let begin = self.begin_ms(about, now_ms);
        let periods = self.periods.iter().map(|period| begin + period.start_s * 1000);
        let again = match self.begin {
            Begin::Every(_, every_ms) => Some(begin + every_ms),
            _ => None,
        };
        let ends = [
            self.duration_s.map(|duration| begin + duration * 1000),
            self.valid_from_ms,
            self.valid_to_ms,
            self.offline_end_ms(about),
            again,
        ];
        periods.chain(ends.into_iter().flatten()).filter(|at| *at > now_ms).min()
    }
}

#[cfg(test)]
mod tests;
