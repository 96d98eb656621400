//! Samples of the facts of transactions, prices and bills.

use busbar_charging::fact::metering::*;
use busbar_charging::fact::station::{Authorization, AuthorizationStatus, ConnectorStatus};
use busbar_charging::fact::transaction::*;
use busbar_charging::fact::{Actor, Fact};
use busbar_charging::ids::*;
use busbar_charging::pricing::bill::Totals;
use busbar_charging::pricing::*;
use busbar_charging::units::*;

use super::{at, station_call, tariff, token, uuid};

/// Every sample, with the name of its case.
pub(super) fn all() -> Vec<(&'static str, Fact)> {
    [reports(), prices(), holds(), bills(), whole()].concat()
}

fn station() -> StationId {
    "CP-1".into()
}

fn transaction() -> TransactionId {
    "7".into()
}

fn authorization() -> Authorization {
    let status = AuthorizationStatus::Accepted;
    Authorization { status, group: None, expires: None, master: false }
}

fn readings() -> Vec<Reading> {
    use Measurand::*;
    let reading = |measurand, value| Reading {
        at: at(10),
        context: ReadingContext::Sample,
        measurand,
        phase: Some("L1-N".into()),
        location: Some("Inlet".into()),
        value,
    };
    let volts = ReadingValue::Other { thousandths: 230_000, unit: "V".into() };
    let percent = ReadingValue::Other { thousandths: 55_500, unit: "Percent".into() };
    let signed = ReadingValue::Signed {
        data: "OCMF|{}|{}".into(),
        method: Some("ECDSA".into()),
        encoding: Some("OCMF".into()),
        public_key: Some("key".into()),
    };
    let begin = Reading {
        context: ReadingContext::Begin,
        phase: None,
        location: None,
        ..reading(EnergyImport, ReadingValue::Energy(Energy(1_234_567)))
    };
    vec![
        begin,
        Reading { context: ReadingContext::End, ..reading(EnergyImport, signed) },
        reading(EnergyImportInterval, ReadingValue::Energy(Energy(-1))),
        reading(EnergyExport, ReadingValue::Unreadable("12,5".into())),
        reading(PowerImport, ReadingValue::Power(Power(11_000))),
        reading(CurrentImport, ReadingValue::Current(Current(16_000))),
        reading(Voltage, volts),
        reading(StateOfCharge, percent),
        reading(Other("Frequency".into()), ReadingValue::Unreadable("?".into())),
    ]
}

fn report(kind: ReportKind, state: ChargingState) -> Report {
    Report {
        kind,
        at: at(10),
        seq: Some(2),
        trigger: "MeterValuePeriodic".into(),
        offline: true,
        evse: Some(1),
        connector: Some(1),
        token: Some(token()),
        state: Some(state),
        stopped_reason: Some("EVDisconnected".into()),
        remote_start: Some(5),
        reservation: Some(6),
        readings: readings(),
    }
}

fn quote() -> Quote {
    Quote::from(&tariff())
}

fn reported(report: Report) -> TransactionReported {
    TransactionReported {
        at: at(11),
        station: station(),
        transaction: transaction(),
        session: SessionId(uuid(2)),
        visit: VisitId(uuid(3)),
        report,
        authorization: Some(authorization()),
        orphan: true,
        waiting: Some(Waiting {
            call: station_call(),
            until: at(12),
            authorization: Some(authorization()),
        }),
        quote: Some(quote()),
        complete: true,
        settle: Millis(900_000),
    }
}

fn reports() -> Vec<(&'static str, Fact)> {
    use ChargingState::*;
    let mut all: Vec<(_, Fact)> = [
        ("started", report(ReportKind::Started, EvConnected)),
        ("charging", report(ReportKind::Updated, Charging)),
        ("suspended-ev", report(ReportKind::Updated, SuspendedEv)),
        ("suspended-evse", report(ReportKind::Updated, SuspendedEvse)),
        ("ended", report(ReportKind::Ended, Idle)),
    ]
    .into_iter()
    .map(|(case, report)| (case, reported(report).into()))
    .collect();
    let bare = Report {
        seq: None,
        offline: false,
        evse: None,
        connector: None,
        token: None,
        state: None,
        stopped_reason: None,
        remote_start: None,
        reservation: None,
        readings: Vec::new(),
        ..report(ReportKind::Updated, Idle)
    };
    let least = TransactionReported {
        authorization: None,
        orphan: false,
        waiting: None,
        quote: None,
        complete: false,
        ..reported(bare)
    };
    all.push(("least", least.into()));
    let metered = TransactionMetered {
        at: at(11),
        station: station(),
        transaction: transaction(),
        readings: readings(),
    };
    all.push(("full", metered.into()));
    let archived =
        TransactionArchived { at: at(20), station: station(), transaction: transaction() };
    all.push(("full", archived.into()));
    all
}

fn findings() -> Vec<Finding> {
    vec![
        Finding::MeterBackwards { at: at(1), by: Energy(5) },
        Finding::ImpossiblePower { at: at(1), energy: Energy(9), span: Millis(1) },
        Finding::ClockOff { by: Millis(-31_536_000_000) },
        Finding::UnreadableReading { at: at(1) },
        Finding::NoReadings,
        Finding::MissingEnd,
        Finding::MissingStart,
        Finding::EndBeforeStart,
        Finding::NotAuthorized,
        Finding::Contradiction { at: at(1) },
    ]
}

fn totals() -> Totals {
    let payable = Money { amount: Micros(12_340_000), currency: Currency::parse("EUR").unwrap() };
    Totals { excl_tax: Micros(10_371_234), incl_tax: Micros(12_341_768), payable }
}

fn prices() -> Vec<(&'static str, Fact)> {
    let wanted = |purpose| PriceWanted {
        at: at(13),
        station: station(),
        transaction: transaction(),
        attempt: 4,
        revision: 9,
        purpose,
        quote: quote(),
    };
    let priced = |totals| SessionPriced {
        at: at(14),
        station: station(),
        transaction: transaction(),
        attempt: 4,
        totals,
    };
    vec![
        ("running", wanted(PricePurpose::Running).into()),
        ("bill", wanted(PricePurpose::Bill).into()),
        ("proposal", wanted(PricePurpose::Proposal(findings())).into()),
        ("full", priced(Some(totals())).into()),
        ("failed", priced(None).into()),
    ]
}

fn errors() -> Vec<(&'static str, PriceError)> {
    let (place, message) = ("/elements/0".to_owned(), "no".to_owned());
    let configuration =
        PriceError::InvalidConfiguration { at: place.clone(), message: message.clone() };
    vec![
        ("configuration", configuration),
        ("session", PriceError::InvalidSession { at: place, message }),
        ("not-applicable", PriceError::NotApplicable("at night".into())),
        ("internal", PriceError::Internal("x".into())),
        ("misbehaved", PriceError::Misbehaved("a trap".into())),
    ]
}

fn holds() -> Vec<(&'static str, Fact)> {
    let held = |reason, proposal| SessionHeld {
        at: at(15),
        station: station(),
        transaction: transaction(),
        revision: 9,
        reason,
        proposal,
    };
    let review = HeldFor::Review(findings());
    let mut all: Vec<(_, Fact)> = vec![
        ("review", held(review, Some(proposal())).into()),
        ("no-tariff", held(HeldFor::NoTariff, None).into()),
    ];
    for (case, error) in errors() {
        all.push((case, held(HeldFor::Unpriced(error), None).into()));
    }
    let settled = SessionSettled {
        at: at(16),
        actor: Actor::User("ada".into()),
        station: station(),
        transaction: transaction(),
        revision: 9,
        reason: Some("a test".into()),
        void: true,
    };
    let opened = ReviewOpened {
        at: at(17),
        station: station(),
        transaction: transaction(),
        cdr: CdrId(uuid(4)),
        revision: 10,
        findings: findings(),
    };
    let asked = RepriceAsked {
        at: at(18),
        actor: Actor::User("ada".into()),
        station: station(),
        transaction: transaction(),
        quote: Some(quote()),
        reason: "the plugin is mended".into(),
    };
    all.extend([("full", settled.into()), ("full", opened.into()), ("full", asked.into())]);
    all
}

fn cut() -> CutSession {
    use Activity::*;
    let all = [
        Charging,
        PausedByCar,
        PausedByStation,
        PausedByLoadControl,
        Reserved,
        ReservationExpired,
        Idle,
    ];
    let period = |(n, activity)| Period {
        start: at(n),
        end: at(n + 1),
        utc_offset: -120,
        activity,
        energy: Energy(500),
        min_power: Some(Power(1)),
        max_power: Some(Power(2)),
        min_current: Some(Current(3)),
        max_current: None,
    };
    CutSession {
        start: at(0),
        end: at(7),
        periods: (0..).zip(all).map(period).collect(),
        complete: true,
        attributes: vec![NamedValue { name: "evse".into(), value: "1".into() }],
    }
}

fn lines() -> Vec<Line> {
    use Dimension::*;
    let all = [
        (Energy, QuantityUnit::Energy),
        (ChargingTime, QuantityUnit::Time),
        (ParkingTime, QuantityUnit::Time),
        (ReservationTime, QuantityUnit::Time),
        (ReservationExpired, QuantityUnit::Count),
        (Flat, QuantityUnit::Count),
        (Adjustment, QuantityUnit::Count),
        (Other, QuantityUnit::Count),
    ];
    let line = |(dimension, unit)| Line {
        dimension,
        description: "a line".into(),
        quantity: 22_000_000,
        unit,
        unit_price: Micros(490_000),
        amount: Micros(-10_780_000),
        tax_included: true,
        taxes: vec![Tax { name: "VAT".into(), rate: 190_000, amount: Micros(1) }],
        start: at(0),
        end: at(7),
    };
    all.into_iter().map(line).collect()
}

fn proposal() -> Proposal {
    Proposal { quote: quote(), input: cut(), lines: lines(), totals: totals() }
}

fn sealed(kind: CdrKind) -> CdrSealed {
    CdrSealed {
        at: at(19),
        actor: Actor::Clock,
        cdr: CdrId(uuid(4)),
        kind,
        station: station(),
        transaction: transaction(),
        session: SessionId(uuid(2)),
        visit: VisitId(uuid(3)),
        evse: Some(1),
        connector: Some(1),
        token: Some(token()),
        revision: 9,
        quote: quote(),
        repriced_from: Some(quote()),
        reason: Some("why".into()),
        energy: Energy(22_000_000),
        input: cut(),
        lines: lines(),
        totals: totals(),
        signed: readings(),
    }
}

fn bills() -> Vec<(&'static str, Fact)> {
    let least = CdrSealed {
        evse: None,
        connector: None,
        token: None,
        repriced_from: None,
        reason: None,
        signed: Vec::new(),
        ..sealed(CdrKind::Charge)
    };
    vec![
        ("full", sealed(CdrKind::Charge).into()),
        ("credit", sealed(CdrKind::Credit(CdrId(uuid(5)))).into()),
        ("least", least.into()),
    ]
}

fn record(billing: BillingRecord) -> TransactionRecord {
    let summed = SealedRecord {
        cdr: CdrId(uuid(4)),
        kind: CdrKind::Charge,
        totals: totals(),
        energy: Energy(22_000_000),
        start: at(0),
        end: at(7),
    };
    TransactionRecord {
        transaction: transaction(),
        session: SessionId(uuid(2)),
        visit: VisitId(uuid(3)),
        reports: vec![ReportRecord {
            received: at(11),
            report: report(ReportKind::Started, ChargingState::Charging),
            authorization: Some(authorization()),
        }],
        readings: readings(),
        statuses: vec![(at(3), ConnectorStatus::SuspendedEv)],
        orphan: true,
        complete: true,
        quote: Some(quote()),
        running: Some(totals()),
        attempts: 4,
        billing,
        settle: Millis(900_000),
        settle_left: Millis(1),
        last_received: at(11),
        last_recorded: at(12),
        cdrs: vec![summed],
        review: findings(),
    }
}

fn whole() -> Vec<(&'static str, Fact)> {
    let reopened = |billing| TransactionReopened {
        at: at(21),
        station: station(),
        whole: Box::new(record(billing)),
    };
    let held =
        BillingRecord::Held { revision: 9, reason: HeldFor::NoTariff, proposal: Some(proposal()) };
    let reprice = BillingRecord::Reprice {
        actor: Actor::User("ada".into()),
        quote: Some(quote()),
        reason: "why".into(),
    };
    vec![
        ("open", reopened(BillingRecord::Open).into()),
        ("done", reopened(BillingRecord::Done { revision: 9, void: true }).into()),
        ("held", reopened(held).into()),
        ("reprice", reopened(reprice).into()),
    ]
}
