//! Owns what the events of a program mean at a time: which limits and prices hold when. A pure
//! function of what the VTN said. Must never let one event that cannot be read keep the others
//! from being heard, nor make a limit begin late or end early.

mod intervals;
mod timeline;

use std::collections::BTreeSet;

use busbar_charging::fact::load::PriceSlot;
use busbar_charging::load::external::{POWER_MOST, Window};
use busbar_charging::load::rows::CircuitLimit;
use busbar_charging::units::{Currency, Micros, Millis, Power, Timestamp};
use sha2::{Digest, Sha256};

use self::intervals::Stretch;
use self::timeline::{Span, resolve};
use super::wire::{Descriptor, Event, Named, Payload, Program, Rounding, scaled};

/// What begins later is told later.
pub(super) const HORIZON: Millis = Millis::from_secs(8 * 24 * 60 * 60);
/// So many limits and so many prices are told; the later ones when their time comes nearer.
pub(super) const MOST: usize = 1_000;
/// Nor is a kWh as dear, in millionths.
const DEAREST: i64 = 1_000_000_000_000;
const LIMIT: &str = "IMPORT_CAPACITY_LIMIT";
const PRICE: &str = "PRICE";

/// Whom they are for.
pub(super) struct Listener<'a> {
    /// As the VTN knows it: what is random by event is another for another.
    pub(super) ven: &'a str,
    /// In which prices are told.
    pub(super) currency: Currency,
}

/// What holds when.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Signals {
    /// In order of time; none overlap.
    pub(super) limits: Vec<Window>,
    /// In order of time; none overlap.
    pub(super) prices: Vec<PriceSlot>,
    /// What could not be read.
    pub(super) bad: Vec<Bad>,
    /// Types of payloads that nothing is made of.
    pub(super) unused: BTreeSet<String>,
}

/// An event that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bad {
    /// Its id, as far as it has one.
    pub(super) event: String,
    /// What is wrong with it.
    pub(super) why: String,
}

/// Who goes first where two are at the same time: the smaller.
type Rank = (u64, i64);

#[derive(Default)]
struct Spans {
    limits: Vec<Span<Rank, Power>>,
    prices: Vec<Span<Rank, Micros>>,
    unused: BTreeSet<String>,
}

/// Reads the events of a program, each as its JSON text. Of several at one time the one of the
/// smallest priority number holds; of those the lowest limit, and the price that was said last.
pub(super) fn signals(
    program: &Program,
    events: &[String],
    listener: &Listener<'_>,
    now: Timestamp,
) -> Signals {
    let mut signals = Signals::default();
    let (mut limits, mut prices) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for text in events {
        let named = serde_json::from_str::<Named>(text);
        let id = named.map_or_else(|_| "without an id".to_owned(), |named| named.id);
        // Pages move while they are read: the same event may stand on two.
        if !seen.insert(id.clone()) {
            continue;
        }
        match of_event(text, &id, program, listener, now) {
            Ok(spans) => {
                limits.extend(spans.limits);
                prices.extend(spans.prices);
                signals.unused.extend(spans.unused);
            }
            Err(why) => signals.bad.push(Bad { event: id, why }),
        }
    }
    let limit = |(from, until, power): (Timestamp, Timestamp, Power)| Window {
        from,
        until,
        limit: CircuitLimit { lines: None, power: Some(power) },
    };
    let price = |(from, until, price)| PriceSlot { from, until, price };
    signals.limits = ahead(limits, now).map(limit).collect();
    signals.prices = ahead(prices, now).map(price).collect();
    signals
}

/// What is not over, as far ahead as is told.
fn ahead<T: Copy + PartialEq>(
    spans: Vec<Span<Rank, T>>,
    now: Timestamp,
) -> impl Iterator<Item = (Timestamp, Timestamp, T)> {
    let resolved = resolve(spans).into_iter();
    resolved.filter(move |(from, until, _)| *until > now && *from < now.plus(HORIZON)).take(MOST)
}

fn of_event(
    text: &str,
    id: &str,
    program: &Program,
    listener: &Listener<'_>,
    now: Timestamp,
) -> Result<Spans, String> {
    let event: Event = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut spans = Spans::default();
    if event.program_id != program.id {
        return Ok(spans);
    }
    let intervals = event.intervals.as_deref().unwrap_or_default();
    let payloads = intervals.iter().flat_map(|interval| &interval.payloads);
    let (used, unused): (Vec<_>, Vec<_>) =
        payloads.map(|payload| &*payload.kind).partition(|kind| [LIMIT, PRICE].contains(kind));
    spans.unused.extend(unused.into_iter().take(MOST).map(str::to_owned));
    // How others are timed is no concern of ours.
    if used.is_empty() {
        return Ok(spans);
    }
    let said = intervals::said(&event, now)?;
    let priority = event.priority.map_or(u64::MAX, u64::from);
    for stretch in intervals::stretches(&event, now)? {
        for payload in stretch.payloads {
            let of = |why: String| format!("{}: {}: {why}", stretch.name, payload.kind);
            let descriptor = descriptor(&payload.kind, &event, program);
            match &*payload.kind {
                LIMIT => {
                    let power = limit(payload, descriptor).map_err(of)?;
                    let until = stretch.until.plus(delay(&stretch, listener, id));
                    let rank = (priority, power.0);
                    spans.limits.push(Span { from: stretch.from, until, rank, value: power });
                }
                PRICE => {
                    let price = price(payload, descriptor, listener).map_err(of)?;
                    let (from, until) = (stretch.from, stretch.until);
                    // Of those said at once the dearer one: it moves less into its time.
                    let rank = (priority, said.map_or(0, |said| -said.0));
                    spans.prices.push(Span { from, until, rank, value: price });
                }
                _ => {}
            }
        }
    }
    Ok(spans)
}

/// What the event says of a type, or its program.
fn descriptor<'a>(kind: &str, event: &'a Event, program: &'a Program) -> Option<&'a Descriptor> {
    let of = |all: &'a Option<Vec<Descriptor>>| {
        let is_report =
            |one: &&Descriptor| one.object_type.as_ref().is_some_and(|of| of.contains("REPORT"));
        let mut all = all.iter().flatten().filter(move |one| !is_report(one));
        all.find(|one| one.payload_type == kind)
    };
    of(&event.payload_descriptors).or_else(|| of(&program.payload_descriptors))
}

fn limit(payload: &Payload, descriptor: Option<&Descriptor>) -> Result<Power, String> {
    let units = descriptor.and_then(|one| one.units.as_deref());
    let scale = match units.map(str::to_ascii_uppercase).as_deref() {
        None | Some("KW") => 3,
        Some("W") => 0,
        Some(_) => {
            return Err(format!("its units are {:?}: KW and W are known", units.unwrap_or("")));
        }
    };
    let watts = one(payload, scale, Rounding::Down)?;
    if !(0..=POWER_MOST.0).contains(&watts) {
        return Err(format!("{watts} W is no limit"));
    }
    Ok(Power(watts))
}

fn price(
    payload: &Payload,
    descriptor: Option<&Descriptor>,
    listener: &Listener<'_>,
) -> Result<Micros, String> {
    let units = descriptor.and_then(|one| one.units.as_deref());
    if let Some(units) = units.filter(|units| !units.eq_ignore_ascii_case("KWH")) {
        return Err(format!("its units are {units:?}: KWH is known"));
    }
    let currency = descriptor.and_then(|one| one.currency.as_deref());
    if let Some(currency) = currency.filter(|code| *code != listener.currency.to_string()) {
        return Err(format!("its currency is {currency:?}, the site's is {}", listener.currency));
    }
    let price = one(payload, 6, Rounding::Nearest)?;
    if price.abs() > DEAREST {
        return Err(format!("{} is no price of a kWh", payload.values[0]));
    }
    Ok(Micros(price))
}

/// The one value of a payload.
fn one(payload: &Payload, scale: i32, rounding: Rounding) -> Result<i64, String> {
    let [value] = payload.values.as_slice() else {
        return Err(format!("it has {} values where one is expected", payload.values.len()));
    };
    scaled(value.get(), scale, rounding).ok_or_else(|| {
        let shown: String = value.get().chars().take(40).collect();
        format!("{shown} is no number that can be")
    })
}

/// By how much a limit ends late, so that not all cars of a grid come back at once: within
/// `randomizeStart`, the same whenever it is asked. That it does not begin late, as the standard
/// would let it, harms nobody.
fn delay(stretch: &Stretch<'_>, listener: &Listener<'_>, event: &str) -> Millis {
    if stretch.random.0 <= 0 || stretch.until == Timestamp::NEVER {
        return Millis(0);
    }
    let mut hash = Sha256::new();
    for part in [listener.ven, event] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
    let share = i128::from(u32::from_be_bytes([a, b, c, d]));
    let delay = i128::from(stretch.random.0) * share / i128::from(u32::MAX);
    Millis(i64::try_from(delay).unwrap_or(stretch.random.0))
}

#[cfg(test)]
mod tests;
