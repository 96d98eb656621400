//! A CDR that was changed anywhere does not verify.

use busbar_charging::fact::Actor;
use busbar_charging::fact::network::TariffPut;
use busbar_charging::fact::transaction::{CdrKind, CdrSealed, Quote};
use busbar_charging::ids::{CdrId, Hash, SessionId, VisitId};
use busbar_charging::pricing::bill::add_up;
use busbar_charging::pricing::{
    CutSession, Dimension, Line, PreparedTariff, PriceError, QuantityUnit,
};
use busbar_charging::units::{Currency, Energy, Micros, Timestamp};
use busbar_sandbox::configuration_hash;
use uuid::Uuid;

use super::{Verdict, negated, verify};
use crate::node::{Kept, Plugins};

/// Charges 0.35 per kWh for 10 kWh, whatever it is asked.
struct Always;

impl Plugins for Always {
    fn prepare(&self, _: Hash, _: &str, _: Currency) -> Result<(PreparedTariff, Hash), PriceError> {
        Err(PriceError::Internal("not asked".into()))
    }

    fn price(
        &self,
        plugin: Hash,
        _: &str,
        _: Currency,
        _: &CutSession,
    ) -> Result<Vec<Line>, PriceError> {
        if plugin == Hash([1; 32]) {
            Ok(vec![line()])
        } else {
            Err(PriceError::Internal("other".into()))
        }
    }

    fn keep(&self, _: &str, _: &[u8]) -> Result<Kept, String> {
        Err("not asked".into())
    }
}

fn line() -> Line {
    Line {
        dimension: Dimension::Energy,
        description: "energy".into(),
        quantity: 10_000_000,
        unit: QuantityUnit::Energy,
        unit_price: Micros(350_000),
        amount: Micros(3_500_000),
        tax_included: false,
        taxes: Vec::new(),
        start: Timestamp(0),
        end: Timestamp(1),
    }
}

fn tariff() -> TariffPut {
    let currency = Currency::parse("EUR").unwrap();
    TariffPut {
        at: Timestamp(0),
        actor: Actor::Clock,
        tariff: "t".into(),
        version: 1,
        valid_from: Timestamp(0),
        currency,
        plugin: "p".into(),
        plugin_hash: Hash([1; 32]),
        configuration: "{}".into(),
        configuration_hash: configuration_hash("{}", currency),
        prepared: PreparedTariff::default(),
        default: true,
    }
}

fn cdr() -> CdrSealed {
    let (start, end) = (Timestamp(0), Timestamp(1));
    let input =
        CutSession { start, end, periods: Vec::new(), complete: true, attributes: Vec::new() };
    CdrSealed {
        at: Timestamp(2),
        actor: Actor::Clock,
        cdr: CdrId(Uuid::nil()),
        kind: CdrKind::Charge,
        station: "CS".into(),
        transaction: "1".into(),
        session: SessionId(Uuid::nil()),
        visit: VisitId(Uuid::nil()),
        evse: None,
        connector: None,
        token: None,
        revision: 1,
        quote: Quote::from(&tariff()),
        repriced_from: None,
        reason: None,
        energy: Energy(10_000_000),
        input,
        lines: vec![line()],
        totals: add_up(&[line()], tariff().currency, false).unwrap(),
        signed: Vec::new(),
    }
}

fn differs(change: impl FnOnce(&mut CdrSealed, &mut TariffPut)) -> String {
    let (mut cdr, mut tariff) = (cdr(), tariff());
    change(&mut cdr, &mut tariff);
    match verify(&cdr, Some(&tariff), &Always) {
        Verdict::Differs(why) => why,
        Verdict::Same => panic!("a change was not seen"),
    }
}

#[test]
fn what_was_not_touched_is_the_same() {
    assert_eq!(verify(&cdr(), Some(&tariff()), &Always), Verdict::Same);
    let mut credit = cdr();
    credit.kind = CdrKind::Credit(CdrId(Uuid::nil()));
    credit.totals = negated(credit.totals);
    assert_eq!(verify(&credit, Some(&tariff()), &Always), Verdict::Same);
}

#[test]
fn every_change_is_seen() {
    let why = differs(|cdr, _| cdr.lines[0].amount = Micros(3_500_001));
    assert_eq!(why, "line 0 differs");
    assert_eq!(differs(|cdr, _| cdr.lines.push(line())), "line 1 differs");
    assert_eq!(differs(|cdr, _| cdr.lines.clear()), "line 0 differs");
    let why = differs(|cdr, _| cdr.totals.payable.amount = Micros(1_000_000));
    assert_eq!(why, "the sum is 3.50 EUR and the CDR says 1.00 EUR");
    let why = differs(|cdr, _| cdr.totals.excl_tax = Micros(1));
    assert!(why.starts_with("the sum is "), "{why}");
    let why = differs(|cdr, _| cdr.kind = CdrKind::Credit(CdrId(Uuid::nil())));
    assert!(why.starts_with("the sum is -3.50 EUR"), "{why}");
    let why = differs(|_, tariff| tariff.configuration = "{ }".into());
    assert_eq!(why, "the tariff's configuration is not the one that priced it");
    let why = differs(|_, tariff| tariff.currency = Currency::parse("SEK").unwrap());
    assert_eq!(why, "the tariff's configuration is not the one that priced it");
    let why = differs(|cdr, _| cdr.quote.plugin_hash = Hash([2; 32]));
    assert_eq!(why, "it cannot be priced again: the plugin failed: other");
    let gone = verify(&cdr(), None, &Always);
    assert_eq!(gone, Verdict::Differs("version 1 of tariff t is not kept".into()));
}
