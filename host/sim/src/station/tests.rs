mod csms;

use busbar_ocpp::Version;

use super::Act;
use crate::car::{Car, MJ_PER_WH};
use crate::spec::Spec;
use crate::words::Token;
use csms::World;

/// A car of which every charge of these tests knows the figures: 11 kW, 4 kWh missing.
fn car() -> Car {
    Car {
        battery_wh: 50_000,
        content_mj: 30_000 * MJ_PER_WH,
        target_permille: 1000,
        ac_phases: 3,
        ac_max_ma: 16_000,
        dc_peak_w: 100_000,
        wake_ms: 2_000,
    }
}

fn card() -> Token {
    Token::card("04A1B2C3")
}

fn plug_in(world: &mut World) {
    world.act(Act::PlugIn { evse: 1, car: car() });
}

fn present(world: &mut World) {
    world.act(Act::Present { evse: 1, token: card() });
}

/// Boots, charges for an hour, stops by card, leaves.
fn whole_charge(spec: Spec) -> World {
    let mut world = World::new(spec);
    world.run_s(10);
    plug_in(&mut world);
    world.run_s(5);
    present(&mut world);
    world.run_s(3600);
    present(&mut world);
    world.run_s(20);
    world.act(Act::Unplug { evse: 1 });
    world.run_s(400);
    world
}

mod v16;
