//! Owns the tariff as it is priced: an OCPI Tariff object without what no price depends on. Must
//! never hold a number that is not whole.

use crate::restrictions::Restrictions;

/// A tariff. Money is in millionths of the currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tariff {
    pub(crate) taxation: Taxation,
    /// `start_date_time`, in ms since the epoch.
    pub(crate) valid_from: Option<i64>,
    /// `end_date_time`, in ms since the epoch.
    pub(crate) valid_until: Option<i64>,
    pub(crate) min_price: Limit,
    pub(crate) max_price: Limit,
    pub(crate) elements: Vec<Element>,
}

/// OCPI 2.3.0 `tax_included`; before that, prices are without taxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Taxation {
    /// `NO`: taxes come on top.
    #[default]
    OnTop,
    /// `YES`: prices contain the taxes.
    Inside,
    /// `N/A`: there are none.
    None,
}

/// A limit of the total, without and with taxes; each applies by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) excl: Option<i64>,
    pub(crate) incl: Option<i64>,
}

/// A TariffElement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) when: Restrictions,
    pub(crate) components: Vec<Component>,
}

/// A PriceComponent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) dimension: Dimension,
    /// Per kWh, hour or session.
    pub(crate) price: i64,
    /// In Wh or seconds; one or less changes nothing but the last Wh or second.
    pub(crate) step_size: u64,
    /// Empty when no tax is given, which is not a tax of zero.
    pub(crate) taxes: Vec<Rate>,
}

/// A tax: its name and its rate in millionths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) name: String,
    pub(crate) rate: i64,
}

/// TariffDimensionType.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    Energy,
    Time,
    ParkingTime,
    Flat,
}

impl Tariff {
    /// Every component of every element.
    pub(crate) fn components(&self) -> impl Iterator<Item = &Component> {
        self.elements.iter().flat_map(|element| &element.components)
    }
}

impl Element {
    /// The component of a dimension; the first, should there be two.
    pub(crate) fn component(&self, dimension: Dimension) -> Option<&Component> {
        self.components.iter().find(|component| component.dimension == dimension)
    }
}
