//! Owns the compiled form of a tariff. Its first number is the format; `price` refuses any other.
//! Must never read what another version wrote as if it were its own.

use busbar_sdk::Error;
use busbar_sdk::compiled::{Reader, Writer};

use crate::restrictions::{Reservation, Restrictions};
use crate::tariff::{Component, Dimension, Element, Limit, Rate, Tariff, Taxation};

const FORMAT: u64 = 1;

/// Writes the compiled form.
pub(crate) fn write(tariff: &Tariff) -> Vec<u8> {
    let taxation = match tariff.taxation {
        Taxation::OnTop => 0,
        Taxation::Inside => 1,
        Taxation::None => 2,
    };
    let mut writer = Writer::new().u64(FORMAT).u64(taxation);
    for number in [
        tariff.valid_from,
        tariff.valid_until,
        tariff.min_price.excl,
        tariff.min_price.incl,
        tariff.max_price.excl,
        tariff.max_price.incl,
    ] {
        writer = optional(writer, number);
    }
    writer = writer.u64(tariff.elements.len() as u64);
    tariff.elements.iter().fold(writer, write_element).finish()
}

/// Reads the compiled form.
///
/// # Errors
/// [`Error::Internal`] when `write` did not write it.
pub(crate) fn read(compiled: &[u8]) -> Result<Tariff, Error> {
    let mut reader = Reader::new(compiled);
    if reader.u64()? != FORMAT {
        return Err(foreign());
    }
    let taxation = match reader.u64()? {
        0 => Taxation::OnTop,
        1 => Taxation::Inside,
        2 => Taxation::None,
        _ => return Err(foreign()),
    };
    let mut next = || read_optional(&mut reader);
    let tariff = Tariff {
        taxation,
        valid_from: next()?,
        valid_until: next()?,
        min_price: Limit { excl: next()?, incl: next()? },
        max_price: Limit { excl: next()?, incl: next()? },
        elements: many(&mut reader, read_element)?,
    };
    match reader.is_done() {
        true => Ok(tariff),
        false => Err(foreign()),
    }
}

fn write_element(writer: Writer, element: &Element) -> Writer {
    let numbers = numbers(&element.when);
    let given = numbers.iter().enumerate().filter(|(_, number)| number.is_some());
    let writer = writer.u64(given.fold(0, |bits, (index, _)| bits | 1 << index));
    let writer = numbers.into_iter().flatten().fold(writer, Writer::i64);
    let writer = writer.u64(element.components.len() as u64);
    element.components.iter().fold(writer, |writer, component| {
        let dimension = match component.dimension {
            Dimension::Energy => 0,
            Dimension::Time => 1,
            Dimension::ParkingTime => 2,
            Dimension::Flat => 3,
        };
        let writer = writer.u64(dimension).i64(component.price).u64(component.step_size);
        let writer = writer.u64(component.taxes.len() as u64);
        component.taxes.iter().fold(writer, |writer, tax| writer.text(&tax.name).i64(tax.rate))
    })
}

/// Every restriction as a number, in a fixed order; `read_element` reads the same order.
fn numbers(when: &Restrictions) -> [Option<i64>; 14] {
    // Every one of these came from a decimal that fits.
    let signed = |number: Option<u64>| number.map(|number| number as i64);
    [
        when.start_time.map(i64::from),
        when.end_time.map(i64::from),
        when.start_date,
        when.end_date,
        signed(when.min_energy),
        signed(when.max_energy),
        signed(when.min_current),
        signed(when.max_current),
        signed(when.min_power),
        signed(when.max_power),
        signed(when.min_duration),
        signed(when.max_duration),
        (when.days != 0).then_some(i64::from(when.days)),
        when.reservation.map(|reservation| match reservation {
            Reservation::Reservation => 0,
            Reservation::Expires => 1,
        }),
    ]
}

fn read_element(reader: &mut Reader<'_>) -> Result<Element, Error> {
    let given = reader.u64()?;
    let mut index = 0;
    let mut next = || {
        let is_given = given & 1 << index != 0;
        index += 1;
        if is_given { reader.i64().map(Some) } else { Ok::<_, Error>(None) }
    };
    let mut times = [None; 2];
    for time in &mut times {
        *time = next()?.map(u32::try_from).transpose().map_err(|_| foreign())?;
    }
    let dates = [next()?, next()?];
    let mut quantities = [None; 8];
    for quantity in &mut quantities {
        *quantity = next()?.map(i64::unsigned_abs);
    }
    let [min_energy, max_energy, min_current, max_current, ..] = quantities;
    let [.., min_power, max_power, min_duration, max_duration] = quantities;
    let days = next()?.map_or(Ok(0), u8::try_from).map_err(|_| foreign())?;
    let reservation = next()?.map(|number| match number {
        0 => Reservation::Reservation,
        _ => Reservation::Expires,
    });
    let when = Restrictions {
        start_time: times[0],
        end_time: times[1],
        start_date: dates[0],
        end_date: dates[1],
        min_energy,
        max_energy,
        min_current,
        max_current,
        min_power,
        max_power,
        min_duration,
        max_duration,
        days,
        reservation,
    };
    Ok(Element { when, components: many(reader, read_component)? })
}

fn read_component(reader: &mut Reader<'_>) -> Result<Component, Error> {
    let dimension = match reader.u64()? {
        0 => Dimension::Energy,
        1 => Dimension::Time,
        2 => Dimension::ParkingTime,
        3 => Dimension::Flat,
        _ => return Err(foreign()),
    };
    let (price, step_size) = (reader.i64()?, reader.u64()?);
    let rate = |reader: &mut Reader<'_>| {
        Ok::<_, Error>(Rate { name: reader.text()?.into(), rate: reader.i64()? })
    };
    Ok(Component { dimension, price, step_size, taxes: many(reader, rate)? })
}

fn optional(writer: Writer, number: Option<i64>) -> Writer {
    match number {
        Some(number) => writer.u64(1).i64(number),
        None => writer.u64(0),
    }
}

fn read_optional(reader: &mut Reader<'_>) -> Result<Option<i64>, Error> {
    match reader.u64()? {
        0 => Ok(None),
        _ => reader.i64().map(Some),
    }
}

fn many<T>(
    reader: &mut Reader<'_>,
    one: impl Fn(&mut Reader<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    (0..reader.u64()?).map(|_| one(reader)).collect()
}

fn foreign() -> Error {
    Error::Internal("the compiled form is not one that this plugin wrote".into())
}

#[cfg(test)]
mod tests;
