//! Reading frames.
//!
//! Owns the elements of each kind and the answer to a bad one. Must never answer a response or
//! a SEND, and never echo what it could not read.

use super::{BadFrame, BadKind, CallError, Frame, Limits, MAX_ID_CHARS, Refusal};
use crate::json::{Dialect, MAX_DEPTH, Reader, Stop};
use crate::{ErrorCode, Version};
use std::borrow::Cow;

/// Bytes at the start of a frame in which its type and id are looked for when all of it is too
/// long to be read.
const HEAD_BYTES: usize = 1024;

/// Longest message id that is sent back, in bytes.
const MAX_ECHO_BYTES: usize = 255;

/// Splits a frame. Nothing of the payload is copied; its JSON grammar is checked.
///
/// # Errors
/// When `text` is no frame of `version`; the value says what to answer, if anything.
pub fn parse<'a>(version: Version, text: &'a str, limits: &Limits) -> Result<Frame<'a>, BadFrame> {
    let too_long = text.len() > limits.bytes;
    let readable = if too_long { head(text, limits.bytes) } else { text };
    let dialect = Dialect { integral_decimals: false, numbers_as_text: false };
    let mut parser = Parser {
        version,
        reader: Reader::new(readable, dialect, limits.depth.min(MAX_DEPTH)),
        first: true,
        ended: false,
        message_type: None,
        id: None,
    };
    match parser.frame() {
        Ok(frame) if !too_long => Ok(frame),
        _ if too_long => Err(parser.bad(BadKind::TooLong)),
        _ => {
            let kind = parser.kind(readable);
            Err(parser.bad(kind))
        }
    }
}

/// The first bytes of a text, cut between characters.
fn head(text: &str, limit: usize) -> &str {
    let mut end = limit.min(HEAD_BYTES).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

struct Parser<'a> {
    version: Version,
    reader: Reader<'a>,
    first: bool,
    ended: bool,
    message_type: Option<u64>,
    id: Option<Cow<'a, str>>,
}

impl<'a> Parser<'a> {
    fn frame(&mut self) -> Result<Frame<'a>, Stop> {
        self.reader.open_array()?;
        self.element()?;
        let message_type = self.reader.number()?.parse().map_err(|_| Stop)?;
        self.message_type = Some(message_type);
        self.element()?;
        let id = self.reader.string()?;
        self.id = Some(id.clone());
        let frame = match message_type {
            _ if !is_known(self.version, message_type) => return Err(Stop),
            2 => {
                let (action, payload) = self.action_and_payload()?;
                Frame::Call { id, action, payload }
            }
            3 => Frame::CallResult { id, payload: self.payload()? },
            4 => Frame::CallError(self.refusal(id)?),
            5 => Frame::CallResultError(self.refusal(id)?),
            _ => {
                let (action, payload) = self.action_and_payload()?;
                Frame::Send { id, action, payload }
            }
        };
        if self.another()? {
            return Err(Stop);
        }
        self.reader.end()?;
        if self.is_id_too_long() { Err(Stop) } else { Ok(frame) }
    }

    /// Goes to the next element, if there is one.
    fn another(&mut self) -> Result<bool, Stop> {
        if !self.ended {
            self.ended = !self.reader.item(&mut self.first)?;
        }
        Ok(!self.ended)
    }

    /// Goes to the next element, which must be there.
    fn element(&mut self) -> Result<(), Stop> {
        if self.another()? { Ok(()) } else { Err(Stop) }
    }

    fn action_and_payload(&mut self) -> Result<(Cow<'a, str>, &'a str), Stop> {
        self.element()?;
        let action = self.reader.string()?;
        Ok((action, self.payload()?))
    }

    /// `null` is an empty payload in the older notation (OCPP-J 1.6 section 4.2.1).
    fn payload(&mut self) -> Result<&'a str, Stop> {
        self.element()?;
        let payload = self.reader.skip()?;
        Ok(if payload == "null" { "{}" } else { payload })
    }

    /// Description and details may be missing: the call is refused all the same.
    fn refusal(&mut self, id: Cow<'a, str>) -> Result<Refusal<'a>, Stop> {
        self.element()?;
        let code_text = self.reader.string()?;
        let code = ErrorCode::read(&code_text);
        let mut refusal =
            Refusal { id, code, code_text, description: Cow::Borrowed(""), details: "{}" };
        if self.another()? && !self.reader.null()? {
            refusal.description = self.reader.lossy_string()?.text;
        }
        if self.another()? {
            let details = self.reader.skip()?;
            refusal.details = if details == "null" { "{}" } else { details };
        }
        Ok(refusal)
    }

    fn is_id_too_long(&self) -> bool {
        self.id.as_ref().is_some_and(|id| id.chars().count() > MAX_ID_CHARS)
    }

    /// What is wrong, after the frame could not be read.
    fn kind(&self, text: &str) -> BadKind {
        if self.message_type.is_some_and(|number| !is_known(self.version, number)) {
            return BadKind::UnknownType;
        }
        if self.reader.too_deep() {
            return BadKind::TooDeep;
        }
        let mut reader = Reader::new(text, self.reader.dialect, MAX_DEPTH);
        if reader.skip().and_then(|_| reader.end()).is_err() {
            return if reader.too_deep() { BadKind::TooDeep } else { BadKind::NotJson };
        }
        match (self.message_type, &self.id) {
            (Some(_), Some(_)) => BadKind::Malformed,
            _ => BadKind::NotAFrame,
        }
    }

    fn bad(&self, kind: BadKind) -> BadFrame {
        let id = self.id.as_ref().filter(|id| id.len() <= MAX_ECHO_BYTES).map(|id| id.to_string());
        let description = match kind {
            BadKind::TooLong => "frame too long",
            BadKind::TooDeep => "frame nested too deep",
            BadKind::NotJson => "frame is not JSON",
            BadKind::NotAFrame => "not an RPC frame",
            BadKind::Malformed if self.is_id_too_long() => "message id too long",
            BadKind::Malformed => "wrong elements for this message type",
            BadKind::UnknownType => "",
        };
        let code = match kind {
            BadKind::TooLong | BadKind::TooDeep => ErrorCode::FormatViolation,
            _ => ErrorCode::RpcFrameworkError,
        };
        let answer_to = match (self.message_type, &id) {
            (Some(2), Some(id)) => Some((id.clone(), code)),
            (Some(2) | None, _) if self.version != Version::V16 => {
                Some(("-1".to_owned(), ErrorCode::RpcFrameworkError))
            }
            _ => None,
        };
        let description = Cow::Borrowed(description);
        let answer = answer_to.map(|(id, code)| CallError { id, code, description });
        BadFrame { kind, message_type: self.message_type, id, answer }
    }
}

/// Whether `version` has the message type `number`.
fn is_known(version: Version, number: u64) -> bool {
    match number {
        2..=4 => true,
        5 | 6 => version == Version::V21,
        _ => false,
    }
}
