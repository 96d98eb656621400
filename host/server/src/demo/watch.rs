//! Owns what the demo knows of the host's bills and sessions: asked for over the API. Must never
//! compute a price.

use busbar_sim::load::api::Client;
use serde_json::Value;

/// Bills that are asked for at once.
const PAGE: usize = 100;

/// A bill, as the screen shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bill {
    pub(super) id: String,
    pub(super) station: String,
    pub(super) energy_wh: String,
    pub(super) started: String,
    pub(super) total: String,
    pub(super) currency: String,
    pub(super) lines: Vec<String>,
}

/// What is new since the last look.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    pub(super) bills: Vec<Bill>,
}

/// Follows the bills.
pub(super) struct Watcher {
    client: Client,
    newest: Option<Bill>,
    /// Bills so far.
    pub(super) count: usize,
    /// Sum of what is to be paid, in ten-thousandths.
    pub(super) sum: i64,
    /// Sessions that run.
    pub(super) open: usize,
    /// Sessions that are held for somebody to look at.
    pub(super) held: usize,
}

impl Watcher {
    pub(super) fn new(client: Client) -> Self {
        Self { client, newest: None, count: 0, sum: 0, open: 0, held: 0 }
    }

    /// The newest bill.
    pub(super) fn last(&self) -> Option<&Bill> {
        self.newest.as_ref()
    }

    /// Asks what is new.
    ///
    /// # Errors
    /// The API does not answer.
    pub(super) async fn look(&mut self) -> Result<News, String> {
        let page = self.get(&format!("/api/v1/cdrs?limit={PAGE}")).await?;
        let known = self.newest.as_ref().map(|bill| bill.id.clone());
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let fresh = items.iter().map(bill).take_while(|bill| Some(&bill.id) != known.as_ref());
        let mut bills: Vec<Bill> = fresh.collect();
        bills.reverse();
        for bill in &bills {
            self.count += 1;
            self.sum += ten_thousandths(&bill.total);
        }
        if let Some(last) = bills.last() {
            self.newest = Some(last.clone());
        }
        self.open = self.sessions("open").await?;
        self.held = self.sessions("held").await?;
        Ok(News { bills })
    }

    async fn sessions(&mut self, state: &str) -> Result<usize, String> {
        let page = self.get(&format!("/api/v1/sessions?state={state}&limit={PAGE}")).await?;
        Ok(page["items"].as_array().map_or(0, Vec::len))
    }

    async fn get(&mut self, path: &str) -> Result<Value, String> {
        let answer = self.client.request("GET", path, None).await;
        answer.map_err(|error| format!("{path}: {error}"))?.good(path)
    }
}

fn bill(cdr: &Value) -> Bill {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let lines = cdr["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    Bill {
        id: text(&cdr["id"]),
        station: text(&cdr["station_id"]),
        energy_wh: cdr["energy_wh"].to_string(),
        started: text(&cdr["started_at"]),
        total: text(&cdr["cost"]["payable"]),
        currency: text(&cdr["cost"]["currency"]),
        lines: lines.iter().map(line).collect(),
    }
}

fn line(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or("?").to_owned();
    let quantity = match line["unit"].as_str() {
        Some("1") => line["quantity"].to_string(),
        Some("ms") => {
            let seconds = line["quantity"].as_i64().unwrap_or(0) / 1000;
            format!("{}:{:02} min", seconds / 60, seconds % 60)
        }
        unit => format!("{} {}", line["quantity"], unit.unwrap_or("?")),
    };
    let per = match line["unit_price_per"].as_str() {
        Some("1") | None => String::new(),
        Some(per) => format!(" per {per}"),
    };
    let tax = line["taxes"].as_array().and_then(|taxes| taxes.first());
    let tax = tax.map(|tax| format!(" + {} % tax", tax["rate_percent"])).unwrap_or_default();
    format!(
        "{:<14}{:>14} at {}{per} = {}{tax}",
        text("dimension"),
        quantity,
        text("unit_price"),
        text("amount"),
    )
}

/// Decimal text as ten-thousandths; 0 when it is none.
fn ten_thousandths(text: &str) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let whole: i64 = whole.parse().unwrap_or(0);
    let digits: String = fraction.chars().chain("0000".chars()).take(4).collect();
    whole * 10_000 + sign * digits.parse::<i64>().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn money_is_added_without_losing_a_cent() {
        let sum: i64 =
            ["0.10", "0.20", "12.3456", "-1.05", "nonsense", "7"].map(ten_thousandths).iter().sum();
        assert_eq!(sum, 185_956);
    }

    #[test]
    fn a_line_says_how_its_amount_came_about() {
        let energy = json!({
            "dimension": "energy", "quantity": 12345.6, "unit": "Wh", "unit_price": "0.39",
            "unit_price_per": "kWh", "amount": "4.81", "taxes": [{ "rate_percent": 19 }],
        });
        let text = line(&energy);
        assert!(text.contains("12345.6 Wh at 0.39 per kWh = 4.81 + 19 % tax"), "{text}");
    }
}
