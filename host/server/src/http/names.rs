//! Owns which names may come in over HTTP. What cannot be a name never reaches the core or a key.

use busbar_charging::ids::{IdToken, SiteId, StationId, TariffId, TokenKind};
use uuid::Uuid;

use super::problem::{Kind, Problem};

/// A station's identity: what OCPP allows but `:`, which splits Basic credentials; at most 48.
///
/// # Errors
/// It cannot be one.
pub fn station(text: &str) -> Result<StationId, Problem> {
    if is_station(text) {
        return Ok(text.into());
    }
    Err(Kind::NotFound
        .because("a station's identity has 1 to 48 characters of A-Z, a-z, 0-9 and *-_=+|@."))
}

/// Whether a text can be a station's identity (OCPP 2.x part 4 section 3.1.1).
pub fn is_station(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"*-_=+|@.".contains(&b);
    (1..=48).contains(&text.len()) && text.bytes().all(allowed) && text != "." && text != ".."
}

/// A tariff's id.
///
/// # Errors
/// It cannot be one.
pub fn tariff(text: &str) -> Result<TariffId, Problem> {
    if is_plain_id(text) {
        return Ok(text.into());
    }
    Err(Kind::NotFound.because("a tariff's id has 1 to 36 characters of A-Z, a-z, 0-9 and -_."))
}

/// A site's id.
///
/// # Errors
/// It cannot be one.
pub fn site(text: &str) -> Result<SiteId, Problem> {
    if is_plain_id(text) {
        return Ok(text.into());
    }
    Err(Kind::NotFound.because("a site's id has 1 to 36 characters of A-Z, a-z, 0-9 and -_."))
}

fn is_plain_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=36).contains(&text.len()) && text.bytes().all(allowed) && text != "." && text != ".."
}

/// A token of a kind as 2.x spells it.
///
/// # Errors
/// It cannot be one.
pub fn token(value: &str, kind: Option<&str>) -> Result<IdToken, Problem> {
    let kind = kind.unwrap_or("ISO14443");
    let printable = |text: &str| text.chars().all(|c| !c.is_control());
    if kind.is_empty() || kind.len() > 20 || !kind.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(Kind::InvalidQuery.because("kind: 1 to 20 letters and digits, as ISO14443"));
    }
    let kind = IdToken::kind_from_name(kind);
    let least = usize::from(kind != TokenKind::NoAuthorization);
    let length = value.chars().count();
    if length < least || length > 255 || !printable(value) {
        return Err(Kind::NotFound.because("a token has 1 to 255 printable characters"));
    }
    Ok(IdToken::new(kind, value))
}

/// The id of a session or CDR.
///
/// # Errors
/// It cannot be one.
pub fn uuid(text: &str) -> Result<Uuid, Problem> {
    let wrong = || Kind::NotFound.because("the id is not a UUID in lower case with hyphens");
    let id = Uuid::try_parse(text).map_err(|_| wrong())?;
    if id.to_string() == text { Ok(id) } else { Err(wrong()) }
}

/// An operator's reason, the field `reason` of a body.
///
/// # Errors
/// It says nothing, is too long or has control characters.
pub fn reason(text: &str) -> Result<Box<str>, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 500 || text.chars().any(char::is_control) {
        let detail = "1 to 500 printable characters: it is kept with what was done";
        return Err(Kind::InvalidBody.because(format!("/reason: {detail}")).at("/reason", detail));
    }
    Ok(text.into())
}

/// A text that goes into a filter or a key.
///
/// # Errors
/// It has control characters or is too long.
pub fn plain(name: &str, text: &str) -> Result<(), Problem> {
    if !text.is_empty() && text.chars().count() <= 255 && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Kind::InvalidQuery.because(format!("{name}: 1 to 255 printable characters")))
}
