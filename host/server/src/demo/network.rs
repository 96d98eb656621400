//! Owns the cast: which stations there are, who charges there, what happened yesterday. Must never
//! speak to anybody.

use busbar_ocpp::Version;
use busbar_sim::car::{Car, Supply};
use busbar_sim::rng::Rng;
use busbar_sim::scene::{Scene, Wish};
use busbar_sim::spec::Spec;
use busbar_sim::station::{Act, Input, Output};
use busbar_sim::visit::{Arrivals, Start, Visit};
use busbar_sim::words::Token;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Stations that speak each version.
const STATIONS: [(Version, usize); 3] = [(Version::V16, 10), (Version::V201, 6), (Version::V21, 4)];
/// Every fifth station is a fast one with two outlets.
const FAST_EVERY: usize = 5;

/// A station with its people, and its password.
pub(super) struct Actor {
    pub(super) scene: Scene,
    pub(super) password: String,
    pub(super) fast: bool,
}

/// Everybody.
pub(super) struct Cast {
    pub(super) actors: Vec<Actor>,
    pub(super) tokens: Vec<Token>,
}

/// Makes the cast, with yesterday behind it and today before it.
pub(super) fn cast(seed: u64, now_ms: i64) -> Cast {
    let versions = STATIONS.iter().flat_map(|(version, count)| (0..*count).map(|_| *version));
    let mut cast = Cast { actors: Vec::new(), tokens: Vec::new() };
    for (index, version) in versions.enumerate() {
        let mut rng = Rng::part(seed, &format!("station {index}"));
        let fast = index % FAST_EVERY == FAST_EVERY - 1;
        let spec = spec(index, version, fast, &mut rng);
        let evses = spec.evses.len() as u16;
        let mut scene = Scene::new(spec, now_ms - 20 * HOUR_MS);
        for evse in 1..=evses {
            let tokens: Vec<_> = (0..2)
                .map(|holder| Token::card(&format!("DE{:02}{evse}{holder}A7C1", index + 1)))
                .collect();
            yesterday(&mut scene, evse, &tokens, now_ms, &mut rng);
            let first_ms = now_ms + rng.between(2_000, 20_000);
            let arrivals = Arrivals::short(rng.next_u64(), tokens.clone(), first_ms);
            cast.tokens.extend(tokens);
            scene.arrive_later(evse, arrivals);
        }
        live_offline(&mut scene, now_ms);
        let password = format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64());
        cast.actors.push(Actor { scene, password, fast });
    }
    cast
}

fn spec(index: usize, version: Version, fast: bool, rng: &mut Rng) -> Spec {
    let mut spec = Spec::new(&format!("CP{:02}", index + 1), version, rng.next_u64());
    // A reading each quarter of an hour while nobody looks; the show asks for more.
    spec.sample_s = 900;
    spec.boot_ms = 1_000;
    spec.in_kwh = rng.chance(300);
    spec.stop_data = rng.chance(300);
    spec.status_by_event = version == Version::V21 && index.is_multiple_of(2);
    spec.starts_on_plug = version != Version::V16 && index.is_multiple_of(3);
    if fast {
        spec.model = "Fast 150".to_owned();
        spec.evses = vec![Supply::Dc { max_w: 150_000 }, Supply::Dc { max_w: 75_000 }];
    } else {
        spec.model = "Wall 22".to_owned();
    }
    spec
}

/// A session or two of yesterday.
fn yesterday(scene: &mut Scene, evse: u16, tokens: &[Token], now_ms: i64, rng: &mut Rng) {
    let mut arrive_ms = now_ms - 19 * HOUR_MS + rng.between(0, 6 * HOUR_MS);
    for token in tokens.iter().take(1 + usize::from(rng.chance(400))) {
        scene.visit(
            evse,
            Visit {
                arrive_ms,
                token: token.clone(),
                car: car(rng),
                start: Start::Card,
                fumble_ms: rng.between(4_000, 30_000),
                stay_ms: rng.between(40, 240) * MINUTE_MS,
                linger_ms: rng.between(1, 40) * MINUTE_MS,
                ends_by_card: rng.chance(500),
            },
        );
        arrive_ms += 6 * HOUR_MS;
    }
}

fn car(rng: &mut Rng) -> Car {
    let mut car = Car::any(rng);
    // No hybrids at fast chargers: they would stand there and take nothing.
    car.dc_peak_w = car.dc_peak_w.max(50_000);
    car
}

/// Lets a station live until now without a network: everything stays in its queue.
fn live_offline(scene: &mut Scene, now_ms: i64) {
    let mut at_ms = now_ms - 20 * HOUR_MS;
    while at_ms < now_ms {
        scene.handle(at_ms, Input::Tick);
        while let Some(wish) = scene.poll() {
            if wish == Wish::Station(Output::Connect) {
                scene.handle(at_ms, Input::Disconnected);
            }
        }
        at_ms = scene.deadline().unwrap_or(now_ms).max(at_ms + 1);
    }
    scene.configure("MeterValueSampleInterval", "5");
    scene.let_come();
    // It would try again within half a minute; the show does not wait.
    scene.handle(now_ms, Input::Act(Act::NetworkDown { for_ms: 0 }));
}
