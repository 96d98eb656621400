//! How long frames and messages take: `cargo bench -p busbar-ocpp`.

use busbar_ocpp::rpc::{self, Limits};
use busbar_ocpp::{Leniency, Version, v201};
use criterion::Criterion;
use std::hint::black_box;

/// A TransactionEvent with four measured values, 731 bytes, as stations send every minute.
const EVENT: &str = concat!(
    r#"{"eventType":"Updated","timestamp":"2024-03-01T12:00:00.000Z","triggerReason":"#,
    r#""MeterValuePeriodic","seqNo":17,"transactionInfo":{"transactionId":"#,
    r#""5f2c1d7e-8a30-4b9c-9d61-0c2f9d5b7a11","chargingState":"Charging"},"evse":{"id":1,"#,
    r#""connectorId":1},"meterValue":[{"timestamp":"2024-03-01T12:00:00.000Z","sampledValue":["#,
    r#"{"value":15234.5,"context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","#,
    r#""location":"Outlet","unitOfMeasure":{"unit":"Wh"}},{"value":16.1,"context":"#,
    r#""Sample.Periodic","measurand":"Current.Import","phase":"L1","unitOfMeasure":{"unit":"A"}},"#,
    r#"{"value":230.4,"context":"Sample.Periodic","measurand":"Voltage","phase":"L1-N","#,
    r#""unitOfMeasure":{"unit":"V"}},{"value":11040,"measurand":"Power.Active.Import"}]}]}"#
);

fn decode(payload: &str) -> v201::Request {
    match v201::Request::decode("TransactionEvent", payload, Leniency::Tolerant) {
        Ok(decoded) => decoded.message,
        Err(fault) => panic!("{}", fault.description),
    }
}

fn codec(criterion: &mut Criterion) {
    let frame = rpc::call("5f2c1d7e-8a30-4b9c-9d61-0c2f9d5b7a11", "TransactionEvent", EVENT);
    criterion.bench_function("split a frame", |bench| {
        bench.iter(|| rpc::parse(Version::V201, black_box(&frame), &Limits::default()).is_ok());
    });
    criterion.bench_function("decode", |bench| bench.iter(|| decode(black_box(EVENT))));
    let surplus = EVENT.replace(r#""seqNo":17"#, r#""seqNo":17,"surplus":1"#);
    criterion.bench_function("decode with a violation", |bench| {
        bench.iter(|| decode(black_box(&surplus)));
    });
    let message = decode(EVENT);
    criterion.bench_function("encode", |bench| bench.iter(|| black_box(&message).encode()));
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    codec(&mut criterion);
    criterion.final_summary();
}
