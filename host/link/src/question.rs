//! Owns what load control asks of stations beside setting limits: the questions as each version's
//! messages, and the answers in the core's words. Pure. Must never ask for all that a station has:
//! some reboot on questions that they do not like (QUIRKS Q62).

use busbar_charging::fact::station::Dialect;
use busbar_charging::load::question::{Answer, Question, Told};

use crate::profile::{self, Message, Unwritable};

/// The message that asks it.
///
/// # Errors
/// When the version cannot hold the numbers.
pub fn ask(dialect: Dialect, question: Question) -> Result<Message, Unwritable> {
    match question {
        Question::Composite { evse, seconds, unit } => {
            profile::ask_composite(dialect, evse, seconds, unit)
        }
        Question::Profiles { evse, request } => profile::ask_held(dialect, request, Some(evse)),
        Question::Capability => Ok(match dialect {
            Dialect::V16 => crate::v16::capability::ask(),
            Dialect::V201 => crate::v201::capability::ask(&SMART_CHARGING[..3]),
            Dialect::V21 => crate::v21::capability::ask(&SMART_CHARGING),
        }),
    }
}

/// What the response to a question says.
pub fn answer(dialect: Dialect, question: Question, response: &str) -> Answer {
    let told = |told: Result<Vec<(String, String)>, String>| match told {
        Ok(values) if values.is_empty() => Answer::Nothing("the station knows none of it".into()),
        Ok(values) => Answer::Capability(read(&values)),
        Err(why) => Answer::Nothing(why.into()),
    };
    match (question, dialect) {
        (Question::Composite { .. }, _) => match profile::composite(dialect, response) {
            Ok(schedule) => Answer::Schedule(schedule),
            Err(why) => Answer::Nothing(why),
        },
        (Question::Profiles { .. }, _) => match profile::holds(dialect, response) {
            Ok(any) => Answer::Profiles(any),
            Err(why) => Answer::Nothing(why),
        },
        (Question::Capability, Dialect::V16) => told(crate::v16::capability::values(response)),
        (Question::Capability, Dialect::V201) => told(crate::v201::capability::values(response)),
        (Question::Capability, Dialect::V21) => told(crate::v21::capability::values(response)),
    }
}

/// The keys of 1.6.
pub(crate) const KEYS: [&str; 3] = [STACK_LEVEL_16, UNITS_16, PERIODS_16];

const STACK_LEVEL_16: &str = "ChargeProfileMaxStackLevel";
const UNITS_16: &str = "ChargingScheduleAllowedChargingRateUnit";
const PERIODS_16: &str = "ChargingScheduleMaxPeriods";

/// The variables of the component `SmartChargingCtrlr`; the last two are new in 2.1. Few, since a
/// station may bear only so many at once (`ItemsPerMessageGetVariables`).
const SMART_CHARGING: [&str; 5] = [STACK_LEVEL, UNITS, PERIODS, ENDS_OFFLINE, DYNAMIC];

const STACK_LEVEL: &str = "ProfileStackLevel";
const UNITS: &str = "RateUnit";
const PERIODS: &str = "PeriodsPerSchedule";
const ENDS_OFFLINE: &str = "SupportsMaxOfflineDuration";
const DYNAMIC: &str = "SupportsDynamicProfiles";

/// What values say, by the names of any version. What cannot be read is not said.
fn read(values: &[(String, String)]) -> Told {
    let mut told = Told::default();
    for (name, value) in values {
        let value = value.trim();
        let is = |names: [&str; 2]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        if is([STACK_LEVEL_16, STACK_LEVEL]) {
            told.stack_level_max = value.parse().ok();
        } else if is([PERIODS_16, PERIODS]) {
            told.periods_max = value.parse().ok();
        } else if is([UNITS_16, UNITS]) {
            (told.amperes, told.watts) = units(value);
        } else if is([ENDS_OFFLINE; 2]) {
            told.ends_offline = boolean(value);
        } else if is([DYNAMIC; 2]) {
            told.takes_dynamic = boolean(value);
        }
    }
    told
}

/// `Current,Power` in 1.6, `A,W` in 2.x, quoted, spaced and in any case (QUIRKS Q67 and Q77).
/// Whether it takes amperes, and watts; none where no word is known.
fn units(value: &str) -> (Option<bool>, Option<bool>) {
    let words = value.split([',', ';', ' ', '"', '\'']).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(str::to_ascii_lowercase).collect();
    let has = |names: [&str; 2]| words.iter().any(|word| names.contains(&&**word));
    let (amperes, watts) = (has(["current", "a"]), has(["power", "w"]));
    if amperes || watts { (Some(amperes), Some(watts)) } else { (None, None) }
}

fn boolean(value: &str) -> Option<bool> {
    match () {
        () if value.eq_ignore_ascii_case("true") => Some(true),
        () if value.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}
