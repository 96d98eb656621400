//! Owns the charging profiles that the server set, and what they allow at a moment. Must never
//! decide how a limit is shared: it only says what holds.

/// What a profile is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The whole station.
    StationMax,
    /// Any transaction that has no profile of its own.
    TxDefault,
    /// One transaction.
    Tx,
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
    /// True when its limits are amperes, else watts.
    pub in_amperes: bool,
    /// Second of its begin, and limit in tenths of its unit.
    pub periods: Vec<(i64, i64)>,
}

/// A limit, in the unit in which it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// On each phase.
    Milliamperes(i64),
    /// In all.
    Watts(i64),
}

/// The transaction that a question is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Which EVSE.
    pub evse: u16,
    /// Its name, as the server uses it, where there is one.
    pub tx: Option<&'a str>,
    /// When it started.
    pub started_ms: i64,
}

/// All profiles of a station.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    profiles: Vec<Profile>,
}

/// Which profiles to clear: all that match every given field.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// By number.
    pub id: Option<i64>,
    /// By EVSE.
    pub evse: Option<u16>,
    /// By purpose.
    pub purpose: Option<Purpose>,
    /// By level.
    pub stack: Option<i64>,
}

impl Limits {
    /// Takes a profile in. It takes the place of the one with its number, and of the one that is
    /// for the same purpose, EVSE and level.
    pub fn set(&mut self, profile: Profile) {
        self.profiles.retain(|old| {
            let twin = old.purpose == profile.purpose
                && old.evse == profile.evse
                && old.stack == profile.stack
                && old.tx == profile.tx;
            old.id != profile.id && !twin
        });
        self.profiles.push(profile);
    }

    /// Drops profiles; false when none matched.
    pub fn clear(&mut self, which: &Which) -> bool {
        let before = self.profiles.len();
        self.profiles.retain(|profile| !which.matches(profile));
        self.profiles.len() < before
    }

    /// A transaction is over: its profiles go.
    pub fn forget(&mut self, evse: u16) {
        self.profiles.retain(|profile| profile.purpose != Purpose::Tx || profile.evse != evse);
    }

    /// What is allowed on an EVSE: by its own profiles, and by those of the whole station.
    pub fn caps(&self, about: About<'_>, now_ms: i64) -> (Option<Cap>, Option<Cap>) {
        let of = |purpose| self.highest(purpose, about, now_ms);
        (of(Purpose::Tx).or_else(|| of(Purpose::TxDefault)), of(Purpose::StationMax))
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
        let caps = valid.filter_map(|p| Some((p.stack, p.evse, p.cap(about, now_ms)?)));
        caps.max_by_key(|(stack, evse, _)| (*stack, *evse)).map(|(_, _, cap)| cap)
    }
}

impl Which {
    fn matches(&self, profile: &Profile) -> bool {
        self.id.is_none_or(|id| id == profile.id)
            && self.evse.is_none_or(|evse| evse == profile.evse)
            && self.purpose.is_none_or(|purpose| purpose == profile.purpose)
            && self.stack.is_none_or(|stack| stack == profile.stack)
    }
}

impl Profile {
    fn begin_ms(&self, about: About<'_>, now_ms: i64) -> i64 {
        match self.begin {
            Begin::At(start_ms) => start_ms,
            Begin::Every(start_ms, every_ms) => {
                now_ms - (now_ms - start_ms).rem_euclid(every_ms.max(1))
            }
            Begin::WithTransaction => about.started_ms,
        }
    }

    fn cap(&self, about: About<'_>, now_ms: i64) -> Option<Cap> {
        let too_early = self.valid_from_ms.is_some_and(|from| now_ms < from);
        let too_late = self.valid_to_ms.is_some_and(|to| now_ms >= to);
        let second = (now_ms - self.begin_ms(about, now_ms)).div_euclid(1000);
        let over = self.duration_s.is_some_and(|duration| second >= duration);
        if too_early || too_late || over || second < 0 {
            return None;
        }
        let period = self.periods.iter().rev().find(|(start, _)| *start <= second)?;
        Some(if self.in_amperes {
            Cap::Milliamperes(period.1 * 100)
        } else {
            Cap::Watts(period.1 / 10)
        })
    }

    fn next_change_ms(&self, about: About<'_>, now_ms: i64) -> Option<i64> {
        let begin = self.begin_ms(about, now_ms);
        let periods = self.periods.iter().map(|(start, _)| begin + start * 1000);
        let ends =
            [self.duration_s.map(|d| begin + d * 1000), self.valid_from_ms, self.valid_to_ms];
        periods.chain(ends.into_iter().flatten()).filter(|at| *at > now_ms).min()
    }
}
