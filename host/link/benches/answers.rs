//! How long a connection takes from a frame to its answer, without socket and engine:
//! `cargo bench -p busbar-link`.

use std::hint::black_box;

use busbar_charging::action::{Action, Reply};
use busbar_charging::fact::Call;
use busbar_charging::fact::station::{Dialect, Registration};
use busbar_charging::ids::TransactionId;
use busbar_charging::input::Input;
use busbar_charging::units::{Millis, Timestamp};
use busbar_link::{Link, LinkConfig, LinkOutput};
use criterion::Criterion;

const NOW: Timestamp = Timestamp(1_790_000_000_123);

const STATUS_16: &str = concat!(
    r#"{"connectorId":1,"errorCode":"NoError","status":"Charging","#,
    r#""timestamp":"2026-09-21T14:13:20Z"}"#
);
const METER_16: &str = concat!(
    r#"{"connectorId":1,"transactionId":42,"meterValue":[{"timestamp":"2026-09-21T14:13:20Z","#,
    r#""sampledValue":[{"value":"15234","measurand":"Energy.Active.Import.Register","unit":"Wh"},"#,
    r#"{"value":"11040","measurand":"Power.Active.Import","unit":"W"}]}]}"#
);
const STATUS_201: &str = concat!(
    r#"{"timestamp":"2026-09-21T14:13:20Z","connectorStatus":"Occupied","evseId":1,"#,
    r#""connectorId":1}"#
);
const METER_201: &str = concat!(
    r#"{"eventType":"Updated","timestamp":"2026-09-21T14:13:20Z","#,
    r#""triggerReason":"MeterValuePeriodic","seqNo":17,"transactionInfo":{"transactionId":"T1"},"#,
    r#""meterValue":[{"timestamp":"2026-09-21T14:13:20Z","sampledValue":[{"value":15234,"#,
    r#""measurand":"Energy.Active.Import.Register"},{"value":11040,"#,
    r#""measurand":"Power.Active.Import"}]}]}"#
);

/// A connection of an accepted station, and the number of its next message.
struct Line {
    link: Link,
    next: u64,
}

impl Line {
    fn new(dialect: Dialect) -> Self {
        let mut config = LinkConfig::new("CS-1".into(), dialect, 7, 3);
        config.registration = Some(Registration::Accepted);
        let mut line = Self { link: Link::new(config, NOW), next: 0 };
        line.take();
        line
    }

    /// The call that waits for the core, or the frame that answers one.
    fn take(&mut self) -> (Option<Call>, Option<String>) {
        let mut taken = (None, None);
        while let Some(output) = self.link.poll() {
            match output {
                LinkOutput::Input(Input::Station { call, .. }) => taken.0 = call,
                LinkOutput::Send(frame) => taken.1 = Some(frame),
                _ => {}
            }
        }
        taken
    }

    /// Sends a call, answers for the core, and gives the frame that answers.
    fn answer(&mut self, action: &str, payload: &str, reply: &Reply) -> String {
        self.next += 1;
        let now = NOW.plus(Millis(self.next as i64));
        let frame = format!(r#"[2,"{:08}","{action}",{payload}]"#, self.next);
        self.link.receive(black_box(&frame), now);
        let (call, mut sent) = self.take();
        if let Some(call) = call {
            self.link.act(&Action::Reply { call, reply: reply.clone() }, now);
            sent = self.take().1;
        }
        sent.unwrap_or_default()
    }
}

fn answers(criterion: &mut Criterion) {
    let metered = Reply::Transaction {
        transaction: TransactionId::from("T1"),
        authorization: None,
        cost: None,
    };
    for (dialect, name, status, meter, meter_action) in [
        (Dialect::V16, "1.6", STATUS_16, METER_16, "MeterValues"),
        (Dialect::V201, "2.0.1", STATUS_201, METER_201, "TransactionEvent"),
    ] {
        for (what, action, payload, reply) in [
            ("heartbeat", "Heartbeat", "{}", &Reply::Received),
            ("status", "StatusNotification", status, &Reply::Received),
            ("meter value", meter_action, meter, &metered),
        ] {
            let mut line = Line::new(dialect);
            let first = line.answer(action, payload, reply);
            assert!(first.starts_with(r#"[3,"00000001","#), "{first}");
            criterion.bench_function(&format!("{name} {what}"), |bench| {
                bench.iter(|| line.answer(action, payload, reply));
            });
        }
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    answers(&mut criterion);
    criterion.final_summary();
}
