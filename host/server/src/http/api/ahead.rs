//! `sites/{site}/load/wishes`, `prices`, `forecast` and `batteries`: what people say of what is to
//! come, and of what batteries hold, for the planner. Must never decide who gets what.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use busbar_charging::fact::Actor;
use busbar_charging::fact::load::{ForecastSlot, PriceSlot};
use busbar_charging::input::{CarWish, Request};
use busbar_charging::load::amount::{Amount, Watts};
use busbar_charging::load::rows::EvseId;
use busbar_charging::subject::Subject;
use busbar_charging::units::{Energy, Micros};
use serde::Deserialize;
use utoipa::ToSchema;

use super::PATIENCE;
use super::sites::{find, missing};
use crate::http::App;
use crate::http::body::{Json, Path};
use crate::http::guard::Caller;
use crate::http::names;
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::Time;

/// What the car at an EVSE needs, in the place of what was said before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WishPut {
    /// The transaction that it is for: no other will do. The one that runs where none is named.
    transaction_id: Option<String>,
    /// What it wants from now on, in Wh.
    #[schema(example = 20000)]
    energy_wh: Option<i64>,
    /// When it leaves.
    departure: Option<Time>,
    /// 0 is served before 1; 0 where nothing is said.
    #[schema(maximum = 9)]
    class: Option<u8>,
    /// True where it waits neither for a price nor for a random delay.
    #[serde(default)]
    at_once: bool,
    /// The most that the car takes on each phase. Once it charges it is seen; until then one of
    /// which this is not known is not planned to wait.
    #[schema(example = "16 A")]
    max_current: Option<String>,
}

/// What energy costs the site, in the place of what was said before; without any slot, nobody
/// knows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PricesPut {
    /// In order of time.
    slots: Vec<Price>,
}

/// What a kWh costs for a while.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    from: Time,
    until: Time,
    /// In the site's currency, as decimal text with up to six decimals; may be negative.
    #[schema(example = "0.2534")]
    per_kwh: String,
}

/// What the site is expected to generate and not to use itself, in the place of what was said
/// before.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForecastPut {
    /// In order of time.
    slots: Vec<Surplus>,
}

/// What is left over for charging for a while.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Surplus {
    from: Time,
    until: Time,
    /// `"12.5 kW"`.
    #[schema(value_type = String, example = "12.5 kW")]
    power: Watts,
}

/// What a battery holds and does.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatteryPut {
    /// 0 to 100, with up to one decimal, of the capacity that the tree says. After a quarter of an
    /// hour it counts no more.
    #[schema(value_type = f64, example = 57.5, minimum = 0, maximum = 100)]
    state_of_charge_percent: serde_json::Number,
    /// What it takes now on its AC side: `"2.5 kW"`; negative where it gives.
    #[schema(value_type = Option<String>, example = "-2.5 kW")]
    power: Option<Watts>,
}

/// Says what the car at an EVSE needs. It ends with the car's transaction.
#[utoipa::path(
    put, path = "/api/v1/sites/{site}/load/wishes/{station}/{evse}", tag = "sites",
    params(("site" = String, Path), ("station" = String, Path), ("evse" = u32, Path)),
    request_body = WishPut,
    responses(
        (status = 204), (status = 404, body = ProblemDetails),
        (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails),
    ),
)]
pub async fn wish(
    State(app): State<Arc<App>>,
    Path((id, station, evse)): Path<(String, String, u32)>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(put): Json<WishPut>,
) -> Result<StatusCode, Problem> {
    let energy = put.energy_wh.map(|wh| {
        // What is beyond all numbers is beyond all cars: it is refused as such.
        Energy(wh.saturating_mul(1_000))
    });
    let departure = put.departure.map(|Time(at)| at);
    let maximum = match put.max_current.as_deref().map(Amount::parse) {
        None => None,
        Some(Ok(Amount::Current(current))) => Some(current),
        Some(_) => {
            let detail = "a current with its unit, as \"16 A\"";
            return Err(Kind::InvalidBody.because(detail).at("/max_current", detail));
        }
    };
    let (class, at_once) = (put.class, put.at_once);
    let wish = CarWish { energy, departure, class, at_once, maximum };
    let evse = EvseId { station: names::station(&station)?, evse };
    let transaction = put.transaction_id.map(|id| id.as_str().into());
    tell(&app, &id, actor, Request::WishLoad { evse, transaction, wish }).await
}

/// Says what energy costs the site.
#[utoipa::path(
    put, path = "/api/v1/sites/{site}/load/prices", tag = "sites",
    params(("site" = String, Path)),
    request_body = PricesPut,
    responses(
        (status = 204), (status = 404, body = ProblemDetails),
        (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails),
    ),
)]
pub async fn prices(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(put): Json<PricesPut>,
) -> Result<StatusCode, Problem> {
    let slot = |(n, Price { from, until, per_kwh }): (usize, Price)| {
        let price = micros(&per_kwh).ok_or_else(|| {
            let why = format!("slots[{n}].per_kwh: {per_kwh:?} is no price as \"0.2534\" is");
            Kind::InvalidBody.because(why)
        })?;
        Ok(PriceSlot { from: from.0, until: until.0, price })
    };
    let slots = put.slots.into_iter().enumerate().map(slot);
    let slots = slots.collect::<Result<_, Problem>>()?;
    tell(&app, &id, actor, Request::PriceLoad { slots }).await
}

/// Says what surplus the site will have.
#[utoipa::path(
    put, path = "/api/v1/sites/{site}/load/forecast", tag = "sites",
    params(("site" = String, Path)),
    request_body = ForecastPut,
    responses(
        (status = 204), (status = 404, body = ProblemDetails),
        (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails),
    ),
)]
pub async fn forecast(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(put): Json<ForecastPut>,
) -> Result<StatusCode, Problem> {
    let slot = |Surplus { from, until, power: Watts(power) }| ForecastSlot {
        from: from.0,
        until: until.0,
        power,
    };
    let slots = put.slots.into_iter().map(slot).collect();
    tell(&app, &id, actor, Request::ForecastLoad { slots }).await
}

/// Says what a battery holds. Nothing is sent to it: `sites/{site}/load` shows what is planned for
/// it, and an energy manager follows that.
#[utoipa::path(
    put, path = "/api/v1/sites/{site}/load/batteries/{battery}", tag = "sites",
    params(
        ("site" = String, Path),
        ("battery" = String, Path, description = "As the tree names it"),
    ),
    request_body = BatteryPut,
    responses(
        (status = 204), (status = 404, body = ProblemDetails),
        (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails),
    ),
)]
pub async fn battery(
    State(app): State<Arc<App>>,
    Path((id, battery)): Path<(String, String)>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(put): Json<BatteryPut>,
) -> Result<StatusCode, Problem> {
    let told = put.state_of_charge_percent.to_string();
    let charge = thousandths(&told).ok_or_else(|| {
        let why = format!("state_of_charge_percent: {told} is no percentage as 57.5 is");
        Kind::InvalidBody.because(why)
    })?;
    let power = put.power.map(|Watts(power)| power);
    tell(&app, &id, actor, Request::TellBattery { battery: battery.into(), charge, power }).await
}

/// Percent with up to one decimal as thousandths of all; none of anything else.
fn thousandths(percent: &str) -> Option<u32> {
    let Micros(millionths) = micros(percent)?;
    let is_exact = millionths % 100_000 == 0;
    u32::try_from(millionths / 100_000).ok().filter(|charge| is_exact && *charge <= 1_000)
}

/// Asks a site that is there for something that has no answer but yes.
async fn tell(app: &App, id: &str, actor: Actor, request: Request) -> Result<StatusCode, Problem> {
    let site = names::site(id)?;
    find(app, &site).await?.ok_or_else(missing)?;
    app.node.ask(Subject::Site(site), actor, request, PATIENCE).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Decimal text as millionths; none where it is not a number of up to six decimals.
fn micros(text: &str) -> Option<Micros> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 6 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    let value = whole.checked_mul(1_000_000)?.checked_add(fraction)?;
    Some(Micros(sign * value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_read_exactly_or_not_at_all() {
        for (text, value) in [("57.5", 575), ("0", 0), ("100", 1_000), ("100.0", 1_000)] {
            assert_eq!(thousandths(text), Some(value), "{text}");
        }
        for text in ["-1", "100.1", "57.55", "1e2", "NaN", "4294967296"] {
            assert_eq!(thousandths(text), None, "{text}");
        }
    }

    #[test]
    fn a_price_is_read_exactly_or_not_at_all() {
        for (text, micros_) in [
            ("0.2534", 253_400),
            ("-0.000001", -1),
            ("12", 12_000_000),
            ("0", 0),
            ("-3.5", -3_500_000),
        ] {
            assert_eq!(micros(text), Some(Micros(micros_)), "{text}");
        }
        for text in ["", "-", ".5", "5.", "0.1234567", "1e3", "NaN", "0,25", "9223372036854775807"]
        {
            assert_eq!(micros(text), None, "{text}");
        }
    }
}
