//! Owns what an operator asks of a site: its stations, its held sessions.
//! Must never bill without a reason that the CDR records.

use super::Site;
use super::billing::accept_proposal;
use super::reports::{recall, reopened};
use super::station::Station;
use super::transaction::Transaction;
use crate::action::{Action, Done, Problem, Reply};
use crate::context::{Context, Outcome};
use crate::fact::site::{SitePut, SiteRemoved};
use crate::fact::station::{Registration, StationProfileReset, StationRegistered, StationRemoved};
use crate::fact::transaction::{BillingRecord, HeldFor, Quote, RepriceAsked, SessionSettled};
use crate::fact::{Actor, Call, Fact};
use crate::ids::{SiteId, StationId, TransactionId};
use crate::input::{Precondition, Request};
use crate::network::{done, problem, unmet};
use crate::subject::Subject;
use crate::units::Timestamp;

/// Who asks, and whom to answer.
pub(crate) struct Asking {
    pub(crate) now: Timestamp,
    pub(crate) actor: Actor,
    pub(crate) call: Option<Call>,
}

impl Site {
    pub(crate) fn operator(
        &self,
        context: &Context<'_>,
        asking: Asking,
        request: Request,
    ) -> Outcome {
        match request {
            Request::RegisterStation(registered, precondition) => {
                self.register(context, asking, *registered, precondition)
            }
            Request::RemoveStation(station) => self.remove(asking, station),
            Request::ResetProfile { station, reason } => {
                self.reset_profile(asking, station, reason)
            }
            Request::Command { .. } => {
                self.want_command(context, asking.now, asking.actor, asking.call, request)
            }
            Request::Reprice { station, transaction, quote, reason } => {
                let held = self.held(context, &station, &transaction);
                reprice(context, asking, held, quote, reason)
            }
            Request::Resolve { station, transaction, accept, reason } => {
                let held = self.held(context, &station, &transaction);
                resolve(context, asking, held, accept, reason)
            }
            Request::PutSite(put, precondition) => self.put_site(asking, *put, precondition),
            Request::RemoveSite(site, precondition) => {
                self.remove_site(context, asking, site, precondition)
            }
            Request::LimitLoad { circuit, source, windows } => {
                self.limit_load(asking, circuit, source, windows)
            }
            Request::MeterLoad { meter, lines, with_evses } => {
                self.meter_load(asking, meter, lines, with_evses)
            }
            Request::WishLoad { evse, transaction, wish } => {
                self.wish_load(asking, &evse, transaction, wish)
            }
            Request::PriceLoad { slots } => self.price_load(asking, slots),
            Request::ForecastLoad { slots } => self.forecast_load(asking, slots),
            Request::TellBattery { battery, charge, power } => {
                self.battery_load(asking, battery, charge, power)
            }
            _ => problem(asking.call, Problem::Invalid("this is asked of the network".into())),
        }
    }

    fn put_site(&self, asking: Asking, mut put: SitePut, precondition: Precondition) -> Outcome {
        if !matches!(&self.subject, Subject::Site(site) if *site == put.site) {
            return problem(asking.call, Problem::Invalid("this is asked of another site".into()));
        }
        let version = self.put().map(|put| put.version);
        if let Some(refused) = unmet(version, precondition) {
            return problem(asking.call, refused);
        }
        if let Some(wrong) = put.load.as_ref().and_then(super::load::what_is_wrong) {
            return problem(asking.call, Problem::Invalid(wrong));
        }
        put.at = asking.now;
        put.actor = asking.actor;
        put.version = version.unwrap_or(0) + 1;
        done(asking.call, Done::Version(put.version), put)
    }

    /// With its stations their sessions would be lost: they have to be elsewhere before.
    fn remove_site(
        &self,
        context: &Context<'_>,
        asking: Asking,
        site: SiteId,
        precondition: Precondition,
    ) -> Outcome {
        let version = self.put().map(|put| put.version);
        if !matches!(&self.subject, Subject::Site(own) if *own == site) || version.is_none() {
            return problem(asking.call, Problem::NotFound(format!("no site {site}")));
        }
        if let Some(refused) = unmet(version, precondition) {
            return problem(asking.call, refused);
        }
        if let Some(why) = self.in_use(context) {
            return problem(asking.call, Problem::Conflict(why));
        }
        let removed = SiteRemoved { at: asking.now, actor: asking.actor, site };
        done(asking.call, Done::Accepted, removed)
    }

    /// Why a site cannot be removed.
    fn in_use(&self, context: &Context<'_>) -> Option<String> {
        let open = self.counts().open;
        if open > 0 {
            return Some(format!("{open} sessions run at this site"));
        }
        if let Some(station) = self.stations().next() {
            let others = self.stations().count() - 1;
            let others = if others > 0 { format!(" and {others} more") } else { String::new() };
            let why = if station.removed {
                "it was removed here: register it again, place it elsewhere, remove it there"
            } else {
                "place them elsewhere first"
            };
            return Some(format!("{}{others} is at this site: {why}", station.id));
        }
        let coming = context.network.wanted_at(&self.subject)?;
        Some(format!("{coming} is to come to this site, or is on its way from it"))
    }

    fn register(
        &self,
        context: &Context<'_>,
        asking: Asking,
        mut registered: StationRegistered,
        precondition: Precondition,
    ) -> Outcome {
        let tariff = registered.tariff.as_ref();
        if let Some(unknown) = tariff.filter(|id| context.network.newest_tariff(id).is_none()) {
            return problem(asking.call, Problem::Invalid(format!("there is no tariff {unknown}")));
        }
        let known = self.station(&registered.station).filter(|station| !station.removed);
        let version = known.and_then(|s| s.registered.as_ref()).map(|r| r.version);
        if let Some(refused) = unmet(version, precondition) {
            return problem(asking.call, refused);
        }
        registered.at = asking.now;
        registered.actor = asking.actor;
        registered.version = version.unwrap_or(0) + 1;
        let version = registered.version;
        let accepts = registered.registration == Registration::Accepted
            && known.is_some_and(|s| s.standing().is_some() && !s.is_accepted());
        let connection = known.and_then(|s| s.connection.as_ref()).filter(|_| accepts);
        let accept = connection.map(|connection| Action::Accept {
            station: registered.station.clone(),
            generation: connection.generation,
        });
        let mut outcome = done(asking.call, Done::Version(version), registered);
        outcome.actions.extend(accept);
        outcome
    }

    /// A station that an operator made and has not removed.
    fn registered(&self, station: &StationId) -> Result<&Station, Problem> {
        let known = self.station(station).filter(|s| s.registered.is_some() && !s.removed);
        known.ok_or_else(|| Problem::NotFound(format!("no station {station}")))
    }

    fn reset_profile(&self, asking: Asking, station: StationId, reason: Box<str>) -> Outcome {
        let was = match self.registered(&station) {
            Ok(known) => known.least_profile(),
            Err(missing) => return problem(asking.call, missing),
        };
        let (at, actor) = (asking.now, asking.actor);
        let fact = StationProfileReset { at, actor, station, was, reason };
        done(asking.call, Done::Accepted, fact)
    }

    fn remove(&self, asking: Asking, station: StationId) -> Outcome {
        let known = match self.registered(&station) {
            Ok(known) => known,
            Err(missing) => return problem(asking.call, missing),
        };
        let close = known.connection.as_ref().map(|connection| Action::Close {
            station: station.clone(),
            generation: connection.generation,
            reason: "the station was removed".into(),
        });
        let fact = StationRemoved { at: asking.now, actor: asking.actor, station };
        let mut outcome = done(asking.call, Done::Accepted, fact);
        outcome.actions.extend(close);
        outcome
    }

    /// A transaction in the state or recalled, with the fact that brings it back.
    fn held(
        &self,
        context: &Context<'_>,
        station: &StationId,
        transaction: &TransactionId,
    ) -> Option<(&Station, Transaction, bool)> {
        let station = self.station(station)?;
        if let Some(known) = station.transactions.get(transaction) {
            return Some((station, Transaction::clone(known), false));
        }
        let whole = recall(context, station, transaction)?;
        Some((station, whole, true))
    }
}

type Held<'a> = Option<(&'a Station, Transaction, bool)>;

fn reprice(
    context: &Context<'_>,
    asking: Asking,
    held: Held<'_>,
    quote: Option<Quote>,
    reason: Box<str>,
) -> Outcome {
    let Some((station, transaction, recalled)) = held else {
        return problem(asking.call, Problem::NotFound("no such session".into()));
    };
    let unpriced = matches!(
        &transaction.billing,
        BillingRecord::Held { reason: HeldFor::Unpriced(_) | HeldFor::NoTariff, .. }
    );
    if !unpriced {
        let why = "only a session that is held unpriced can be priced again";
        return problem(asking.call, Problem::Conflict(why.into()));
    }
    let quote = match quote {
        Some(quote) if context.network.tariff_version(&quote.tariff, quote.version).is_none() => {
            let why = format!("tariff {} has no version {}", quote.tariff, quote.version);
            return problem(asking.call, Problem::Invalid(why));
        }
        Some(quote) => Some(quote),
        None => {
            let own = station.registered.as_ref().and_then(|r| r.tariff.as_ref());
            let now = || context.network.tariff_at(own, asking.now);
            transaction.quote.clone().or_else(|| now().map(|tariff| (&**tariff).into()))
        }
    };
    let fact = RepriceAsked {
        at: asking.now,
        actor: asking.actor,
        station: station.id.clone(),
        transaction: transaction.id.clone(),
        quote,
        reason,
    };
    let mut outcome = done(asking.call, Done::Accepted, fact);
    if recalled {
        outcome.facts.insert(0, reopened(asking.now, station, &transaction));
    }
    outcome
}

fn resolve(
    context: &Context<'_>,
    asking: Asking,
    held: Held<'_>,
    accept: bool,
    reason: Box<str>,
) -> Outcome {
    let Some((station, transaction, recalled)) = held else {
        return problem(asking.call, Problem::NotFound("no such session".into()));
    };
    let BillingRecord::Held { proposal, .. } = &transaction.billing else {
        return problem(asking.call, Problem::Conflict("the session is not held".into()));
    };
    let (fact, answer) = match (accept, proposal) {
        (true, None) => {
            let why = "there is no proposal to accept: void the session, or price it again";
            return problem(asking.call, Problem::Conflict(why.into()));
        }
        (true, Some(proposal)) => {
            let by = (asking.actor, reason);
            let (cdr, fact) =
                accept_proposal(context, asking.now, station, &transaction, proposal, by);
            (fact, Done::Sealed(cdr))
        }
        (false, _) => {
            let fact = Fact::from(SessionSettled {
                at: asking.now,
                actor: asking.actor,
                station: station.id.clone(),
                transaction: transaction.id.clone(),
                revision: transaction.revision(),
                reason: Some(reason),
                void: true,
            });
            (fact, Done::Accepted)
        }
    };
    let mut outcome = Outcome::default();
    if recalled {
        outcome.facts.push(reopened(asking.now, station, &transaction));
    }
    outcome.facts.push(fact);
    let reply = |call| Action::Reply { call, reply: Reply::Done(answer) };
    outcome.actions.extend(asking.call.map(reply));
    outcome
}
