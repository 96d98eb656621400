//! Owns which facts tell a station's time.

use crate::fact::Fact;
use crate::fact::metering::{Measurand, Reading, ReadingContext, ReadingValue, Report, ReportKind};
use crate::fact::station::{ConnectorStatus, StationReported, StationStatus};
use crate::fact::transaction::{TransactionMetered, TransactionReported};
use crate::ids::{SessionId, VisitId};
use crate::load::kernel::heard::heard;
use crate::load::kernel::tests::START;
use crate::units::{Current, Millis, Timestamp};

const BEHIND: Millis = Millis::from_secs(-1_200);

fn status(reported: Timestamp, timed: bool) -> Fact {
    Fact::from(StationStatus {
        at: START,
        station: "CS-0".into(),
        evse: 1,
        connector: 1,
        status: ConnectorStatus::Available,
        reported,
        error: None,
        timed,
        transaction: None,
    })
}

fn reading(at: Timestamp) -> Reading {
    Reading {
        at,
        context: ReadingContext::Sample,
        measurand: Measurand::CurrentImport,
        phase: None,
        location: None,
        value: ReadingValue::Current(Current(6_000)),
    }
}

fn told(fact: &Fact) -> Option<Timestamp> {
    let heard = heard(fact)?;
    assert_eq!((heard.station.as_str(), heard.at), ("CS-0", START));
    Some(heard.reported)
}

#[test]
fn a_status_tells_the_time_where_the_station_gave_one() {
    let reported = START.plus(BEHIND);
    assert_eq!(told(&status(reported, true)), Some(reported));
    assert_eq!(told(&status(START, false)), None, "that is our own time");
    assert_eq!(told(&status(Timestamp(0), true)), None, "a clock that was never set");
}

#[test]
fn a_message_about_a_transaction_tells_the_time_of_its_newest_reading() {
    let first = START.plus(BEHIND);
    let last = first.plus(Millis::from_secs(50));
    let report = Report {
        kind: ReportKind::Updated,
        at: first,
        seq: None,
        trigger: "MeterValues".into(),
        offline: false,
        evse: Some(1),
        connector: Some(1),
        token: None,
        state: None,
        stopped_reason: None,
        remote_start: None,
        reservation: None,
        readings: vec![reading(last), reading(first)],
    };
    assert_eq!(told(&transaction(report.clone())), Some(last));
    assert_eq!(told(&transaction(Report { readings: Vec::new(), ..report.clone() })), Some(first));
    assert_eq!(told(&transaction(Report { offline: true, ..report })), None, "it was kept back");
    let metered = TransactionMetered {
        at: START,
        station: "CS-0".into(),
        transaction: "17".into(),
        readings: vec![reading(first), reading(last)],
    };
    assert_eq!(told(&Fact::from(metered.clone())), Some(last));
    assert_eq!(told(&Fact::from(TransactionMetered { readings: Vec::new(), ..metered })), None);
}

#[test]
fn other_facts_tell_no_time() {
    let (action, payload) = ("Heartbeat".into(), "{}".into());
    let other = StationReported { at: START, station: "CS-0".into(), action, payload };
    assert_eq!(told(&Fact::from(other)), None);
}

fn transaction(report: Report) -> Fact {
    let id = uuid::Uuid::from_u128(1);
    Fact::from(TransactionReported {
        at: START,
        station: "CS-0".into(),
        transaction: "17".into(),
        session: SessionId(id),
        visit: VisitId(id),
        report,
        authorization: None,
        orphan: false,
        waiting: None,
        quote: None,
        complete: false,
        settle: Millis::ZERO,
    })
}
