//! Owns the words of the answer: money as decimal strings, energy in Wh, time in ms. Must never
//! round.

use busbar_charging::pricing::bill::Totals;
use busbar_charging::pricing::{Line, QuantityUnit};
use busbar_charging::units::Micros;
use serde_json::{Value, json};

use super::{OcpiCase, Refusal};

/// A priced case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Exact, in millionths; negative for a credit.
    pub excl_vat: Micros,
    /// Exact, in millionths; negative for a credit.
    pub incl_vat: Micros,
    /// The lines as the plugin made them; of a credit with quantities and amounts negated.
    pub lines: Vec<Line>,
}

impl Answer {
    /// A credit is the same bill with the sign turned (OCPI `mod_cdrs`, CDR `credit`).
    pub(super) fn new(totals: Totals, mut lines: Vec<Line>, is_credit: bool) -> Self {
        let sign = if is_credit { -1 } else { 1 };
        let turned = |amount: Micros| Micros(amount.0.saturating_mul(sign));
        for line in &mut lines {
            line.quantity = line.quantity.saturating_mul(sign);
            line.amount = turned(line.amount);
            for tax in &mut line.taxes {
                tax.amount = turned(tax.amount);
            }
        }
        Self { excl_vat: turned(totals.excl_tax), incl_vat: turned(totals.incl_tax), lines }
    }

    pub(super) fn to_json(&self, case: &OcpiCase) -> Value {
        let decimals = case.currency.decimals();
        let money = |amount: Micros| amount.to_decimal(decimals);
        let lines: Vec<Value> = self.lines.iter().map(|item| line(item, &money)).collect();
        let mut answer = json!({
            "total_excl_vat": money(self.excl_vat),
            "total_incl_vat": money(self.incl_vat),
            "currency": case.currency.as_str(),
            "lines": lines,
        });
        put(&mut answer, "id", &case.id);
        if !case.warnings.is_empty() {
            put(&mut answer, "warnings", &json!(case.warnings));
        }
        answer
    }
}

/// The answer to a case without a price.
pub(super) fn refused(id: &Value, refusal: &Refusal) -> Value {
    let Refusal { error, at, message } = refusal;
    let mut answer = json!({ "error": error, "at": at, "message": message });
    put(&mut answer, "id", id);
    answer
}

fn line(line: &Line, money: &dyn Fn(Micros) -> String) -> Value {
    let (quantity, unit) = match line.unit {
        QuantityUnit::Energy => (thousandths(line.quantity), "Wh"),
        QuantityUnit::Time => (line.quantity.to_string(), "ms"),
        QuantityUnit::Count => (thousandths(line.quantity), "1"),
    };
    let taxes: Vec<Value> = line
        .taxes
        .iter()
        .map(|tax| {
            let rate = Micros(tax.rate).to_decimal(0);
            json!({ "name": tax.name, "rate": rate, "amount": money(tax.amount) })
        })
        .collect();
    json!({
        "dimension": line.dimension,
        "description": line.description,
        "quantity": quantity,
        "unit": unit,
        "unit_price": money(line.unit_price),
        "amount": money(line.amount),
        "tax_included": line.tax_included,
        "taxes": taxes,
        "start": line.start.to_string(),
        "end": line.end.to_string(),
    })
}

fn thousandths(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, part) = (value.unsigned_abs() / 1_000, value.unsigned_abs() % 1_000);
    match part {
        0 => format!("{sign}{whole}"),
        part => format!("{sign}{whole}.{part:03}").trim_end_matches('0').to_owned(),
    }
}

fn put(answer: &mut Value, key: &str, value: &Value) {
    if !value.is_null()
        && let Value::Object(fields) = answer
    {
        fields.insert(key.to_owned(), value.clone());
    }
}
