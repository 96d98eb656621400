//! Owns what is asked of a VTN: a token, the program, its events, page by page. Must never show a
//! secret or a token, and never take more than it can hold.

use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::body::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Failure;
use super::http::{Endpoint, Http, Question};
use super::wire::{Program, Token};
use crate::config::{OpenAdr, Secret};
use crate::secrets;

/// What has to be encoded in a query and a form.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What is asked for at once: the standard's most.
const PAGE: usize = 50;
/// So often is the next page asked for.
const PAGES: usize = 50;
/// No program has more events, and no VTN more programs.
const MOST: usize = 1_000;
/// Nor are its events larger, in bytes.
const LARGEST: usize = 8 << 20;
/// A token is not used in its last moments.
const MARGIN: Duration = Duration::from_secs(30);
/// How long a token is taken to hold that says nothing.
const HOLDS: Duration = Duration::from_secs(600);
/// How much of what a VTN says is repeated to people.
const SHOWN: usize = 200;

/// A VTN and who speaks to it.
pub(super) struct Vtn {
    http: Http,
    base: Endpoint,
    token_endpoint: Endpoint,
    /// Who logs in, and by what.
    login: Option<(String, Secret)>,
    program: String,
    targets: Vec<String>,
    token: Option<(String, Instant)>,
}

/// What a VTN says of a program.
pub(super) struct Said {
    pub(super) program: Program,
    /// Each as its JSON text.
    pub(super) events: Vec<String>,
}

impl Vtn {
    pub(super) fn new(config: &OpenAdr) -> Self {
        Self {
            http: Http::new(config.ca.clone()),
            base: config.url.clone(),
            token_endpoint: config.token_url.clone(),
            login: config.login.clone(),
            program: config.program.clone(),
            targets: config.targets.clone(),
            token: None,
        }
    }

    /// The program and all its events.
    pub(super) async fn said(&mut self) -> Result<Said, Failure> {
        let mut programs = Vec::new();
        for text in self.all("programs", &[]).await? {
            // What another program looks like is no concern of ours.
            programs.extend(serde_json::from_str::<Program>(&text).ok());
        }
        let wanted = &*self.program;
        let named = |one: &Program| one.program_name.as_deref() == Some(wanted);
        let place = programs.iter().position(|one| one.id == wanted);
        let Some(place) = place.or_else(|| programs.iter().position(named)) else {
            let why = format!("the VTN shows no program {wanted:?} among {}", programs.len());
            return Err(Failure::new("no_program", why));
        };
        let program = programs.swap_remove(place);
        let mut query = vec![("programID", &*program.id)];
        let targets = self.targets.clone();
        query.extend(targets.iter().map(|target| ("targets", &**target)));
        let events = self.all("events", &query).await?;
        Ok(Said { program, events })
    }

    /// All items of a list, each as its JSON text: page by page until one is empty, because a VTN
    /// may have smaller pages than it is asked for; or says the same again, because it has none.
    async fn all(&mut self, what: &str, query: &[(&str, &str)]) -> Result<Vec<String>, Failure> {
        let mut items: Vec<String> = Vec::new();
        let mut bytes = 0;
        for _ in 0..PAGES {
            let (skip, limit) = (items.len().to_string(), PAGE.to_string());
            let paged = query.iter().copied().chain([("skip", &*skip), ("limit", &*limit)]);
            let body = self.get(what, &encoded(paged)).await?;
            let page: Vec<Box<RawValue>> = read(what, &body)?;
            let first = page.first().map(|item| item.get());
            if first.is_none() || first == items.first().map(String::as_str) {
                return Ok(items);
            }
            bytes += body.len();
            if items.len() + page.len() > MOST || bytes > LARGEST {
                break;
            }
            items.extend(page.iter().map(|item| item.get().to_owned()));
        }
        let why = format!("{what}: more than {MOST} of them, {LARGEST} bytes or {PAGES} pages");
        Err(Failure::new("too_much", why))
    }

    /// Asks with a token; once more where it is refused, as a VTN that was started again does.
    async fn get(&mut self, what: &str, query: &str) -> Result<Bytes, Failure> {
        let endpoint = self.base.join(what);
        let mut is_again = false;
        loop {
            let token = self.token().await?;
            let question = Question {
                endpoint: &endpoint,
                query,
                authorization: token.as_deref(),
                form: None,
            };
            let (status, body) = self.http.ask(question).await?;
            match status {
                StatusCode::OK => return Ok(body),
                StatusCode::UNAUTHORIZED if token.is_some() && !is_again => {
                    (self.token, is_again) = (None, true);
                }
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    return Err(Failure::new("unauthorized", answered(what, status, &body)));
                }
                _ => return Err(Failure::new("refused", answered(what, status, &body))),
            }
        }
    }

    /// A token that holds; none where nobody has to log in.
    async fn token(&mut self) -> Result<Option<String>, Failure> {
        let Some((id, secret)) = &self.login else { return Ok(None) };
        if let Some((token, until)) = &self.token
            && Instant::now() < *until
        {
            return Ok(Some(token.clone()));
        }
        let secret = secret.read().map_err(|why| Failure::new("secret", why))?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &**id),
            ("client_secret", &*secret),
        ];
        let question = Question {
            endpoint: &self.token_endpoint,
            query: "",
            authorization: None,
            form: Some(encoded(form.into_iter())),
        };
        let (status, body) = self.http.ask(question).await?;
        if !status.is_success() {
            return Err(Failure::new("unauthorized", answered("the token", status, &body)));
        }
        // What is wrong with it is not shown: it may be in it.
        let token: Token = serde_json::from_slice(&body)
            .map_err(|_| Failure::new("nonsense", "the token: the answer is none".into()))?;
        let holds = token.expires_in.map_or(HOLDS, Duration::from_secs).min(HOLDS * 144);
        let bearer = format!("Bearer {}", token.access_token);
        // One that holds for less is used at once, and once.
        let until = Instant::now() + holds.saturating_sub(MARGIN);
        self.token = Some((bearer.clone(), until));
        Ok(Some(bearer))
    }
}

/// A secret's file is looked at whenever a token is needed: it can be changed while the host runs.
impl Secret {
    fn read(&self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => {
                let text = secrets::read_private(path).map_err(|error| error.to_string())?;
                Ok(text.trim().to_owned())
            }
        }
    }
}

fn read<T: DeserializeOwned>(what: &str, body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::new("nonsense", format!("{what}: {error}")))
}

/// What a VTN said instead, cut to what fits on a line.
fn answered(what: &str, status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let is_plain = |c: &char| !c.is_control();
    let shown: String = text.chars().filter(is_plain).take(SHOWN).collect();
    format!("{what}: the VTN answered {status}: {shown}")
}

fn encoded<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let one = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let pairs: Vec<_> = pairs.map(|(key, value)| format!("{}={}", one(key), one(value))).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests;
