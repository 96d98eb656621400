//! What can be wrong with a message, and which CALLERROR code says so.
//!
//! Owns the rules, their order and the spelling of the codes by version. It must never decide
//! whether a violation is borne: that is the leniency's part, in `codec`.

use crate::Version;
use std::borrow::Cow;

/// The code of a CALLERROR or CALLRESULTERROR (OCPP-J 1.6 table 7, 2.x Part 4 table 8 and 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The action is not known at all, or belongs to another version.
    NotImplemented,
    /// The action is known, but this side does not take it.
    NotSupported,
    /// The receiver failed inside while it handled a good message.
    InternalError,
    /// The payload is incomplete or not of the structure of the message.
    ProtocolError,
    /// A security problem; also the answer to a station that is not accepted yet.
    SecurityError,
    /// The payload is not well formed.
    FormatViolation,
    /// A value is not allowed: enumeration, range, length, date.
    PropertyConstraintViolation,
    /// A field is missing, or something occurs too often or too rarely.
    OccurrenceConstraintViolation,
    /// A value has the wrong JSON type.
    TypeConstraintViolation,
    /// Everything else, and every code that no text lists.
    GenericError,
    /// The frame itself cannot be read (2.x).
    RpcFrameworkError,
    /// The number of the message type is not known (2.x).
    MessageTypeNotSupported,
}

impl ErrorCode {
    /// The exact spelling that `version` demands. 1.6 knows neither of the last two codes.
    pub const fn spelling(self, version: Version) -> &'static str {
        let old = matches!(version, Version::V16);
        match self {
            Self::NotImplemented => "NotImplemented",
            Self::NotSupported => "NotSupported",
            Self::InternalError => "InternalError",
            Self::ProtocolError => "ProtocolError",
            Self::SecurityError => "SecurityError",
            Self::FormatViolation | Self::RpcFrameworkError if old => "FormationViolation",
            Self::FormatViolation => "FormatViolation",
            Self::PropertyConstraintViolation => "PropertyConstraintViolation",
            Self::OccurrenceConstraintViolation if old => "OccurenceConstraintViolation",
            Self::OccurrenceConstraintViolation => "OccurrenceConstraintViolation",
            Self::TypeConstraintViolation => "TypeConstraintViolation",
            Self::MessageTypeNotSupported if old => "GenericError",
            Self::GenericError => "GenericError",
            Self::RpcFrameworkError => "RpcFrameworkError",
            Self::MessageTypeNotSupported => "MessageTypeNotSupported",
        }
    }

    /// Reads a code in the spelling of any version; an unlisted one is a [`Self::GenericError`].
    pub fn read(text: &str) -> Self {
        match text {
            "NotImplemented" => Self::NotImplemented,
            "NotSupported" => Self::NotSupported,
            "InternalError" => Self::InternalError,
            "ProtocolError" => Self::ProtocolError,
            "SecurityError" => Self::SecurityError,
            "FormationViolation" | "FormatViolation" => Self::FormatViolation,
            "PropertyConstraintViolation" => Self::PropertyConstraintViolation,
            "OccurenceConstraintViolation" | "OccurrenceConstraintViolation" => {
                Self::OccurrenceConstraintViolation
            }
            "TypeConstraintViolation" => Self::TypeConstraintViolation,
            "RpcFrameworkError" => Self::RpcFrameworkError,
            "MessageTypeNotSupported" => Self::MessageTypeNotSupported,
            _ => Self::GenericError,
        }
    }
}

/// The rule of a schema that a payload breaks, named as JSON Schema names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A required property is missing.
    Required,
    /// A known property occurs twice in one object.
    Duplicate,
    /// An array has too few items.
    MinItems,
    /// An array has too many items.
    MaxItems,
    /// A value has the wrong JSON type; a `null` for an absent property is one.
    Type,
    /// A text is not one of the enumeration.
    Enum,
    /// A text has too many characters.
    MaxLength,
    /// A number is too small.
    Minimum,
    /// A number is too big.
    Maximum,
    /// A decimal has more than one place.
    MultipleOf,
    /// A text is not a date and time with a zone.
    Format,
    /// A property is not known to the schema.
    AdditionalProperties,
    /// The payload is not a JSON object.
    Object,
    /// A text has half a surrogate pair.
    Encoding,
    /// The payload is not JSON, or nested too deep.
    Syntax,
    /// The action is not one of this version.
    Action,
}

impl Rule {
    /// The keyword of JSON Schema, or our own word where that has none.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Duplicate => "duplicate",
            Self::MinItems => "minItems",
            Self::MaxItems => "maxItems",
            Self::Type | Self::Object => "type",
            Self::Enum => "enum",
            Self::MaxLength => "maxLength",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::MultipleOf => "multipleOf",
            Self::Format => "format",
            Self::AdditionalProperties => "additionalProperties",
            Self::Encoding => "encoding",
            Self::Syntax => "syntax",
            Self::Action => "action",
        }
    }

    /// The code that answers a message which breaks this rule.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Required | Self::Duplicate | Self::MinItems | Self::MaxItems => {
                ErrorCode::OccurrenceConstraintViolation
            }
            Self::Type => ErrorCode::TypeConstraintViolation,
            Self::Enum
            | Self::MaxLength
            | Self::Minimum
            | Self::Maximum
            | Self::MultipleOf
            | Self::Format => ErrorCode::PropertyConstraintViolation,
            Self::AdditionalProperties | Self::Object | Self::Encoding | Self::Syntax => {
                ErrorCode::FormatViolation
            }
            Self::Action => ErrorCode::NotImplemented,
        }
    }

    /// The place in the order of report: what cannot be read at all, then Occurrence, Type,
    /// Property, Format.
    pub(crate) const fn rank(self) -> u8 {
        match self.code() {
            _ if matches!(self, Self::Syntax | Self::Object) => 0,
            ErrorCode::OccurrenceConstraintViolation => 1,
            ErrorCode::TypeConstraintViolation => 2,
            ErrorCode::PropertyConstraintViolation => 3,
            _ => 4,
        }
    }
}

/// One breach of a schema, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// JSON pointer of the value; of the missing property for [`Rule::Required`], of the object
    /// that holds it for [`Rule::AdditionalProperties`].
    pub path: String,
    /// What was found, in few words; holds nothing longer than 64 characters from the payload.
    pub detail: Cow<'static, str>,
    /// Whether the tolerant policy bears it.
    pub tolerable: bool,
}

/// Why a payload is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The code of the CALLERROR.
    pub code: ErrorCode,
    /// The first rule broken, in the order Occurrence, Type, Property, Format.
    pub rule: Rule,
    /// JSON pointer of the value that broke it.
    pub path: String,
    /// For the description field of the CALLERROR; at most 255 characters.
    pub description: String,
    /// All violations found, also the tolerable ones; at most 256.
    pub violations: Vec<Violation>,
}

impl Fault {
    /// The fault for the decisive one of `violations`.
    pub(crate) fn new(decisive: &Violation, violations: Vec<Violation>) -> Self {
        let mut description =
            format!("{}: {} ({})", decisive.path, decisive.rule.as_str(), decisive.detail);
        if let Some((end, _)) = description.char_indices().nth(255) {
            description.truncate(end);
        }
        let Violation { rule, ref path, .. } = *decisive;
        Self { code: rule.code(), rule, path: path.clone(), description, violations }
    }

    /// The fault of a payload on which the two passes disagree.
    pub(crate) fn internal(violations: Vec<Violation>) -> Self {
        let description = "the payload could not be held".to_owned();
        let (code, path) = (ErrorCode::InternalError, String::new());
        Self { code, rule: Rule::Syntax, path, description, violations }
    }

    /// The fault of an action that this version does not have.
    pub(crate) fn unknown_action() -> Self {
        let violation = Violation {
            rule: Rule::Action,
            path: String::new(),
            detail: Cow::Borrowed("no such message in this version"),
            tolerable: false,
        };
        Self::new(&violation, Vec::new())
    }
}
