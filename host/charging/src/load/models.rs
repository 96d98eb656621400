//! Owns what is known of models of stations from the field, as data: what they do otherwise than
//! the standard says, or than they say themselves. A site's configuration can say it otherwise.
//! Must never credit a model with more than the standard asks of it.

use super::amount::Amps;
use super::config::{KnownAs, Model};
use super::kernel::capability::{Hole, Pause, RateUnit};
use crate::units::Current;

/// What is known of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The vendor's name begins so, whatever its case.
    pub vendor: &'static str,
    /// The model's name holds this, whatever its case; any where it is empty.
    pub model: &'static str,
    /// What it does.
    pub says: Model,
    /// Where that was seen.
    pub seen: &'static str,
}

const NOTHING: Model = Model {
    vendor: None,
    model: None,
    known_as: KnownAs::Unknown,
    stack_level_max: None,
    unit: None,
    periods_max: None,
    step: None,
    minimum: None,
    pause: None,
    takes_transaction_profile: None,
    takes_absolute: None,
    keeps_durations: None,
    keeps_clock: None,
    persists: None,
    hole: None,
    ends_offline: None,
    takes_dynamic: None,
    tells_capability: None,
    tells_schedule: None,
    tells_profiles: None,
    omits_idle_phases: None,
    writes_a_day: None,
};

/// The most special first: the first that fits holds.
pub const KNOWN: &[Known] = &[
    Known {
        vendor: "Wallbox",
        model: "",
        says: Model {
            stack_level_max: Some(0),
            takes_absolute: Some(false),
            hole: Some(Hole::Full),
            ..NOTHING
        },
        seen: "QUIRKS Q64, Q65; lbbrhzn/ocpp #2152, #1684: full while a profile is replaced",
    },
    Known {
        vendor: "ABB",
        model: "",
        says: Model { stack_level_max: Some(0), pause: Some(Pause::Minimum), ..NOTHING },
        seen: "QUIRKS Q64; LOAD: rejects a limit of 0",
    },
    Known {
        vendor: "Huawei",
        model: "",
        says: Model { unit: Some(RateUnit::Watts), pause: Some(Pause::Minimum), ..NOTHING },
        seen: "QUIRKS Q67, Q50: watts only; ends its transaction below its minimum",
    },
    Known {
        vendor: "EVBox",
        model: "Elvi",
        says: Model { stack_level_max: Some(0), ..NOTHING },
        seen: "LOAD: ChargeProfileMaxStackLevel 0",
    },
    Known {
        vendor: "NEcharge",
        model: "",
        says: Model { step: Some(Amps(Current(1_000))), pause: Some(Pause::Minimum), ..NOTHING },
        seen: "QUIRKS Q68, Q50: steps of 6, 8, 10, 13 and 16 A; ends its transaction below 6 A",
    },
    Known {
        vendor: "EN+",
        model: "",
        says: Model { pause: Some(Pause::Minimum), ..NOTHING },
        seen: "QUIRKS Q50: ends its transaction below its minimum",
    },
    Known {
        vendor: "ABL",
        model: "eMH3",
        says: Model { tells_schedule: Some(false), ..NOTHING },
        seen: "QUIRKS Q76: a composite schedule without its unit",
    },
    Known {
        vendor: "Amperfied",
        model: "",
        says: Model { tells_schedule: Some(false), ..NOTHING },
        seen: "QUIRKS Q53: a composite schedule without unit and begin",
    },
    Known {
        vendor: "Heidelberg",
        model: "",
        says: Model { tells_schedule: Some(false), ..NOTHING },
        seen: "QUIRKS Q53: a composite schedule without unit and begin",
    },
    Known {
        vendor: "United Chargers",
        model: "",
        says: Model { tells_capability: Some(false), ..NOTHING },
        seen: "QUIRKS Q3: GetConfiguration is answered with broken JSON where a key is unknown",
    },
    Known {
        vendor: "Grizzl-E",
        model: "",
        says: Model { tells_capability: Some(false), ..NOTHING },
        seen: "QUIRKS Q3: GetConfiguration is answered with broken JSON where a key is unknown",
    },
];

/// What is known of a model, by the words of its boot.
pub fn known(vendor: &str, model: &str) -> Option<&'static Known> {
    let begins = |text: &str, with: &str| {
        text.trim().get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with))
    };
    let holds =
        |text: &str, part: &str| text.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
    KNOWN.iter().find(|known| begins(vendor, known.vendor) && holds(model, known.model))
}
