//! Owns the names of things: one type per thing, a compile error to mix.
//! Must never make an id out of a clock or of randomness: they come from `Ids`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::units::Timestamp;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }
    };
}

text_id!(
    /// A charging station's identity, as in the path of its connection (at most 48 characters).
    StationId
);
text_id!(
    /// A site: stations that share a grid connection, a time zone and a tax rule.
    SiteId
);
text_id!(
    /// A transaction's id at its station: text in 2.x, an integer's digits in 1.6.
    TransactionId
);
text_id!(
    /// A tariff's id, over all its versions.
    TariffId
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// A session, UUIDv7.
    SessionId
);
uuid_id!(
    /// One visit of one driver: its transactions share it. UUIDv7.
    VisitId
);
uuid_id!(
    /// A charge detail record, UUIDv7.
    CdrId
);
uuid_id!(
    /// A command to a station, UUIDv7.
    CommandId
);

/// The hash of a plugin's bytes or of a configuration's text: SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// Hands over its 64 hexadecimal digits. Facts and rows of a session bear two hashes each, so
    /// the formatter would cost more than all else that is written of them.
    fn with_hex<T>(&self, take: impl FnOnce(&str) -> T) -> T {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        take(str::from_utf8(&text).unwrap_or_default())
    }
}

impl TryFrom<String> for Hash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not a SHA-256 in hexadecimal"))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_hex(|text| serializer.serialize_str(text))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_hex(|text| f.write_str(text))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The kind of an idToken (2.0.1 IdTokenEnumType, 2.1 idtokenenumtype.csv).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TokenKind {
    /// RFID, ISO 14443. What 1.6's idTag is taken for.
    Iso14443,
    /// RFID, ISO 15693.
    Iso15693,
    /// Made by the CSMS, for a remote start.
    Central,
    /// A contract of Plug & Charge.
    EMaid,
    /// A key code.
    KeyCode,
    /// A station's own.
    Local,
    /// A MAC address.
    MacAddress,
    /// No token: free charging or a start button. Its value is empty.
    NoAuthorization,
    /// Any other of 2.1's open list.
    Other(Box<str>),
}

/// An idToken. RFID values are compared without case (1.6 CiString, PITFALLS 37 and 38), so they
/// are kept in capitals; all others as they came.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdToken {
    kind: TokenKind,
    value: Arc<str>,
}

impl IdToken {
    /// A token in its compared form.
    pub fn new(kind: TokenKind, value: &str) -> Self {
        let value = match kind {
            TokenKind::Iso14443 | TokenKind::Iso15693 => value.to_uppercase().into(),
            _ => value.into(),
        };
        Self { kind, value }
    }

    /// Its kind.
    pub fn kind(&self) -> &TokenKind {
        &self.kind
    }

    /// Its value.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The kind's name as 2.x spells it.
    pub fn kind_name(&self) -> &str {
        match &self.kind {
            TokenKind::Iso14443 => "ISO14443",
            TokenKind::Iso15693 => "ISO15693",
            TokenKind::Central => "Central",
            TokenKind::EMaid => "eMAID",
            TokenKind::KeyCode => "KeyCode",
            TokenKind::Local => "Local",
            TokenKind::MacAddress => "MacAddress",
            TokenKind::NoAuthorization => "NoAuthorization",
            TokenKind::Other(name) => name,
        }
    }

    /// The kind that a name of 2.x means.
    pub fn kind_from_name(name: &str) -> TokenKind {
        match name {
            "ISO14443" => TokenKind::Iso14443,
            "ISO15693" => TokenKind::Iso15693,
            "Central" => TokenKind::Central,
            "eMAID" => TokenKind::EMaid,
            "KeyCode" => TokenKind::KeyCode,
            "Local" => TokenKind::Local,
            "MacAddress" => TokenKind::MacAddress,
            "NoAuthorization" => TokenKind::NoAuthorization,
            other => TokenKind::Other(other.into()),
        }
    }
}

/// For logs: the value's first and last characters only (ATTACKS 40).
impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.value.chars();
        let (first, last) = (characters.next(), characters.next_back());
        write!(f, "{}:", self.kind_name())?;
        first.map_or(Ok(()), |c| write!(f, "{c}…"))?;
        last.map_or(Ok(()), |c| write!(f, "{c}"))
    }
}

/// The fresh ids of one input: the driver's randomness, handed in as an argument.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    /// 128 random bits, new for every input.
    pub seed: u128,
}

impl Ids {
    /// The `n`th UUIDv7 of this input (RFC 9562 section 5.7).
    pub fn uuid(&self, now: Timestamp, n: u32) -> Uuid {
        let millis = u64::try_from(now.0).unwrap_or(0) & 0xFFFF_FFFF_FFFF;
        let mixed = self.random(n);
        let value = (u128::from(millis) << 80)
            | (0x7 << 76)
            | ((mixed >> 52) & 0x0FFF) << 64
            | (0b10 << 62)
            | (mixed & 0x3FFF_FFFF_FFFF_FFFF);
        Uuid::from_u128(value)
    }

    /// The `n`th random number of this input (splitmix64 of both halves of the seed).
    pub fn random(&self, n: u32) -> u128 {
        let step = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(u64::from(n) + 1);
        let half = |seed: u64| {
            let mut z = seed.wrapping_add(step);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        };
        let (high, low) = ((self.seed >> 64) as u64, self.seed as u64);
        (u128::from(half(high)) << 64) | u128::from(half(low))
    }
}

#[cfg(test)]
mod tests;
