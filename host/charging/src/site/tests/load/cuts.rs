//! What a cut leaves to cars that charge: whoever may go on is lowered, and not paused.

use super::host::{Host, accepted};
use super::one_row;
use super::world::Break;
use super::{amps, calls::charge};
use crate::action::Action;
use crate::fact::metering::ReportKind;
use crate::fact::station::Dialect;
use crate::input::{Input, Request, StationEvent};
use crate::load::external::Window;
use crate::load::kernel::tests::START;
use crate::load::rows::CircuitLimit;
use crate::units::{Current, Millis, Timestamp};

const CARS: usize = 3;

/// Three stations without a fallback, each with a car that draws what it may. Every limit is
/// acknowledged in the second in which it leaves.
struct Cars {
    host: Host,
    now: Timestamp,
    seq: i64,
}

impl Cars {
    fn charging() -> Self {
        let host = Host::new(Break::None, START, &one_row(CARS, 32, 0));
        let mut cars = Self { host, now: START, seq: 0 };
        for n in 0..CARS {
            cars.host.adopt(START, name(n).as_str().into());
            let (dialect, remote) = (Dialect::V201, "192.0.2.1:1".into());
            let (incarnation, security_profile) = (1, 1);
            cars.say(n, StationEvent::Connected { dialect, incarnation, remote, security_profile });
            let (vendor, model) = ("Test".into(), "true-true-Default".into());
            let (serial, firmware, reason) = (None, None, None);
            cars.say(n, StationEvent::Booted { vendor, model, serial, firmware, reason });
        }
        cars.pass(20);
        (0..CARS).for_each(|n| cars.draw(n, ReportKind::Started));
        cars.pass(300);
        cars
    }

    fn say(&mut self, n: usize, event: StationEvent) {
        let station = name(n).as_str().into();
        let input = Input::Station { station, generation: 1, call: None, event };
        self.host.input(self.now, input);
    }

    /// A car is measured to draw what its station was told.
    fn draw(&mut self, n: usize, kind: ReportKind) {
        self.seq += 1;
        let drawn = self.limits()[n];
        self.say(n, charge(kind, self.now, self.seq, &[("L1", drawn)]));
    }

    fn limits(&self) -> Vec<Current> {
        let view = self.host.site.load_view(self.now).unwrap();
        view.evses.iter().map(|evse| evse.limit).collect()
    }

    /// Seconds go by; gives how many cars were paused in the worst of them.
    fn pass(&mut self, seconds: i64) -> usize {
        let mut worst = 0;
        for second in 0..seconds {
            self.now = self.now.plus(Millis::from_secs(1));
            for action in self.host.due(self.now) {
                let Action::Command { station, command, .. } = action else { continue };
                let returned = accepted();
                self.host.input(self.now, Input::Command { station, command, returned });
            }
            if second % 10 == 9 && self.seq > 0 {
                (0..CARS).for_each(|n| self.draw(n, ReportKind::Updated));
            }
            let paused = self.limits().iter().filter(|limit| **limit == Current::ZERO).count();
            worst = worst.max(paused);
        }
        worst
    }

    fn cut(&mut self, limit: Current) {
        let limit = CircuitLimit { lines: Some([limit; 3]), power: None };
        let window = Window { from: self.now, until: Timestamp::NEVER, limit };
        let (circuit, source) = ("grid".into(), "dso".into());
        let windows = Some(vec![window]);
        self.host.ask(self.now, Request::LimitLoad { circuit, source, windows });
    }
}

fn name(n: usize) -> String {
    format!("CS-{n}")
}

#[test]
fn one_of_three_goes_on_when_there_is_room_for_one() {
    let mut cars = Cars::charging();
    assert!(cars.limits().iter().all(|limit| *limit >= amps(10)), "{:?}", cars.limits());
    cars.cut(amps(11));
    assert_eq!(cars.pass(2), 2, "{:?}", cars.limits());
    let on: Vec<_> = cars.limits().into_iter().filter(|limit| *limit > Current::ZERO).collect();
    assert_eq!(on, [amps(6)], "so that a message may be lost");
    assert_eq!(cars.pass(120), 2, "{:?}", cars.limits());
    assert_eq!(cars.limits().iter().map(|limit| limit.0).sum::<i64>(), 11_000);
}

#[test]
fn two_of_three_go_on_when_there_is_room_for_two() {
    let mut cars = Cars::charging();
    cars.cut(amps(13));
    assert_eq!(cars.pass(120), 1, "{:?}", cars.limits());
    let sum: i64 = cars.limits().iter().map(|limit| limit.0).sum();
    assert!((12_000..=13_000).contains(&sum), "{:?}", cars.limits());
}
