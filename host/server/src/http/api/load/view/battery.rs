//! How a battery looks on the API: what was told of it, and what is planned for it. Must never show
//! a set-point to follow that is older than anyone should follow.

use busbar_charging::site::BatteryView;
use busbar_charging::units::{Millis, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::units::{Thousandths, Time, W};

/// A battery of the site. It is not controlled from here: what is planned is for an energy manager
/// to follow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadBattery)]
pub(super) struct Battery {
    /// As the tree names it.
    #[schema(example = "cellar")]
    battery: String,
    circuit: String,
    /// When it was told of last; absent where it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    told_at: Option<Time>,
    /// As it was told then, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_of_charge_percent: Option<Thousandths>,
    /// What it took then; negative where it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    power_w: Option<W>,
    /// True where that was told too long ago: nothing is planned for it.
    stale: bool,
    /// What it is to do now: positive charges. Absent where nothing is planned for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_point_w: Option<W>,
    /// From then on set-points should not be followed any more; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    follow_until: Option<Time>,
    /// What it is to do, while after while.
    plan: Vec<SetPoint>,
}

/// What a battery is to do for a while.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadSetPoint)]
pub(super) struct SetPoint {
    from: Time,
    until: Time,
    /// Positive charges.
    power_w: W,
}

impl Battery {
    pub(super) fn of(view: &BatteryView, now: Timestamp) -> Self {
        let mut from = view.from;
        let runs = view.runs.iter().map(|run| {
            let until = from.plus(Millis(view.slot.0.saturating_mul(i64::from(run.slots))));
            let begins = std::mem::replace(&mut from, until);
            SetPoint { from: Time(begins), until: Time(until), power_w: W(run.power) }
        });
        let plan: Vec<_> = runs.collect();
        let is_now = |point: &&SetPoint| point.from.0 <= now && now < point.until.0;
        let follows = now < view.follow_until && !view.is_stale;
        let now = plan.iter().find(is_now).filter(|_| follows);
        Self {
            battery: view.battery.to_string(),
            circuit: view.circuit.to_string(),
            told_at: view.told.map(Time),
            state_of_charge_percent: view.charge.map(|of| Thousandths(i64::from(of) * 100)),
            power_w: view.power.map(W),
            stale: view.is_stale,
            set_point_w: now.map(|point| W(point.power_w.0)),
            follow_until: (!plan.is_empty()).then_some(Time(view.follow_until)),
            plan,
        }
    }
}
