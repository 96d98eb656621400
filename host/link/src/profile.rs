//! Owns how limits are written to stations and how their words about limits are read: the profiles
//! of the core as each version's messages, and the answers to them in the core's units. Pure. Must
//! never round a limit up, write one that its version cannot hold, or clear more than one profile
//! that it is told by its id.

use busbar_charging::fact::station::Dialect;
use busbar_charging::input::CommandReturned;
use busbar_charging::input::schedule::Schedule;
use busbar_charging::load::kernel::capability::RateUnit;
use busbar_charging::load::kernel::event::Returned;
use busbar_charging::load::kernel::profile::{Profile, ProfilePurpose};
use busbar_charging::units::{Millis, Timestamp};
use busbar_ocpp::values::IntIn;

/// Seconds that a station may ask to wait with `RateLimitExceeded`: a day.
const WAIT_AT_MOST_S: u64 = 24 * 3_600;

/// A request to a station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its action.
    pub action: &'static str,
    /// Its payload: JSON text, as a strict station takes it.
    pub payload: String,
}

/// Why a version has no message for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritable {
    /// The version has no such message, or no such kind of profile.
    NotInVersion,
    /// A 2.x TxProfile names its transaction (K01.FR.03).
    NoTransaction,
    /// No transaction of this version has such an id.
    TransactionId,
    /// A station's maximum is of the station, a TxProfile is of an EVSE (PITFALLS 103 and 104).
    Place,
    /// No period, none at 0, or more than there may be (PITFALLS 107).
    Periods,
    /// A number that the schema cannot hold.
    Number,
}

impl std::fmt::Display for Unwritable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotInVersion => "the station's version has no message for this",
            Self::NoTransaction => "a profile of a transaction must name it",
            Self::TransactionId => "the transaction's id is none of the station's version",
            Self::Place => "a profile of this purpose cannot be of this EVSE",
            Self::Periods => "a profile must have periods, the first at 0",
            Self::Number => "a number is out of the bounds of the station's version",
        })
    }
}

impl std::error::Error for Unwritable {}

/// SetChargingProfile.
///
/// # Errors
/// When the version cannot say it.
pub fn set(dialect: Dialect, profile: &Profile) -> Result<Message, Unwritable> {
    let is_whole = profile.evse == 0;
    match profile.purpose {
        ProfilePurpose::StationMaximum if !is_whole => return Err(Unwritable::Place),
        ProfilePurpose::Transaction if is_whole => return Err(Unwritable::Place),
        _ => {}
    }
    if profile.periods.first().is_none_or(|first| first.start_seconds != 0) {
        return Err(Unwritable::Periods);
    }
    let payload = match dialect {
        Dialect::V16 => crate::v16::profile::set(profile),
        Dialect::V201 => crate::v201::profile::set(profile),
        Dialect::V21 => crate::v21::profile::set(profile),
    }?;
    Ok(Message { action: "SetChargingProfile", payload })
}

/// UpdateDynamicSchedule (2.1): a `Dynamic` profile that the station holds gets another limit, and
/// its duration begins anew.
///
/// # Errors
/// When the version, or the profile's kind, has no updates.
pub fn update(dialect: Dialect, profile: &Profile) -> Result<Message, Unwritable> {
    match dialect {
        Dialect::V16 | Dialect::V201 => Err(Unwritable::NotInVersion),
        Dialect::V21 => {
            let payload = crate::v21::profile::update(profile)?;
            Ok(Message { action: "UpdateDynamicSchedule", payload })
        }
    }
}

/// ClearChargingProfile of one profile. Never before a set of the same profile, which replaces it
/// without a hole: for what is left over and nobody of ours writes again.
pub fn clear(dialect: Dialect, id: i32) -> Message {
    let payload = match dialect {
        Dialect::V16 => crate::v16::profile::clear(id),
        Dialect::V201 => crate::v201::profile::clear(id),
        Dialect::V21 => crate::v21::profile::clear(id),
    };
    Message { action: "ClearChargingProfile", payload }
}

/// GetCompositeSchedule: what the station is going to do at an EVSE, or as a whole at 0, in the
/// next so many seconds.
///
/// # Errors
/// When the version cannot hold the numbers.
pub fn ask_composite(
    dialect: Dialect,
    evse: u32,
    seconds: u32,
    unit: RateUnit,
) -> Result<Message, Unwritable> {
    let payload = match dialect {
        Dialect::V16 => crate::v16::profile::ask_composite(evse, seconds, unit),
        Dialect::V201 => crate::v201::profile::ask_composite(evse, seconds, unit)?,
        Dialect::V21 => crate::v21::profile::ask_composite(evse, seconds, unit)?,
    };
    Ok(Message { action: "GetCompositeSchedule", payload })
}

/// GetChargingProfiles (2.x): all that the station holds, of one EVSE or of all. They come as
/// `Notice::Profiles` under the same number.
///
/// # Errors
/// 1.6 has no such message.
pub fn ask_held(dialect: Dialect, request: i32, evse: Option<u32>) -> Result<Message, Unwritable> {
    let payload = match dialect {
        Dialect::V16 => return Err(Unwritable::NotInVersion),
        Dialect::V201 => crate::v201::profile::ask_held(request, evse)?,
        Dialect::V21 => crate::v21::profile::ask_held(request, evse)?,
    };
    Ok(Message { action: "GetChargingProfiles", payload })
}

/// What the return of SetChargingProfile or UpdateDynamicSchedule means for the grant that it
/// carried. Only `Accepted` is believed: `NotSupported` and whatever a station makes up are
/// refusals.
pub fn returned(returned: &CommandReturned) -> Returned {
    match returned {
        CommandReturned::Answered { status: Some(status), .. } if &**status == "Accepted" => {
            Returned::Accepted
        }
        CommandReturned::Answered { .. }
        | CommandReturned::Told { .. }
        | CommandReturned::Refused { .. } => Returned::Refused,
        CommandReturned::TimedOut => Returned::TimedOut,
        CommandReturned::Gone { may_have_left } => Returned::Gone { may_have_left: *may_have_left },
    }
}

/// How long a station wants no further profile (2.1 `RateLimitExceeded`, K01.FR.57 to 59).
pub fn asks_to_wait(returned: &CommandReturned) -> Option<Millis> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Info {
        reason_code: String,
        additional_info: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Response {
        #[serde(rename = "statusInfo")]
        status_info: Info,
    }
    let CommandReturned::Answered { response, .. } = returned else { return None };
    let info = serde_json::from_str::<Response>(response).ok()?.status_info;
    if info.reason_code != "RateLimitExceeded" {
        return None;
    }
    let seconds = info.additional_info.and_then(|text| text.trim().parse::<u64>().ok());
    let seconds = seconds.unwrap_or(1).min(WAIT_AT_MOST_S);
    Some(Millis::from_secs(i64::try_from(seconds).ok()?))
}

/// What a station says that it is going to do, out of its answer to GetCompositeSchedule.
///
/// # Errors
/// Why it says nothing, for people.
pub fn composite(dialect: Dialect, response: &str) -> Result<Schedule, Box<str>> {
    let schedule = match dialect {
        Dialect::V16 => crate::v16::profile::composite(response),
        Dialect::V201 => crate::v201::profile::composite(response),
        Dialect::V21 => crate::v21::profile::composite(response),
    };
    schedule.map_err(Into::into)
}

/// Whether a station holds profiles, out of its answer to GetChargingProfiles: if so, it reports
/// them.
///
/// # Errors
/// Why it says nothing, for people.
pub fn holds(dialect: Dialect, response: &str) -> Result<bool, Box<str>> {
    let holds = match dialect {
        Dialect::V16 => return Err("1.6 has no such message".into()),
        Dialect::V201 => crate::v201::profile::holds(response),
        Dialect::V21 => crate::v21::profile::holds(response),
    };
    holds.map_err(Into::into)
}

/// An integer of any version.
pub(crate) trait Whole: Sized {
    fn whole(value: i64) -> Option<Self>;
}

impl Whole for i64 {
    fn whole(value: i64) -> Option<Self> {
        Some(value)
    }
}

impl<const MIN: i64, const MAX: i64> Whole for IntIn<MIN, MAX> {
    fn whole(value: i64) -> Option<Self> {
        Self::new(value).ok()
    }
}

pub(crate) fn whole<T: Whole>(value: impl Into<i64>) -> Result<T, Unwritable> {
    T::whole(value.into()).ok_or(Unwritable::Number)
}

/// When a 2.x schedule begins that always holds: 2.x must give a time (K01.FR.41), and a station
/// whose clock was never set shows the first of all.
pub(crate) const ALWAYS: Timestamp = Timestamp(0);
