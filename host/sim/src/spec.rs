//! Owns what a simulated station is and how it misbehaves: data only. Must never act.

use busbar_ocpp::Version;

use crate::car::Supply;

/// A station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name in the URL.
    pub identity: String,
    /// What it speaks.
    pub version: Version,
    /// Its outlets: EVSE 1 is the first.
    pub evses: Vec<Supply>,
    /// Where all its chance comes from.
    pub seed: u64,
    /// Who made it.
    pub vendor: String,
    /// What it is.
    pub model: String,
    /// Pause between readings within a transaction.
    pub sample_s: i64,
    /// How finely time is cut while energy flows.
    pub step_ms: i64,
    /// How long it waits for an answer.
    pub call_timeout_ms: i64,
    /// First pause before it connects again; doubles up to 32 times that.
    pub backoff_ms: i64,
    /// Time that it takes to start.
    pub boot_ms: i64,
    /// Longest queue of messages about transactions; when it is full, every second reading goes.
    pub queue_max: usize,
    /// Whether a driver may charge while it is offline.
    pub starts_offline: bool,
    /// Whether it tells energy in kWh.
    pub in_kwh: bool,
    /// What it tells of its phases.
    pub tells: Tells,
    /// Whether a 1.6 station sends its readings again with the stop.
    pub stop_data: bool,
    /// Whether a 2.1 station tells its availability by NotifyEvent.
    pub status_by_event: bool,
    /// Whether a 2.1 station goes on with a transaction after a power cut.
    pub resumes: bool,
    /// Whether a 2.x transaction starts when the car is plugged in and ends when it leaves, not
    /// with the authorization (TxStartPoint and TxStopPoint EVConnected).
    pub starts_on_plug: bool,
    /// Whether a 2.x station tells what a car needs, when its transaction starts (ISO 15118).
    pub tells_needs: bool,
    /// What is wrong with it.
    pub faults: Faults,
}

/// What a station tells of what flows on alternating current, beside the energy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tells {
    /// The power, and the current of each phase that its car uses.
    #[default]
    UsedPhases,
    /// The power, and the current of each phase that is connected (evcc #16966, #19420,
    /// lbbrhzn/ocpp #1217, #1877).
    AllPhases,
    /// The current of each phase that its car uses, and no power.
    UsedPhasesAlone,
    /// The power alone.
    Power,
}

/// What is wrong with a station. All off by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// So many of a thousand answers to messages about transactions get lost on the way.
    pub lost_answers_permille: u16,
    /// So many of a thousand messages about transactions are sent twice at once, same id.
    pub doubled_permille: u16,
    /// A repeat has a message id of its own.
    pub new_id_on_repeat: bool,
    /// So much is its clock wrong, and it never sets it.
    pub clock_offset_ms: i64,
    /// So much more is its clock wrong after each reboot.
    pub clock_jump_ms: i64,
    /// Its meter.
    pub meter: Meter,
    /// So many of a thousand transactions never tell their end.
    pub lost_stop_permille: u16,
    /// The number that a 1.6 station uses for a transaction that started offline, for ever.
    pub offline_number: Option<i64>,
    /// It tells the end of a 2.x transaction before what was still queued of it.
    pub end_first: bool,
    /// How it takes charging profiles.
    pub profiles: ProfileFaults,
}

/// How a station takes charging profiles otherwise than it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProfileFaults {
    /// It rejects them.
    pub rejects: Rejects,
    /// It accepts them, and gives all that it can (Q66).
    pub ignores: bool,
    /// It accepts those of a transaction, and does not hold them.
    pub drops: bool,
    /// It rejects those of a transaction, and holds them all the same.
    pub denies: bool,
    /// It gives all that it can for so long after it took one (LOAD finding 7).
    pub hole_ms: i64,
    /// It goes on with a profile after its duration.
    pub ignores_duration: bool,
    /// It stays at the first period of a schedule.
    pub ignores_periods: bool,
    /// It has none any more after a reboot.
    pub forgets: bool,
    /// It never gives less than this on a phase while something flows, whatever it was told.
    pub least_ma: i64,
    /// It takes so long to answer an order, which it obeys at once.
    pub answers_after_ms: i64,
}

/// Which charging profiles a station rejects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rejects {
    /// Those that are wrong.
    #[default]
    Wrong,
    /// All (Q70).
    All,
    /// Those of a transaction.
    OfTransactions,
    /// Those with a limit of 0, as ABB's do.
    Zero,
    /// Those in amperes (Q67).
    Amperes,
    /// Those that are not relative (Q65).
    Absolute,
    /// Those above level 0 (Q64).
    Levels,
}

/// How a meter lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Meter {
    /// It does not.
    #[default]
    True,
    /// Now and then it reads less than before.
    Backwards,
    /// Now and then it reads a megawatt-hour too much.
    Jumps,
    /// It stands still.
    Frozen,
}

impl Spec {
    /// A sound station with one AC outlet of 22 kW.
    pub fn new(identity: &str, version: Version, seed: u64) -> Self {
        Self {
            identity: identity.to_owned(),
            version,
            evses: vec![Supply::Ac { phases: 3, max_ma: 32_000 }],
            seed,
            vendor: "Busbar".to_owned(),
            model: "Sim".to_owned(),
            sample_s: 60,
            step_ms: 1_000,
            call_timeout_ms: 30_000,
            backoff_ms: 1_000,
            boot_ms: 2_000,
            queue_max: 5_000,
            starts_offline: true,
            in_kwh: false,
            tells: Tells::default(),
            stop_data: false,
            status_by_event: false,
            resumes: false,
            starts_on_plug: false,
            tells_needs: false,
            faults: Faults::default(),
        }
    }
}
