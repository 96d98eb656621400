//! Owns what is charged: for each dimension the component of the first active element, gathered
//! into lines, and the step sizes. Rules: OCPI `mod_tariffs` (Tariff, TariffElement,
//! PriceComponent) and `mod_cdrs` (step_size). Must never know a total.

use busbar_sdk::{Activity, Dimension as Charged, Error, Line, QuantityUnit, Session};

use crate::pieces::{Piece, Purpose};
use crate::tariff::{Component, Dimension, Tariff, Taxation};

/// The lines of the bill, without minimum and maximum price.
///
/// # Errors
/// [`Error::NotApplicable`] when no element is ever active, [`Error::InvalidSession`] when an
/// amount is too large.
pub(crate) fn lines(
    tariff: &Tariff,
    pieces: &[Piece],
    session: &Session,
) -> Result<Vec<Line>, Error> {
    let mut bill = Bill { tariff, session, entries: vec![], last_time: None, is_covered: false };
    let is_expired = pieces.iter().any(|piece| piece.activity == Activity::ReservationExpired);
    for piece in pieces {
        match piece.is_reserved() {
            true => bill.reservation(piece, is_expired),
            false => bill.charging(piece),
        }
    }
    if !bill.is_covered {
        let why = "no element of the tariff is active at any time of the session";
        return Err(Error::NotApplicable(why.into()));
    }
    bill.round_up_to_steps()?;
    let lines = bill.entries.iter().map(|entry| entry.line(tariff.taxation, session));
    lines.collect()
}

/// What an entry charges for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Energy,
    Charging,
    Parking,
    Flat,
    Reserved,
    ReservationFee,
    Expired,
    ExpiryFee,
}

struct Bill<'t> {
    tariff: &'t Tariff,
    session: &'t Session,
    entries: Vec<Entry<'t>>,
    /// The entry of the last priced charging or parking time.
    last_time: Option<usize>,
    is_covered: bool,
}

/// Consecutive pieces that one component prices.
struct Entry<'t> {
    kind: Kind,
    component: &'t Component,
    /// In mWh, ms or thousandths of one.
    quantity: u64,
    start: i64,
    end: i64,
}

impl<'t> Bill<'t> {
    fn charging(&mut self, piece: &Piece) {
        self.cover(piece, Purpose::Charging);
        let find = |this: &Self, dimension| this.component(piece, Purpose::Charging, dimension);
        if !self.has(Kind::Flat)
            && let Some(component) = find(self, Dimension::Flat)
        {
            self.add_fee(Kind::Flat, component, piece);
        }
        if piece.energy > 0
            && let Some(component) = find(self, Dimension::Energy)
        {
            self.add(Kind::Energy, component, piece.energy, piece);
        }
        // Whoever holds the energy back decides: only the car makes it parking. Time for which our
        // own load control or the station stopped the flow is charging time.
        let (kind, dimension) = match piece.activity {
            Activity::PausedByCar | Activity::Idle => (Kind::Parking, Dimension::ParkingTime),
            _ => (Kind::Charging, Dimension::Time),
        };
        if piece.length() > 0
            && let Some(component) = find(self, dimension)
        {
            self.last_time = Some(self.add(kind, component, piece.length(), piece));
        }
    }

    /// An expired reservation costs the time by RESERVATION_EXPIRES where an element has it, else
    /// by RESERVATION, and both fees (OCPI ReservationRestrictionType).
    fn reservation(&mut self, piece: &Piece, is_expired: bool) {
        self.cover(piece, Purpose::Reservation);
        if is_expired {
            self.cover(piece, Purpose::Expiry);
        }
        let mut fees = vec![(Kind::ReservationFee, Purpose::Reservation)];
        let mut times = vec![(Kind::Reserved, Purpose::Reservation)];
        if is_expired {
            fees.push((Kind::ExpiryFee, Purpose::Expiry));
            times.insert(0, (Kind::Expired, Purpose::Expiry));
        }
        for (kind, purpose) in fees {
            if !self.has(kind)
                && let Some(component) = self.component(piece, purpose, Dimension::Flat)
            {
                self.add_fee(kind, component, piece);
            }
        }
        let time = times.into_iter().find_map(|(kind, purpose)| {
            Some((kind, self.component(piece, purpose, Dimension::Time)?))
        });
        if piece.length() > 0
            && let Some((kind, component)) = time
        {
            self.add(kind, component, piece.length(), piece);
        }
    }

    /// Remembers whether any element was ever active.
    fn cover(&mut self, piece: &Piece, purpose: Purpose) {
        let mut elements = self.tariff.elements.iter();
        self.is_covered =
            self.is_covered || elements.any(|element| element.when.hold(piece, purpose));
    }

    /// Of the first element in the list that has the dimension and is active.
    fn component(
        &self,
        piece: &Piece,
        purpose: Purpose,
        dimension: Dimension,
    ) -> Option<&'t Component> {
        self.tariff.elements.iter().find_map(|element| {
            let component = element.component(dimension)?;
            element.when.hold(piece, purpose).then_some(component)
        })
    }

    fn has(&self, kind: Kind) -> bool {
        self.entries.iter().any(|entry| entry.kind == kind)
    }

    /// Once; for the rest of the session.
    fn add_fee(&mut self, kind: Kind, component: &'t Component, piece: &Piece) {
        let (start, end) = (piece.start, self.session.end);
        self.entries.push(Entry { kind, component, quantity: 1_000, start, end });
    }

    /// Adds to the last entry of this kind when the same component made it.
    fn add(&mut self, kind: Kind, component: &'t Component, quantity: u64, piece: &Piece) -> usize {
        let last = self.entries.iter().rposition(|entry| entry.kind == kind);
        if let Some(index) = last
            && let Some(entry) = self.entries.get_mut(index)
            && std::ptr::eq(entry.component, component)
        {
            // Energy and time of a session fit 63 bits: `pieces` has checked both.
            entry.quantity = entry.quantity.saturating_add(quantity);
            entry.end = piece.end;
            return index;
        }
        let (start, end) = (piece.start, piece.end);
        self.entries.push(Entry { kind, component, quantity, start, end });
        self.entries.len() - 1
    }

    /// Once for energy; once for charging and parking time together, by the one that was priced
    /// last; once for the reservation, which is over before both (OCPI mod_cdrs, step_size).
    fn round_up_to_steps(&mut self) -> Result<(), Error> {
        let last =
            |kinds: &[Kind]| self.entries.iter().rposition(|entry| kinds.contains(&entry.kind));
        let lasts = [last(&[Kind::Energy]), last(&[Kind::Reserved, Kind::Expired]), self.last_time];
        for index in lasts.into_iter().flatten() {
            let Entry { kind, component, .. } = self.entries[index];
            // Wh in mWh, seconds in ms.
            let step = component.step_size.saturating_mul(1_000);
            let is_part = |other: Kind| match kind {
                Kind::Reserved | Kind::Expired => matches!(other, Kind::Reserved | Kind::Expired),
                _ => other == kind,
            };
            let parts = self.entries.iter().filter(|entry| is_part(entry.kind));
            let total: u64 = parts.map(|entry| entry.quantity).sum();
            let extra = match total.checked_next_multiple_of(step) {
                Some(billed) => billed - total,
                None if step == 0 => 0,
                None => return Err(too_large()),
            };
            self.entries[index].quantity += extra;
        }
        Ok(())
    }
}

impl Entry<'_> {
    fn line(&self, taxation: Taxation, session: &Session) -> Result<Line, Error> {
        let (charged, unit, words) = match self.kind {
            Kind::Energy => (Charged::Energy, QuantityUnit::Energy, "energy"),
            Kind::Charging => (Charged::ChargingTime, QuantityUnit::Time, "charging time"),
            Kind::Parking => (Charged::ParkingTime, QuantityUnit::Time, "parking time"),
            Kind::Flat => (Charged::Flat, QuantityUnit::Count, "start fee"),
            Kind::Reserved => (Charged::ReservationTime, QuantityUnit::Time, "reservation"),
            Kind::ReservationFee => (Charged::Flat, QuantityUnit::Count, "reservation fee"),
            Kind::Expired => {
                (Charged::ReservationExpired, QuantityUnit::Time, "expired reservation")
            }
            Kind::ExpiryFee => {
                (Charged::ReservationExpired, QuantityUnit::Count, "expired reservation")
            }
        };
        let quantity = i64::try_from(self.quantity).map_err(|_| too_large())?;
        let line = Line::new(charged, quantity, unit, self.component.price, session)?
            .described(words)
            .during(self.start, self.end);
        let taxes: Vec<_> =
            self.component.taxes.iter().map(|tax| (tax.name.as_str(), tax.rate)).collect();
        match taxation {
            Taxation::Inside => line.with_taxes_inside(&taxes),
            Taxation::OnTop | Taxation::None => line.plus_taxes(&taxes),
        }
    }
}

fn too_large() -> Error {
    Error::session("periods", "a quantity is too large")
}
