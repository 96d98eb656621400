//! Samples of the facts of load control.

use busbar_charging::fact::command::{CommandWanted, Intent, Priority};
use busbar_charging::fact::load::*;
use busbar_charging::fact::site::Blob;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::units::{Current, Energy, Micros, Millis, Power};

use super::{at, wanted};

/// Every sample, with the name of its case.
pub(super) fn all() -> Vec<(&'static str, Fact)> {
    [grants(), limits(), fillings(), surveys(), holdings(), plans(), told()].concat()
}

fn grants() -> Vec<(&'static str, Fact)> {
    let grant = LimitGrant {
        evse: 2,
        grant: 77,
        purpose: LimitPurpose::Transaction,
        limit: Current(16_000),
        counted: Current(32_000),
        after: Current(6_000),
        lease_end: Some(at(900_000)),
        lease_offset: Millis(-1_200),
        reason: "16 A: feeder B, L2 at 62.4 of 63 A".into(),
    };
    let endless = LimitGrant {
        purpose: LimitPurpose::Default,
        lease_end: None,
        lease_offset: Millis(0),
        ..grant.clone()
    };
    let of = |grant, priority| CommandWanted {
        actor: Actor::Clock,
        intent: Intent::Limit(Box::new(grant)),
        action: "SetChargingProfile".into(),
        payload: "".into(),
        priority,
        key: None,
        caller: None,
        ..wanted()
    };
    vec![
        ("limit", of(grant, Priority::Increase).into()),
        ("limit-endless", of(endless, Priority::Safety).into()),
    ]
}

/// What is asked and written beside limits, and what is said and found.
fn surveys() -> Vec<(&'static str, Fact)> {
    let of = |call, action: &str| CommandWanted {
        actor: Actor::Clock,
        intent: Intent::Load(call),
        action: action.into(),
        payload: "".into(),
        priority: Priority::Bulk,
        key: None,
        caller: None,
        ..wanted()
    };
    let maximum = LoadCall::StationMaximum { limit: Current(63_000) };
    let profiles = LoadCall::Profiles { evse: 2, grant: 7 };
    let told = StationTold {
        stack_level_max: Some(8),
        periods_max: Some(24),
        amperes: Some(true),
        watts: Some(false),
        switches_phases: Some(true),
        ends_offline: Some(true),
        takes_dynamic: Some(false),
    };
    let full = LoadTold { at: at(1), station: "CP-1".into(), told: Some(told), why: None };
    let why = Some("NotSupported: no".into());
    let none = LoadTold { told: Some(StationTold::default()), ..full.clone() };
    let silent = LoadTold { told: None, why: why.clone(), ..full.clone() };
    let verified = |verdict, says| LoadVerified {
        at: at(1),
        station: "CP-1".into(),
        evse: 2,
        counted: Current(16_000),
        says,
        verdict,
        why: None,
    };
    let kept = verified(LoadVerdict::Kept, Some(Current(16_000)));
    let outlasts = verified(LoadVerdict::Outlasts, Some(Current(16_000)));
    let exceeds = verified(LoadVerdict::Exceeds, None);
    let mute = LoadVerified { why, ..verified(LoadVerdict::Silent, None) };
    let alarm = LoadAlarm::WriteBudget { writes: 300 };
    let alarmed = LoadAlarmed { at: at(1), station: "CP-1".into(), alarm };
    vec![
        ("load-capability", of(LoadCall::Capability, "GetVariables").into()),
        ("load-schedule", of(LoadCall::Schedule { evse: 2 }, "GetCompositeSchedule").into()),
        ("load-profiles", of(profiles, "GetChargingProfiles").into()),
        ("load-maximum", of(maximum, "SetChargingProfile").into()),
        ("full", full.into()),
        ("least", none.into()),
        ("silent", silent.into()),
        ("kept", kept.into()),
        ("outlasts", outlasts.into()),
        ("exceeds", exceeds.into()),
        ("silent", mute.into()),
        ("write-budget", alarmed.into()),
    ]
}

fn holdings() -> Vec<(&'static str, Fact)> {
    let held = |verdict, says| LoadHeld {
        at: at(1),
        station: "CP-1".into(),
        evse: 2,
        grant: 7,
        limit: Current(16_000),
        says,
        verdict,
        why: None,
    };
    let holds = held(HeldVerdict::Kept, Some(Current(16_000)));
    let taken = held(HeldVerdict::Taken, Some(Current(16_000)));
    let refused = held(HeldVerdict::Refused, Some(Current(10_000)));
    let missing = held(HeldVerdict::Missing, None);
    let higher = held(HeldVerdict::Exceeds, Some(Current(32_000)));
    let hides =
        LoadHeld { why: Some("NotSupported: no".into()), ..held(HeldVerdict::Silent, None) };
    vec![
        ("kept", holds.into()),
        ("taken", taken.into()),
        ("refused", refused.into()),
        ("missing", missing.into()),
        ("exceeds", higher.into()),
        ("silent", hides.into()),
    ]
}

fn limits() -> Vec<(&'static str, Fact)> {
    let window = LimitWindow {
        from: at(1),
        until: at(900_000),
        lines: Some([Current(40_000), Current(41_000), Current(0)]),
        power: Some(Power(42_000)),
    };
    let open = LimitWindow { lines: None, power: None, ..window.clone() };
    let full = LoadLimited {
        at: at(1),
        actor: Actor::Partner("DSO".into()),
        circuit: "grid".into(),
        source: "dso".into(),
        windows: Some(vec![window, open]),
    };
    let alive = LoadLimited { windows: None, ..full.clone() };
    let station = LoadStationLimited {
        at: at(1),
        station: "CP-1".into(),
        evse: Some(2),
        source: "EMS".into(),
        windows: full.windows.clone(),
    };
    let started = LoadClockDoubted { at: at(1), by: None };
    let set = LoadClockDoubted { at: at(1), by: Some(Millis(-3_600_000)) };
    let cleared = LoadStationLimited { evse: None, windows: None, ..station.clone() };
    let metered = LoadMetered {
        at: at(1),
        actor: Actor::User("meter".into()),
        meter: "main".into(),
        lines: [Current(1), Current(-2), Current(i64::MAX)],
        with_evses: true,
    };
    vec![
        ("full", full.into()),
        ("alive", alive.into()),
        ("full", metered.into()),
        ("full", station.into()),
        ("cleared", cleared.into()),
        ("started", started.into()),
        ("set", set.into()),
    ]
}

fn plans() -> Vec<(&'static str, Fact)> {
    let wanted = LoadPlanWanted {
        at: at(1),
        number: 7,
        until: at(10_001),
        from: at(0),
        slot: Millis(300_000),
        slots: 288,
        lowers: true,
        scarce: vec!["feeder B, L2".into()],
    };
    let unscarce = LoadPlanWanted { lowers: false, scarce: Vec::new(), ..wanted.clone() };
    let run = |cap, target| PlanRun { slots: 12, cap, target };
    let runs = vec![run(Some(Current::ZERO), None), run(None, Some(Current(16_000)))];
    let planned = LoadPlanned {
        at: at(2),
        number: 7,
        by: "lp".into(),
        late: true,
        from: at(0),
        slot: Millis(300_000),
        next: Some(at(300_000)),
        evses: vec![EvsePlan { evse: "CP-1/2".into(), runs }],
        power: vec![PowerRun { slots: 3, power: Power(11_000) }],
        batteries: Vec::new(),
    };
    let stores = LoadPlanned {
        batteries: vec![BatteryPlan {
            battery: "cellar".into(),
            runs: vec![PowerRun { slots: 12, power: Power(-4_000) }],
        }],
        ..planned.clone()
    };
    let nothing = LoadPlanned {
        by: "".into(),
        late: false,
        next: None,
        evses: Vec::new(),
        power: Vec::new(),
        ..planned.clone()
    };
    let delays = vec![EvseDelay { evse: "CP-1/2".into(), until: at(60_000) }];
    let delayed = LoadDelayed { at: at(1), evses: delays };
    vec![
        ("full", wanted.into()),
        ("least", unscarce.into()),
        ("full", planned.into()),
        ("nothing", nothing.into()),
        ("batteries", stores.into()),
        ("full", delayed.into()),
    ]
}

fn told() -> Vec<(&'static str, Fact)> {
    let wished = LoadWished {
        at: at(1),
        actor: Actor::User("driver".into()),
        evse: "CP-1/2".into(),
        transaction: Some("t-1".into()),
        energy: Some(Energy(20_000_000)),
        departure: Some(at(3_600_000)),
        maximum: Some(Current(16_000)),
        class: Some(1),
        at_once: true,
    };
    let least = LoadWished {
        actor: Actor::Station,
        transaction: None,
        energy: None,
        departure: None,
        maximum: None,
        class: None,
        at_once: false,
        ..wished.clone()
    };
    let price = PriceSlot { from: at(0), until: at(900_000), price: Micros(-1_000) };
    let priced = LoadPriced { at: at(1), actor: Actor::Clock, slots: vec![price] };
    let power = ForecastSlot { from: at(0), until: at(900_000), power: Power(4_200) };
    let forecast = LoadForecast { at: at(1), actor: Actor::Clock, slots: vec![power] };
    let battery = LoadBattery {
        at: at(1),
        actor: Actor::User("ems".into()),
        battery: "cellar".into(),
        charge: 575,
        power: Some(Power(-2_500)),
    };
    let unpowered = LoadBattery { power: None, ..battery.clone() };
    vec![
        ("full", wished.into()),
        ("least", least.into()),
        ("full", priced.into()),
        ("full", forecast.into()),
        ("full", battery.into()),
        ("least", unpowered.into()),
    ]
}

fn fillings() -> Vec<(&'static str, Fact)> {
    let full = LoadFilled {
        at: at(1),
        next: Some(at(5_000)),
        changes: vec![EvseShare {
            evse: "CP-1/2".into(),
            on: false,
            reason: "0 A: waiting for its turn, feeder B, L2 at 62.4 of 63 A".into(),
        }],
        withheld: 1,
    };
    let least = LoadFilled { next: None, changes: Vec::new(), withheld: 0, ..full.clone() };
    let recorded = LoadRecorded { at: at(1), version: 1, body: Blob(vec![0xA0, 0xFF]) };
    vec![("full", full.into()), ("least", least.into()), ("full", recorded.into())]
}
