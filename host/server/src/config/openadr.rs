//! Owns `[sites.openadr]`: which VTN a site hears, and what it means for the site's tree. Must
//! never read a secret's file, nor show a secret.

use std::time::Duration;

use busbar_charging::load::amount::{Amount, PerLine, Watts};
use busbar_charging::load::circuit::ExternalSource;
use busbar_charging::load::config::Config as LoadConfig;
use busbar_charging::units::Power;

use super::read::{Section, text, texts};
use super::{OpenAdr, Secret};
use crate::openadr::{Endpoint, SOURCE};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The standard's longest name.
const NAME: usize = 128;

/// Reads the section, and has the tree know the source of its limits.
pub(super) fn openadr(
    section: &Section<'_>,
    site: Option<&str>,
    load: Option<&mut LoadConfig>,
) -> Option<OpenAdr> {
    for key in ["url", "program", "fallback"].into_iter().filter(|key| !section.has(key)) {
        let what = match key {
            "url" => "the VTN's base address",
            "program" => "the id or the name of the program that is followed",
            _ => "what holds when the VTN is not heard, as \"40 kW\"",
        };
        section.problems.add(&section.origin, format!("{} is missing: {what}", section.path(key)));
    }
    let endpoint = |key| section.get(key, None, |value| Endpoint::parse(text(value)?).map(Some));
    let url = endpoint("url");
    let token_url = endpoint("token_url").or_else(|| Some(url.as_ref()?.join("auth/token")));
    let program = name(section, "program");
    let ven_name = name(section, "ven_name").or_else(|| site.map(str::to_owned));
    let targets = section.get("targets", Vec::new(), |value| {
        texts(value)?.into_iter().map(|target| named(target).map(str::to_owned)).collect()
    });
    let poll = section.span("poll", MINUTE, SECOND..=60 * MINUTE);
    let timeout = section.span("timeout", 15 * MINUTE, 2 * SECOND..=7 * DAY);
    if timeout < poll * 2 {
        let message = format!(
            "{}: {timeout:?} is shorter than two polls ({poll:?} each): the fallback would hold \
             between them",
            section.path("timeout")
        );
        section.problems.add(&section.place("timeout"), message);
    }
    let allow_plaintext = section.flag("allow_plaintext", false);
    let login = login(section);
    let ca = section.path_of("ca");
    for (key, at) in [("url", &url), ("token_url", &token_url)] {
        if !allow_plaintext && at.as_ref().is_some_and(Endpoint::is_exposed) {
            let message = format!(
                "{}: without TLS anyone on the way could set limits and read the secret: write \
                 https://, or set {} = true where something else protects the way",
                section.path(key),
                section.path("allow_plaintext")
            );
            section.problems.add(&section.place(key), message);
            break;
        }
    }
    let source = fallback(section, timeout);
    let circuit = circuit(section, load, source);
    Some(OpenAdr {
        url: url?,
        token_url: token_url?,
        login,
        program: program?,
        targets,
        ven_name: ven_name?,
        poll,
        circuit: circuit?,
        timeout,
        ca,
    })
}

fn name(section: &Section<'_>, key: &'static str) -> Option<String> {
    section.get(key, None, |value| named(text(value)?).map(|name| Some(name.to_owned())))
}

fn named(name: &str) -> Result<&str, String> {
    let fits = !name.is_empty() && name.len() <= NAME && !name.chars().any(char::is_control);
    if fits { Ok(name) } else { Err(format!("{name:?}: it has 1 to {NAME} characters")) }
}

/// Both a name and a secret, or neither.
fn login(section: &Section<'_>) -> Option<(String, Secret)> {
    let id = name(section, "client_id");
    let secret = section.get("client_secret", None, |value| match text(value)? {
        "" => Err("it is empty".into()),
        secret => Ok(Some(Secret::Text(secret.to_owned()))),
    });
    let file = section.path_of("client_secret_file").map(Secret::File);
    let has_secret = section.has("client_secret") || section.has("client_secret_file");
    let message = match (section.has("client_id"), has_secret) {
        (true, false) => {
            format!(
                "{} needs {} or {}",
                section.path("client_id"),
                section.path("client_secret_file"),
                section.path("client_secret")
            )
        }
        (false, true) => format!("{} is missing: whose secret it is", section.path("client_id")),
        _ if secret.is_some() && file.is_some() => {
            format!("{} and a file with another: one is enough", section.path("client_secret"))
        }
        _ => return Some((id?, secret.or(file)?)),
    };
    section.problems.add(&section.origin, message);
    None
}

/// The source of its limits, as the tree has it.
fn fallback(section: &Section<'_>, timeout: Duration) -> Option<ExternalSource> {
    let amount = section.get("fallback", None, |value| {
        let amount = Amount::parse(text(value)?)?;
        let is_negative = match amount {
            Amount::Current(current) => current.0 < 0,
            Amount::Power(power) => power < Power::ZERO,
        };
        if is_negative { Err(format!("{amount} is below zero")) } else { Ok(Some(amount)) }
    });
    let (current, power) = match amount? {
        Amount::Current(current) => (Some(PerLine::all(current)), None),
        Amount::Power(power) => (None, Some(Watts(power))),
    };
    Some(ExternalSource {
        source: SOURCE.into(),
        timeout_seconds: u32::try_from(timeout.as_secs()).ok(),
        fallback_current: current,
        fallback_power: power,
    })
}

/// The circuit that is limited: the grid connection where none is named.
fn circuit(
    section: &Section<'_>,
    load: Option<&mut LoadConfig>,
    source: Option<ExternalSource>,
) -> Option<String> {
    let wanted = name(section, "circuit");
    let Some(load) = load else {
        let message = "the site has no load that could be limited: write its tree first";
        section.problems.add(&section.origin, format!("{}: {message}", section.path("circuit")));
        return None;
    };
    let circuits = &mut load.tree.circuits;
    let names: Vec<_> = circuits.iter().map(|circuit| circuit.name.to_string()).collect();
    let roots = circuits.iter().filter(|circuit| circuit.parent.is_none()).count();
    let is_it = |circuit: &&mut busbar_charging::load::circuit::Circuit| match &wanted {
        Some(name) => *circuit.name == **name,
        None => circuit.parent.is_none() && roots == 1,
    };
    let Some(circuit) = circuits.iter_mut().find(is_it) else {
        let message = match wanted {
            Some(name) => format!("the tree has no circuit {name:?}: {}", names.join(", ")),
            None => {
                format!("the tree has {roots} grid connections: name the circuit that is limited")
            }
        };
        let message = format!("{}: {message}", section.path("circuit"));
        section.problems.add(&section.place("circuit"), message);
        return None;
    };
    if circuit.external.iter().any(|known| *known.source == *SOURCE) {
        let message = format!("the circuit {} has a source {SOURCE} already", circuit.name);
        section.problems.add(&section.origin, format!("{}: {message}", section.path("circuit")));
        return None;
    }
    circuit.external.push(source?);
    Some(circuit.name.to_string())
}
