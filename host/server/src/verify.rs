//! Owns the proof of a CDR: the same plugin bytes, configuration and input have to make the same
//! lines and sums. Must never cut a session again, since time-zone data change.

use busbar_charging::fact::network::TariffPut;
use busbar_charging::fact::transaction::{CdrKind, CdrSealed};
use busbar_charging::pricing::PriceError;
use busbar_charging::pricing::bill::{Totals, add_up};
use busbar_charging::units::{Micros, Money};
use busbar_sandbox::configuration_hash;

use crate::node::Plugins;

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same to the last millionth.
    Same,
    /// What differs, or why it could not be run again.
    Differs(String),
}

/// Prices a CDR again and compares. Blocks for as long as the plugin takes.
pub fn verify(cdr: &CdrSealed, tariff: Option<&TariffPut>, plugins: &dyn Plugins) -> Verdict {
    match try_verify(cdr, tariff, plugins) {
        Ok(()) => Verdict::Same,
        Err(why) => Verdict::Differs(why),
    }
}

fn try_verify(
    cdr: &CdrSealed,
    tariff: Option<&TariffPut>,
    plugins: &dyn Plugins,
) -> Result<(), String> {
    let quote = &cdr.quote;
    let tariff = tariff.ok_or_else(|| {
        format!("version {} of tariff {} is not kept", quote.version, quote.tariff)
    })?;
    let (configuration, currency) = (&*tariff.configuration, tariff.currency);
    if configuration_hash(configuration, currency) != quote.configuration_hash {
        return Err("the tariff's configuration is not the one that priced it".into());
    }
    let lines = plugins
        .price(quote.plugin_hash, configuration, currency, &cdr.input)
        .map_err(|error| format!("it cannot be priced again: {}", sentence(&error)))?;
    if let Some(index) = first_difference(&lines, &cdr.lines) {
        return Err(format!("line {index} differs"));
    }
    let totals = add_up(&lines, currency, tariff.prepared.negative_prices)
        .map_err(|error| format!("its lines do not add up: {}", sentence(&error)))?;
    let totals = if cdr.kind == CdrKind::Charge { totals } else { negated(totals) };
    if totals != cdr.totals {
        return Err(format!(
            "the sum is {} and the CDR says {}",
            totals.payable, cdr.totals.payable
        ));
    }
    Ok(())
}

fn first_difference<T: PartialEq>(left: &[T], right: &[T]) -> Option<usize> {
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    (same < left.len().max(right.len())).then_some(same)
}

fn negated(totals: Totals) -> Totals {
    let minus = |amount: Micros| Micros(amount.0.saturating_neg());
    Totals {
        excl_tax: minus(totals.excl_tax),
        incl_tax: minus(totals.incl_tax),
        payable: Money { amount: minus(totals.payable.amount), ..totals.payable },
    }
}

/// What a price error says, in one sentence.
pub fn sentence(error: &PriceError) -> String {
    match error {
        PriceError::InvalidConfiguration { at, message } => {
            format!("the configuration is invalid at {at:?}: {message}")
        }
        PriceError::InvalidSession { at, message } => {
            format!("the session is invalid at {at:?}: {message}")
        }
        PriceError::NotApplicable(message) => format!("the tariff does not apply: {message}"),
        PriceError::Internal(message) => format!("the plugin failed: {message}"),
        PriceError::Misbehaved(message) => format!("the plugin was stopped: {message}"),
    }
}

#[cfg(test)]
mod tests;
