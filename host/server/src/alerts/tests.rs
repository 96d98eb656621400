//! That repeats are counted, that a pause ends an episode, and that a flood of one kind pushes
//! out only itself.

use busbar_charging::units::Timestamp;

use super::{AlertKind, Alerts, List, PER_KIND, Standing};
use crate::telemetry::Metrics;

#[test]
fn one_episode_is_one_entry() {
    let mut list = List::default();
    let minute = |n: i64| Timestamp(n * 60_000);
    let mut raise = |at, subject: &str| list.raise(at, AlertKind::Downgrade, subject, "d");
    assert!(raise(minute(0), "A").is_some());
    assert!((1..50).all(|n| raise(minute(n), "A").is_none()), "each within 10 minutes");
    assert!(raise(minute(50), "B").is_some());
    assert!(raise(minute(59), "A").is_some(), "a pause has ended the first");
    assert!(list.raise(minute(59), AlertKind::Reconnects, "A", "d").is_some());
    let told: Vec<_> = list.alerts.iter().map(|a| (&*a.subject, a.count, a.last)).collect();
    let expected =
        [("A", 50, minute(49)), ("B", 1, minute(50)), ("A", 1, minute(59)), ("A", 1, minute(59))];
    assert_eq!(told, expected);
}

#[test]
fn a_flood_pushes_out_only_its_own_kind() {
    let alerts = Alerts::new(Metrics::new());
    alerts.raise(AlertKind::Downgrade, "CS", "x");
    let mut begun = alerts.follow();
    for n in 0..10_000 {
        alerts.raise(AlertKind::FailedLogin, &n.to_string(), &"y".repeat(10_000));
        alerts.raise(AlertKind::FailedLogin, "9999", "y");
    }
    let all = alerts.page((None, None), None, usize::MAX - 1);
    assert_eq!(all.len(), PER_KIND + 1);
    assert_eq!(all.last().map(|alert| alert.kind), Some(AlertKind::Downgrade));
    assert!(all.iter().all(|alert| alert.detail.len() <= 300));
    assert!(begun.try_recv().is_err(), "a follower that is behind is told so");
    let page = alerts.page((Some(AlertKind::FailedLogin), None), Some(all[4].id), 2);
    assert_eq!(page.iter().map(|alert| alert.id).collect::<Vec<_>>(), [5, 6, 7].map(|n| all[n].id));
}

#[test]
fn what_stands_is_told_once_until_it_is_over() {
    let alerts = Alerts::new(Metrics::new());
    let silent = |subject: &str, detail: &str| Standing {
        kind: AlertKind::LoadMeterSilent,
        subject: subject.into(),
        detail: detail.into(),
    };
    let seen = || -> Vec<_> {
        let all = alerts.page((None, None), None, usize::MAX - 1).into_iter();
        all.map(|alert| (alert.subject.to_string(), alert.count, alert.standing)).collect()
    };
    let mut begun = alerts.follow();
    for n in 0..5 {
        alerts.stand(&[silent("north: M1", &n.to_string()), silent("north: M2", "x")]);
    }
    assert_eq!(seen(), ["north: M2", "north: M1"].map(|one| (one.into(), 1, Some(true))));
    assert_eq!(&*alerts.page((None, None), None, 10)[1].detail, "4");
    alerts.stand(&[silent("north: M2", "x")]);
    assert_eq!(seen()[1], ("north: M1".into(), 1, Some(false)));
    assert_eq!(alerts.page((None, Some(true)), None, 10).len(), 1);
    alerts.stand(&[silent("north: M1", "again")]);
    assert_eq!(seen(), [("north: M2".into(), 1, Some(false)), ("north: M1".into(), 2, Some(true))]);
    assert!(begun.try_recv().is_ok() && begun.try_recv().is_ok());
    assert!(begun.try_recv().is_err(), "what begins again so soon is the same episode");
}

#[test]
fn what_stands_is_not_pushed_out() {
    let alerts = Alerts::new(Metrics::new());
    let all = (0..PER_KIND + 50).map(|n| Standing {
        kind: AlertKind::LoadLimitIgnored,
        subject: format!("CS{n}/1"),
        detail: "d".into(),
    });
    let all: Vec<_> = all.collect();
    alerts.stand(&all);
    alerts.stand(&all);
    let kept = alerts.page((None, Some(true)), None, usize::MAX - 1);
    assert_eq!(kept.len(), PER_KIND);
    assert!(kept.iter().all(|alert| alert.count == 1), "none was told twice");
}
