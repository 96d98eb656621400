//! Owns what the host must know beside the compiled form: where to cut, and what to show a driver
//! before the session. Order of display: per kWh, per minute, per session, other (AFIR, Art. 5).
//! Must never decide a price.

use busbar_sdk::money::mul_div;
use busbar_sdk::{Boundaries, PriceComponent, PriceUnit};

use crate::local;
use crate::restrictions::{Reservation, Restrictions};
use crate::tariff::{Component, Dimension, Limit, Tariff, Taxation};

const DAYS: &[&str] = &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Every point at which an element may become active or inactive. Days of the week need none: the
/// host cuts at every local midnight.
pub(crate) fn boundaries(tariff: &Tariff) -> Boundaries {
    let mut all = Boundaries::none();
    let mut days = vec![];
    for when in tariff.elements.iter().map(|element| &element.when) {
        all.times_of_day.extend([when.start_time, when.end_time].into_iter().flatten());
        days.extend([when.start_date, when.end_date].into_iter().flatten());
        all.energies.extend([when.min_energy, when.max_energy].into_iter().flatten());
        all.durations.extend([when.min_duration, when.max_duration].into_iter().flatten());
    }
    days.sort_unstable();
    days.dedup();
    all.dates = days.into_iter().map(local::date_of).collect();
    all.times_of_day.retain(|&time| time != 0);
    all.times_of_day.sort_unstable();
    all.times_of_day.dedup();
    for list in [&mut all.energies, &mut all.durations] {
        list.retain(|&edge| edge != 0);
        list.sort_unstable();
        list.dedup();
    }
    all
}

/// The prices in the order of display, then the limits of the total and what is not charged.
pub(crate) fn components(tariff: &Tariff, ignored: &[String]) -> Vec<PriceComponent> {
    let tax_included = tariff.taxation == Taxation::Inside;
    let mut shown: Vec<_> = tariff
        .elements
        .iter()
        .flat_map(|element| element.components.iter().map(|component| (&element.when, component)))
        .map(|(when, component)| shown(when, component, tax_included))
        .collect();
    shown.sort_by_key(|component| component.unit as u8);
    shown.extend(limit("at least", tariff.min_price));
    shown.extend(limit("at most", tariff.max_price));
    let other = |description: &String| PriceComponent {
        unit: PriceUnit::Other,
        price: 0,
        tax_included,
        description: description.clone(),
    };
    shown.extend(ignored.iter().map(other));
    shown
}

fn shown(when: &Restrictions, component: &Component, tax_included: bool) -> PriceComponent {
    let (unit, words) = match (component.dimension, when.reservation) {
        (Dimension::Energy, _) => (PriceUnit::PerKwh, "energy"),
        (Dimension::Time, None) => (PriceUnit::PerMinute, "charging"),
        (Dimension::Time, Some(Reservation::Reservation)) => (PriceUnit::PerMinute, "reservation"),
        (Dimension::Time, Some(Reservation::Expires)) => {
            (PriceUnit::PerMinute, "expired reservation")
        }
        (Dimension::ParkingTime, _) => (PriceUnit::PerMinute, "parking"),
        (Dimension::Flat, None) => (PriceUnit::PerSession, "start fee"),
        (Dimension::Flat, Some(Reservation::Reservation)) => {
            (PriceUnit::PerSession, "reservation fee")
        }
        (Dimension::Flat, Some(Reservation::Expires)) => {
            (PriceUnit::PerSession, "expired reservation fee")
        }
    };
    let price = match unit {
        // Per hour in OCPI. A sixtieth always fits.
        PriceUnit::PerMinute => mul_div(component.price, 1, 60).unwrap_or(component.price),
        _ => component.price,
    };
    PriceComponent { unit, price, tax_included, description: described(words, when) }
}

fn limit(words: &str, limit: Limit) -> Vec<PriceComponent> {
    let other = |price, tax_included| PriceComponent {
        unit: PriceUnit::Other,
        price,
        tax_included,
        description: format!("{words}, per session"),
    };
    let excl = limit.excl.map(|price| other(price, false));
    let incl = limit.incl.map(|price| other(price, true));
    excl.into_iter().chain(incl).collect()
}

fn described(words: &str, when: &Restrictions) -> String {
    let mut parts = vec![words.to_owned()];
    let mut range = |unit: &str, min: Option<String>, max: Option<String>| match (min, max) {
        (Some(min), Some(max)) => parts.push(format!("{min} to {max}{unit}")),
        (Some(min), None) => parts.push(format!("from {min}{unit}")),
        (None, Some(max)) => parts.push(format!("below {max}{unit}")),
        (None, None) => {}
    };
    let clock = |time: u32| format!("{:02}:{:02}", time / 3_600_000, time / 60_000 % 60);
    let midnight = when.start_time.map(|_| "24:00".to_owned());
    let end_time = when.end_time.map(|end| if end == 0 { "24:00".into() } else { clock(end) });
    let start_time = when.start_time.or(when.end_time.map(|_| 0)).map(clock);
    range("", start_time, end_time.or(midnight));
    range("", when.start_date.map(local::date_of), when.end_date.map(local::date_of));
    let scaled = |number: Option<u64>, places| number.map(|number| decimal(number, places));
    range(" kWh", scaled(when.min_energy, 6), scaled(when.max_energy, 6));
    range(" kW", scaled(when.min_power, 3), scaled(when.max_power, 3));
    range(" A", scaled(when.min_current, 3), scaled(when.max_current, 3));
    let minutes = |span: Option<u64>| span.map(|span| decimal(span / 60, 3));
    range(" min", minutes(when.min_duration), minutes(when.max_duration));
    if when.days != 0 {
        let given = (0..7).filter(|day| when.days & 1 << day != 0);
        parts.push(given.map(|day: usize| DAYS[day]).collect::<Vec<_>>().join(" "));
    }
    parts.join(", ")
}

/// A number with as many decimals as it needs.
fn decimal(number: u64, places: u32) -> String {
    let one = 10_u64.pow(places);
    let fraction = format!("{:0width$}", number % one, width = places as usize);
    let text = format!("{}.{fraction}", number / one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
