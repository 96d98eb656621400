//! The station against a scripted server, in virtual time.

mod csms;
mod faults;
mod limits;
mod offline;
mod orders;
mod profiles;
mod whole;

use busbar_ocpp::Version;
use serde_json::Value;

use super::Act;
use crate::car::{Car, MJ_PER_WH, Supply};
use crate::spec::Spec;
use crate::words::Token;
use csms::World;

/// A car of which the tests know the figures: 11 kW, 20 kWh missing.
fn car() -> Car {
    Car {
        battery_wh: 50_000,
        content_mj: 30_000 * MJ_PER_WH,
        target_permille: 1000,
        ac_phases: 3,
        ac_max_ma: 16_000,
        dc_peak_w: 100_000,
        wake_ms: 2_000,
        follows_ms: 1_000,
        wakes: true,
        departs_ms: None,
    }
}

fn card() -> Token {
    Token::card("04A1B2C3")
}

fn spec(version: Version) -> Spec {
    Spec::new("CP-1", version, 7)
}

fn plug_in(world: &mut World) {
    world.act(Act::PlugIn { evse: 1, car: car() });
}

fn present(world: &mut World) {
    world.act(Act::Present { evse: 1, token: card() });
}

fn unplug(world: &mut World) {
    world.act(Act::Unplug { evse: 1 });
}

/// A station that has booted and told its states.
fn booted(spec: Spec) -> World {
    let mut world = World::new(spec);
    world.run_s(10);
    world
}

/// Plugs in, shows the card, and charges for so many seconds.
fn charge_s(world: &mut World, seconds: i64) {
    plug_in(world);
    world.run_s(5);
    present(world);
    world.run_s(seconds);
}

/// Boots, charges for an hour, stops by card, leaves.
fn whole_charge(spec: Spec) -> World {
    let mut world = booted(spec);
    charge_s(&mut world, 3600);
    present(&mut world);
    world.run_s(20);
    unplug(&mut world);
    world.run_s(400);
    world
}

/// The events of transactions of a 2.x station, and what they mostly are asked for.
fn events(world: &World) -> Vec<Value> {
    world.all("TransactionEvent").into_iter().cloned().collect()
}

/// The register in the last reading of a 2.x event, in Wh.
fn register_wh(event: &Value) -> f64 {
    let values = event["meterValue"].as_array().expect("meter values");
    values[values.len() - 1]["sampledValue"][0]["value"].as_f64().expect("a number")
}

fn texts<'a>(events: &'a [Value], field: &str) -> Vec<&'a str> {
    events.iter().map(|event| event[field].as_str().expect("text")).collect()
}
