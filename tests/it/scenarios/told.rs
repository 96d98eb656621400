//! Owns what is compared after a scenario: the facts that every version must make alike, where
//! each session stands, and each bill. Ids differ by nature and are numbered as they come; what
//! only one version tells (the statuses of 1.6 connectors, for one) is compared by what it means
//! for the session. Must never leave out what decides a bill.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use busbar_charging::fact::Fact;
use busbar_charging::fact::metering::ReportKind;
use busbar_charging::fact::station::Authorization;
use busbar_charging::fact::transaction::{CdrKind, CdrSealed, Finding, HeldFor};
use busbar_charging::ids::{CdrId, StationId, TransactionId};
use busbar_charging::pricing::QuantityUnit;
use busbar_charging::row::{RowBody, Session};
use busbar_charging::subject::Table;
use busbar_charging::units::{Energy, Timestamp};

use super::world::{BEGIN, World};

/// Transactions and CDRs by the order in which they came.
#[derive(Default)]
struct Names {
    transactions: Vec<(StationId, TransactionId)>,
    cdrs: BTreeMap<CdrId, usize>,
}

pub(super) fn all(world: &World) -> String {
    let mut names = Names::default();
    let mut out = "facts\n".to_owned();
    // Transaction by transaction: how soon one is billed is a matter of its version.
    let facts = world.log.iter().filter_map(|(_, _, fact)| told(fact, &mut names));
    let mut facts: Vec<_> = facts.collect();
    facts.sort_by_key(|told| told.split_once(" #").map(|(_, rest)| number_of(rest)));
    for told in facts {
        writeln!(out, "  {told}").unwrap();
    }
    out += "sessions\n";
    let rows = world.rows.iter().filter(|(key, _)| key.table == Table::Session);
    let mut sessions: Vec<_> = rows.map(|(_, row)| Session::from_row(row).unwrap()).collect();
    sessions.sort_by_key(|session| names.number(&session.station, &session.transaction));
    for session in &sessions {
        out += &of_session(session, &mut names);
    }
    out += "bills\n";
    for (_, _, fact) in &world.log {
        if let Fact::CdrSealed(cdr) = fact {
            out += &bill(cdr, &mut names);
        }
    }
    out
}

fn number_of(text: &str) -> Option<usize> {
    text.split(' ').next().and_then(|number| number.parse().ok())
}

fn told(fact: &Fact, names: &mut Names) -> Option<String> {
    Some(match fact {
        Fact::StationBooted(f) => format!("{} booted {:?}", f.station, f.registration),
        Fact::TokenPresented(f) => {
            format!("{} token {}{}", f.station, f.token.value(), answered(&f.authorization))
        }
        Fact::TransactionReported(f) => {
            let kind = match f.report.kind {
                ReportKind::Started => "started",
                ReportKind::Updated => return None,
                ReportKind::Ended => "ended",
            };
            let of = names.of(&f.station, &f.transaction);
            let token = f.report.token.as_ref().map(|token| format!(" by {}", token.value()));
            let answer = f.authorization.as_ref().map(answered).unwrap_or_default();
            let at = clock(f.report.at);
            format!("{of} {kind} {at}{}{answer}", token.unwrap_or_default())
        }
        Fact::SessionHeld(f) => {
            format!("{} held for {}", names.of(&f.station, &f.transaction), held(&f.reason))
        }
        Fact::SessionSettled(f) => format!("{} settled", names.of(&f.station, &f.transaction)),
        Fact::ReviewOpened(f) => {
            let found = findings(&f.findings);
            format!("{} under review for {found}", names.of(&f.station, &f.transaction))
        }
        Fact::RepriceAsked(f) => {
            format!("{} to be priced again", names.of(&f.station, &f.transaction))
        }
        Fact::CdrSealed(f) => {
            let of = names.of(&f.station, &f.transaction);
            format!("{of} sealed {}: {}", names.cdr(f), f.totals.payable)
        }
        Fact::InputRefused(f) => format!("refused {}: {}", f.what, f.reason),
        _ => return None,
    })
}

fn of_session(session: &Session, names: &mut Names) -> String {
    let of = names.of(&session.station, &session.transaction);
    let (state, energy) = (session.state, wh(session.energy));
    let evse = session.evse.map(|evse| format!(" evse {evse}")).unwrap_or_default();
    let end = session.end.map_or_else(|| "open".to_owned(), clock);
    let mut out = format!("  {of} {state:?}{evse} {}..{end} {energy}", clock(session.start));
    let token = session.token.as_ref().map(|token| format!(" by {}", token.value()));
    out += &token.unwrap_or_default();
    if let Some(reason) = &session.stopped_reason {
        write!(out, " {reason}").unwrap();
    }
    if let Some(reason) = &session.held {
        write!(out, ", held for {}", held(reason)).unwrap();
    }
    if let Some(proposal) = &session.proposal {
        write!(out, ", proposal {}", proposal.totals.payable).unwrap();
    }
    if !session.review.is_empty() {
        write!(out, ", review of {}", findings(&session.review)).unwrap();
    }
    out + "\n"
}

fn bill(cdr: &CdrSealed, names: &mut Names) -> String {
    let of = names.of(&cdr.station, &cdr.transaction);
    let mut out = format!("  {of} {} {}\n", names.cdr(cdr), wh(cdr.energy));
    for period in &cdr.input.periods {
        let (start, end) = (clock(period.start), clock(period.end));
        writeln!(out, "    {start}..{end} {:?} {}", period.activity, wh(period.energy)).unwrap();
    }
    for line in &cdr.lines {
        let unit = match line.unit {
            QuantityUnit::Energy => "Wh",
            QuantityUnit::Time => "s",
            QuantityUnit::Count => "times",
        };
        let quantity = thousandths(line.quantity);
        let amount = line.amount.to_decimal(2);
        writeln!(out, "    {:?} {quantity} {unit} = {amount}", line.dimension).unwrap();
    }
    let (excl, incl) = (cdr.totals.excl_tax.to_decimal(2), cdr.totals.incl_tax.to_decimal(2));
    writeln!(out, "    {excl} + taxes = {incl}, payable {}", cdr.totals.payable).unwrap();
    out
}

fn answered(authorization: &Authorization) -> String {
    format!(" {:?}", authorization.status)
}

fn held(reason: &HeldFor) -> String {
    match reason {
        HeldFor::Review(found) => findings(found),
        HeldFor::Unpriced(error) => format!("no price: {error:?}"),
        HeldFor::NoTariff => "no tariff".to_owned(),
    }
}

fn findings(findings: &[Finding]) -> String {
    let named = findings.iter().map(|finding| match finding {
        Finding::MeterBackwards { at, by } => {
            format!("meter backwards by {} at {}", wh(*by), clock(*at))
        }
        Finding::ImpossiblePower { at, .. } => format!("impossible power at {}", clock(*at)),
        Finding::ClockOff { by } => format!("clock off by {} h", by.0 / 3_600_000),
        Finding::UnreadableReading { at } => format!("unreadable reading at {}", clock(*at)),
        Finding::Contradiction { at } => format!("contradiction at {}", clock(*at)),
        plain => format!("{plain:?}"),
    });
    named.collect::<Vec<_>>().join(", ")
}

impl Names {
    fn number(&mut self, station: &StationId, transaction: &TransactionId) -> usize {
        let name = (station.clone(), transaction.clone());
        self.transactions.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.transactions.push(name);
            self.transactions.len() - 1
        })
    }

    fn of(&mut self, station: &StationId, transaction: &TransactionId) -> String {
        format!("{station} #{}", self.number(station, transaction) + 1)
    }

    fn cdr(&mut self, cdr: &CdrSealed) -> String {
        let count = self.cdrs.len();
        let number = *self.cdrs.entry(cdr.cdr).or_insert(count);
        match &cdr.kind {
            CdrKind::Charge => format!("charge {number}"),
            CdrKind::Credit(of) => {
                let of = self.cdrs.get(of).copied();
                format!("credit {number} of {}", of.map_or("?".to_owned(), |of| of.to_string()))
            }
        }
    }
}

/// Time since the begin of the scenario, to the second.
fn clock(at: Timestamp) -> String {
    let seconds = (at.0 - BEGIN.0).div_euclid(1000);
    let (sign, seconds) = if seconds < 0 { ("-", -seconds) } else { ("", seconds) };
    format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn wh(energy: Energy) -> String {
    format!("{} Wh", thousandths(energy.0))
}

fn thousandths(value: i64) -> String {
    let whole = format!("{}.{:03}", value / 1000, (value % 1000).abs());
    whole.trim_end_matches('0').trim_end_matches('.').to_owned()
}
