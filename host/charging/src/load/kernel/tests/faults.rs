//! Owns the fault model's runs: no second above a limit, whatever goes wrong, and for each part of
//! the kernel's care a mistake that the model finds.
//!
//! More and longer: `BUSBAR_LOAD_SEEDS=8 BUSBAR_LOAD_HOURS=90 cargo test --release -p
//! busbar-charging --lib kernel::tests::faults -- --nocapture`.

use super::host::Break;
use super::world::{Score, Setting, World};
use super::{feeders, one_row};
use crate::units::Millis;

/// A reaction to a cut that was not announced may take so long.
const REACTION_SECONDS: i64 = 15;

#[test]
fn a_saturated_site_with_faults_stays_below_its_limit() {
    let mut all = Score::default();
    for seed in 0..asked("BUSBAR_LOAD_SEEDS", 2) {
        all.add(&safe(Setting::new(one_row(40, 420, 6), seed as u64)));
    }
    println!("one row, 40 EVSEs: {}", told(&all, 40));
    assert_eq!(all.late, 0, "{}", told(&all, 40));
    assert!(all.drawn * 100 >= all.ideal * 88, "{}", told(&all, 40));
    let messages = all.messages * 3_600 / all.seconds / 40;
    assert!(messages <= 20, "{messages} messages per EVSE-hour");
}

#[test]
fn feeders_and_phases_stay_below_their_limits() {
    let mut all = Score::default();
    for seed in 0..asked("BUSBAR_LOAD_SEEDS", 2) {
        all.add(&safe(Setting::new(feeders(4, 340, 100, 6), 1_000 + seed as u64)));
    }
    println!("four feeders, three phases, 40 EVSEs: {}", told(&all, 40));
    assert_eq!(all.late, 0, "{}", told(&all, 40));
}

/// With six cars nothing averages out: a decrease that is lost in a cut keeps the row over until
/// it is said again, and no other car can make up for it.
#[test]
fn a_small_site_is_over_for_no_longer_than_a_lost_message_takes() {
    let mut all = Score::default();
    for seed in 0..asked("BUSBAR_LOAD_SEEDS", 2) {
        all.add(&safe(small(2_000 + seed as u64)));
    }
    println!("one row, 6 EVSEs: {}", told(&all, 6));
}

#[test]
fn sent_is_not_acknowledged() {
    found(Break::SentIsAcknowledged, &Setting { loss_per_mille: 100, ..small(1) });
}

#[test]
fn a_car_that_still_follows_its_old_limit_is_not_forgotten() {
    // Cars that come and go all the time, and a host that looks every second.
    let (stay, control_every) = (Millis::from_secs(1_200), Millis::from_secs(1));
    found(Break::ForgetFalling, &Setting { stay, control_every, ..small(1) });
}

#[test]
fn a_lease_is_not_credited_to_any_clock() {
    let offline_for = Millis::from_secs(2_400);
    found(Break::CreditAnyClock, &Setting { ignore_duration: 50, offline_for, ..small(1) });
}

#[test]
fn what_is_sent_is_journalled_before() {
    let (stay, crash_every) = (Millis::from_secs(1_800), Millis::from_secs(900));
    found(Break::SendBeforeJournal, &Setting { stay, crash_every, ..small(1) });
}

/// A station that obeys nothing is seen by its meter: the site is over its limit until then, and
/// until the others have made room.
#[test]
fn stations_that_ignore_their_limits_are_found_and_counted() {
    let setting = Setting { ignore_limits: 5, ..Setting::new(one_row(40, 420, 6), 7) };
    let score = World::new(setting).run(12);
    println!("2 of 40 EVSEs obey nothing: {}", told(&score, 40));
    // Each of their cars is a surprise once, for as long as a reaction takes.
    assert!(score.over * 200 <= score.seconds, "{}", told(&score, 40));
    assert!(score.drawn * 100 >= score.ideal * 75, "{}", told(&score, 40));
}

fn small(seed: u64) -> Setting {
    Setting::new(one_row(6, 60, 6), seed)
}

fn safe(setting: Setting) -> Score {
    let (seed, evses) = (setting.seed, setting.rows.evses().len() as i64);
    let score = World::new(setting).run(asked("BUSBAR_LOAD_HOURS", 12));
    let told = told(&score, evses);
    assert_eq!(score.over, 0, "seed {seed}: {told}");
    assert_eq!(score.withheld, 0, "seed {seed}: {told}");
    assert!(score.reaction <= REACTION_SECONDS, "seed {seed}: {told}");
    score
}

/// The same sites are safe without the mistake, and one of them is not with it.
fn found(broken: Break, sound: &Setting) {
    let hours = asked("BUSBAR_LOAD_HOURS", 12);
    for seed in 1..9 {
        let sound = Setting { seed, ..sound.clone() };
        let score = World::new(Setting { broken, ..sound.clone() }).run(hours);
        println!("{broken:?}, seed {seed}: {}", told(&score, 6));
        if score.over > 0 {
            safe(sound);
            return;
        }
    }
    panic!("the mistake {broken:?} was not found");
}

fn asked(name: &str, usual: i64) -> i64 {
    let asked = std::env::var_os(name);
    asked.and_then(|asked| asked.to_str()?.parse().ok()).unwrap_or(usual)
}

fn told(score: &Score, evses: i64) -> String {
    let hours = score.seconds as f64 / 3_600.0;
    format!(
        "{hours:.1} h, {} s over (worst {:.1} %), reaction at most {} s ({} cuts, {} s late), \
         {:.1} % of the ideal, {:.1} messages per EVSE-hour, {} withheld, first {:?}",
        score.over,
        score.worst as f64 / 10.0,
        score.reaction,
        score.cuts,
        score.late,
        score.drawn as f64 * 100.0 / score.ideal as f64,
        score.messages as f64 / hours / evses as f64,
        score.withheld,
        score.first,
    )
}
