//! Who floods, and who only has much to say.

use std::time::Duration;

use tokio::time::Instant;

use super::{Doing, Flood};

#[test]
fn who_waits_for_answers_empties_any_queue_and_who_does_not_is_closed() {
    let began = Instant::now();
    let (mut flood, borne) = (Flood::default(), Duration::from_secs(30));
    let mut at = |seconds, ahead| flood.used_up(ahead, borne, began + Duration::from_secs(seconds));
    for second in 0..3600 {
        assert_eq!(at(second, false), Doing::Waiting);
    }
    assert_eq!(at(3600, true), Doing::Flooding);
    assert_eq!(at(3629, true), Doing::FloodingOn);
    assert_eq!(at(3629, false), Doing::Waiting, "two messages at once are no flood");
    assert_eq!(at(3630, true), Doing::Flooding);
    assert_eq!(at(3660, true), Doing::FloodingTooLong);
}
