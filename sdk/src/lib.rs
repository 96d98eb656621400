//! A Busbar plugin in Rust is one trait and one macro. This crate owns the guest's half of the
//! contract in `wit/`; it must never offer a clock, randomness or I/O, and never use floats.
//!
//! A pricing plugin implements [`Pricing`] and names itself in [`export_pricing!`];
//! `examples/hello-pricing` is a whole one. It is a plain crate, tested by plain `cargo test`.

pub mod compiled;
pub mod json;
pub mod lines;
pub mod money;

mod errors;

#[doc(hidden)]
pub mod bindings;

pub use bindings::busbar::pricing::types::{
    Activity, Boundaries, Configuration, Dimension, Error, Fault, Line, NamedValue, Period,
    Prepared, PriceComponent, PriceUnit, QuantityUnit, Session, Tax,
};

/// A pricing plugin: a pure function in two steps.
///
/// The host calls each function in a fresh instance, so nothing is remembered between calls but
/// the compiled form.
pub trait Pricing {
    /// Checks a configuration and compiles it; called once per configuration.
    ///
    /// # Errors
    /// [`Error::InvalidConfiguration`] with a JSON pointer to what is wrong.
    fn prepare(config: &Configuration) -> Result<Prepared, Error>;

    /// Prices a session that the host has cut at the boundaries that `prepare` asked for.
    /// `compiled` is what `prepare` put into [`Prepared::compiled`].
    ///
    /// # Errors
    /// [`Error::NotApplicable`] when the tariff does not cover the session,
    /// [`Error::InvalidSession`] when the session cannot be priced.
    fn price(compiled: &[u8], session: &Session) -> Result<Vec<Line>, Error>;
}

/// Makes the type, which implements [`Pricing`], the plugin of this crate.
#[macro_export]
macro_rules! export_pricing {
    ($plugin:ty) => {
        const _: fn() = || {
            fn implements<T: $crate::Pricing>() {}
            implements::<$plugin>();
        };
        #[cfg(target_family = "wasm")]
        mod busbar_component {
            use super::*;
            struct Component;
            impl $crate::bindings::Guest for Component {
                fn prepare(
                    config: $crate::Configuration,
                ) -> Result<$crate::Prepared, $crate::Error> {
                    <$plugin as $crate::Pricing>::prepare(&config)
                }

                fn price(
                    compiled: Vec<u8>,
                    session: $crate::Session,
                ) -> Result<Vec<$crate::Line>, $crate::Error> {
                    <$plugin as $crate::Pricing>::price(&compiled, &session)
                }
            }
            $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        }
    };
}

impl Boundaries {
    /// No cuts beside those that the host always makes.
    pub fn none() -> Self {
        Self { times_of_day: vec![], dates: vec![], energies: vec![], durations: vec![] }
    }
}

impl Prepared {
    /// A compiled form that needs no cuts, shows no prices and depends on nothing but energy, time
    /// and what happened; set what is otherwise.
    pub fn plain(compiled: Vec<u8>) -> Self {
        Self {
            compiled,
            boundaries: Boundaries::none(),
            components: vec![],
            negative_prices: false,
            power_dependent: false,
        }
    }
}
