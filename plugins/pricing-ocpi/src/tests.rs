//! The rules of OCPI, one table each, and the golden cases.

mod billed;
mod configured;
mod golden;
mod limited;
mod random;

use busbar_sdk::{Activity, Configuration, Error, Line, Period, Prepared, Pricing, Session};

use crate::OcpiPricing;

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

/// A tariff of these elements, and what else belongs into it.
fn tariff(elements: &str, more: &str) -> String {
    format!(r#"{{"id": "T", "currency": "EUR", "elements": [{elements}]{more}}}"#)
}

/// An element: its components, each as type, price and step size, and its restrictions.
fn element(components: &[(&str, &str, u64)], restrictions: &str) -> String {
    let component = |(kind, price, step): &(&str, &str, u64)| {
        format!(r#"{{"type": "{kind}", "price": {price}, "step_size": {step}}}"#)
    };
    let components: Vec<_> = components.iter().map(component).collect();
    let components = components.join(",");
    format!(r#"{{"price_components": [{components}], "restrictions": {{{restrictions}}}}}"#)
}

fn prepared(text: &str) -> Result<Prepared, Error> {
    OcpiPricing::prepare(&Configuration { text: text.into(), currency: "EUR".into() })
}

/// Periods one after the other: activity, minutes, Wh. The first starts on 2026-01-01, 12:00 UTC.
fn session(periods: &[(Activity, i64, u64)]) -> Session {
    let mut end = 1_767_268_800_000;
    let start = end;
    let period = |&(activity, minutes, energy): &(Activity, i64, u64)| {
        let start = end;
        end += minutes * MINUTE;
        Period {
            start,
            end,
            utc_offset: 60,
            activity,
            energy: energy * 1_000,
            min_power: None,
            max_power: None,
            min_current: None,
            max_current: None,
        }
    };
    let periods = periods.iter().map(period).collect();
    Session { start, end, periods, complete: true, attributes: vec![] }
}

fn priced(text: &str, session: &Session) -> Result<Vec<Line>, Error> {
    OcpiPricing::price(&prepared(text).unwrap().compiled, session)
}

/// Description, quantity and amount of every line.
fn lines(text: &str, session: &Session) -> Vec<(String, i64, i64)> {
    let lines = priced(text, session).unwrap();
    lines.into_iter().map(|line| (line.description, line.quantity, line.amount)).collect()
}

/// Without and with taxes.
fn totals(lines: &[Line]) -> (i64, i64) {
    lines.iter().fold((0, 0), |(excl, incl), line| {
        let taxes: i64 = line.taxes.iter().map(|tax| tax.amount).sum();
        match line.tax_included {
            true => (excl + line.amount - taxes, incl + line.amount),
            false => (excl + line.amount, incl + line.amount + taxes),
        }
    })
}
