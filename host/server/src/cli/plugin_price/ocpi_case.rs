//! Owns the way from an OCPI session or CDR to what a plugin is asked: charging periods give starts
//! and volumes, durations come from the timestamps (OCPI `mod_cdrs`: ChargingPeriod, CdrDimension).
//! Must never use a binary fraction.

mod periods;
mod record;

use busbar_charging::pricing::CutSession;
use busbar_charging::units::Currency;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Refusal;
use record::Record;

/// A case, converted: what a plugin is asked.
#[derive(Clone, Debug)]
pub struct OcpiCase {
    /// As it was given; null where it was not.
    pub id: Value,
    /// The plugin that the case names.
    pub plugin: Option<String>,
    /// The tariff, as it stands in the case.
    pub configuration: String,
    /// The currency of the tariff.
    pub currency: Currency,
    /// The session, cut as its charging periods cut it.
    pub session: CutSession,
    /// Whether it is a credit CDR.
    pub is_credit: bool,
    /// What was passed over.
    pub warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    id: Value,
    plugin: Option<String>,
    timezone: Option<String>,
    currency: Option<String>,
    tariff: Option<Box<RawValue>>,
    session: Option<Record>,
    cdr: Option<Record>,
}

/// What the conversion itself reads of a tariff.
#[derive(Deserialize)]
struct TariffHead {
    id: Option<Value>,
    currency: Option<String>,
}

impl OcpiCase {
    /// Reads one line.
    ///
    /// # Errors
    /// With the id of the case, where it could be read, and what is wrong.
    pub fn read(line: &[u8]) -> Result<Self, (Value, Refusal)> {
        let case: Case = serde_json::from_slice(line).map_err(|error| {
            // What cannot be read as a case may still have an id to answer to.
            let id = serde_json::from_slice::<Value>(line).ok().and_then(|v| v.get("id").cloned());
            (id.unwrap_or_default(), Refusal::session("", error.to_string()))
        })?;
        let id = case.id.clone();
        Self::convert(case).map_err(|refusal| (id, refusal))
    }

    fn convert(case: Case) -> Result<Self, Refusal> {
        let (pointer, is_cdr, record) = match (&case.session, &case.cdr) {
            (Some(session), _) => ("/session", false, session),
            (None, Some(cdr)) => ("/cdr", true, cdr),
            (None, None) => return Err(Refusal::session("", "neither a session nor a cdr")),
        };
        let tariff = match &case.tariff {
            Some(tariff) => tariff,
            None => tariff_of(record)?,
        };
        let currency = currency(tariff, &case, record)?;
        let mut warnings = Vec::new();
        let zone = [&case.timezone, &record.timezone, record.location_zone()];
        let zone = match zone.into_iter().flatten().next() {
            Some(zone) => zone.clone(),
            None => {
                warnings.push("no time zone is given: UTC is taken".to_owned());
                "UTC".to_owned()
            }
        };
        let session = periods::session(record, zone, is_cdr, &mut warnings)
            .map_err(|fault| Refusal::session(format!("{pointer}/{}", fault.0), fault.1))?;
        Ok(Self {
            id: case.id,
            plugin: case.plugin,
            configuration: tariff.get().to_owned(),
            currency,
            session,
            is_credit: is_cdr && record.credit.unwrap_or(false),
            warnings,
        })
    }
}

/// The tariff of a CDR: the one that its periods name, else the only or first one.
fn tariff_of(record: &Record) -> Result<&RawValue, Refusal> {
    let tariffs = record.tariffs.as_deref().unwrap_or_default();
    let mut named: Vec<&str> =
        record.periods().iter().filter_map(|period| period.tariff_id.as_deref()).collect();
    named.sort_unstable();
    named.dedup();
    if named.len() > 1 {
        let words = format!("the charging periods name {} tariffs; one is priced", named.len());
        return Err(Refusal::session("/cdr/charging_periods", words));
    }
    let is_named = |tariff: &RawValue| {
        let head = serde_json::from_str::<TariffHead>(tariff.get());
        let id = head.ok().and_then(|head| head.id);
        named.first().is_some_and(|named| id.as_ref().and_then(Value::as_str) == Some(*named))
    };
    let mut all = tariffs.iter().map(AsRef::<RawValue>::as_ref);
    let found = all.clone().find(|tariff| is_named(tariff)).or_else(|| all.next());
    found.ok_or_else(|| Refusal::configuration("", "there is no tariff"))
}

fn currency(tariff: &RawValue, case: &Case, record: &Record) -> Result<Currency, Refusal> {
    let head: Option<TariffHead> = serde_json::from_str(tariff.get()).ok();
    let stated = head.and_then(|head| head.currency);
    let Some(text) = stated.or_else(|| case.currency.clone()).or_else(|| record.currency.clone())
    else {
        return Err(Refusal::configuration("/currency", "no currency is given"));
    };
    Currency::parse(&text).ok_or_else(|| {
        let words = format!("{text:?} is not a currency code of ISO 4217");
        Refusal::configuration("/currency", words)
    })
}
