//! Owns the conversion between the words of version 0.1 and those of the host, field by field.
//! Must never change a value: what does not fit is an error.

use busbar_charging::pricing::{
    Activity, Boundaries, CutSession, Dimension, Line, Period, PreparedTariff, PriceComponent,
    PriceError, PriceUnit, QuantityUnit, Tax,
};
use busbar_charging::units::{Energy, Micros, Millis, Timestamp};

use super::bindings::busbar::pricing::types as wit;
use crate::error::shortened;

pub(super) fn session(session: &CutSession) -> Result<wit::Session, PriceError> {
    let mut periods = Vec::with_capacity(session.periods.len());
    for (index, found) in session.periods.iter().enumerate() {
        let unsigned = |field: &str, value: i64| {
            u64::try_from(value).map_err(|_| PriceError::InvalidSession {
                at: format!("periods.{index}.{field}"),
                message: format!("{value} is negative"),
            })
        };
        let optional =
            |field: &str, value: Option<i64>| value.map(|value| unsigned(field, value)).transpose();
        let Period { start, end, utc_offset, activity, energy, .. } = found;
        periods.push(wit::Period {
            start: start.0,
            end: end.0,
            utc_offset: *utc_offset,
            activity: self::activity(*activity),
            energy: unsigned("energy", energy.0)?,
            min_power: optional("min_power", found.min_power.map(|power| power.0))?,
            max_power: optional("max_power", found.max_power.map(|power| power.0))?,
            min_current: optional("min_current", found.min_current.map(|current| current.0))?,
            max_current: optional("max_current", found.max_current.map(|current| current.0))?,
        });
    }
    let attributes = session
        .attributes
        .iter()
        .map(|pair| wit::NamedValue { name: pair.name.clone(), value: pair.value.clone() })
        .collect();
    let (start, end) = (session.start.0, session.end.0);
    Ok(wit::Session { start, end, periods, complete: session.complete, attributes })
}

pub(super) fn prepared(prepared: wit::Prepared) -> Result<(PreparedTariff, Vec<u8>), PriceError> {
    let wit::Boundaries { times_of_day, dates, energies, durations } = prepared.boundaries;
    let boundaries = Boundaries {
        times_of_day,
        dates,
        energies: spans(&energies, "energies", Energy)?,
        durations: spans(&durations, "durations", Millis)?,
    };
    let components = prepared.components.into_iter().map(component).collect();
    let tariff = PreparedTariff {
        boundaries,
        components,
        negative_prices: prepared.negative_prices,
        power_dependent: prepared.power_dependent,
    };
    Ok((tariff, prepared.compiled))
}

pub(super) fn line(line: wit::Line) -> Line {
    let taxes = line.taxes.into_iter().map(|tax| Tax {
        name: shortened(tax.name),
        rate: tax.rate,
        amount: Micros(tax.amount),
    });
    Line {
        dimension: dimension(line.dimension),
        description: shortened(line.description),
        quantity: line.quantity,
        unit: match line.unit {
            wit::QuantityUnit::Energy => QuantityUnit::Energy,
            wit::QuantityUnit::Time => QuantityUnit::Time,
            wit::QuantityUnit::Count => QuantityUnit::Count,
        },
        unit_price: Micros(line.unit_price),
        amount: Micros(line.amount),
        tax_included: line.tax_included,
        taxes: taxes.collect(),
        start: Timestamp(line.start),
        end: Timestamp(line.end),
    }
}

pub(super) fn error(error: wit::Error) -> PriceError {
    let fault = |fault: wit::Fault| (shortened(fault.at), shortened(fault.message));
    match error {
        wit::Error::InvalidConfiguration(found) => {
            let (at, message) = fault(found);
            PriceError::InvalidConfiguration { at, message }
        }
        wit::Error::InvalidSession(found) => {
            let (at, message) = fault(found);
            PriceError::InvalidSession { at, message }
        }
        wit::Error::NotApplicable(why) => PriceError::NotApplicable(shortened(why)),
        wit::Error::Internal(why) => PriceError::Internal(shortened(why)),
    }
}

fn spans<T>(values: &[u64], field: &str, make: fn(i64) -> T) -> Result<Vec<T>, PriceError> {
    let mut made = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        match i64::try_from(*value) {
            Ok(value) => made.push(make(value)),
            Err(_) => {
                let words = format!("boundaries, {field}.{index}: {value} is beyond all bounds");
                return Err(PriceError::Misbehaved(words));
            }
        }
    }
    Ok(made)
}

fn component(component: wit::PriceComponent) -> PriceComponent {
    PriceComponent {
        unit: match component.unit {
            wit::PriceUnit::PerKwh => PriceUnit::PerKwh,
            wit::PriceUnit::PerMinute => PriceUnit::PerMinute,
            wit::PriceUnit::PerSession => PriceUnit::PerSession,
            wit::PriceUnit::Other => PriceUnit::Other,
        },
        price: Micros(component.price),
        tax_included: component.tax_included,
        description: shortened(component.description),
    }
}

fn activity(activity: Activity) -> wit::Activity {
    match activity {
        Activity::Charging => wit::Activity::Charging,
        Activity::PausedByCar => wit::Activity::PausedByCar,
        Activity::PausedByStation => wit::Activity::PausedByStation,
        Activity::PausedByLoadControl => wit::Activity::PausedByLoadControl,
        Activity::Reserved => wit::Activity::Reserved,
        Activity::ReservationExpired => wit::Activity::ReservationExpired,
        Activity::Idle => wit::Activity::Idle,
    }
}

fn dimension(dimension: wit::Dimension) -> Dimension {
    match dimension {
        wit::Dimension::Energy => Dimension::Energy,
        wit::Dimension::ChargingTime => Dimension::ChargingTime,
        wit::Dimension::ParkingTime => Dimension::ParkingTime,
        wit::Dimension::ReservationTime => Dimension::ReservationTime,
        wit::Dimension::ReservationExpired => Dimension::ReservationExpired,
        wit::Dimension::Flat => Dimension::Flat,
        wit::Dimension::Adjustment => Dimension::Adjustment,
        wit::Dimension::Other => Dimension::Other,
    }
}
