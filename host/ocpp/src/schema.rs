//! The schema table: what each type may hold.
//!
//! Owns the shape of every message, made by the same macros as its struct so that the two cannot
//! differ. It is data only and must never read or judge anything itself.

use crate::json::Dialect;
use crate::{Decoded, Fault, Leniency, Version};

/// Who sends an action as a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the charging station to the CSMS.
    StationToCsms,
    /// From the CSMS to the charging station.
    CsmsToStation,
    /// Either side.
    Both,
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The charging station.
    Station,
    /// The charging station management system.
    Csms,
}

impl Direction {
    /// Whether `side` may receive a request that goes this way.
    pub const fn reaches(self, side: Side) -> bool {
        matches!(
            (self, side),
            (Self::Both, _)
                | (Self::StationToCsms, Side::Csms)
                | (Self::CsmsToStation, Side::Station)
        )
    }
}

/// What one value may be.
#[derive(Debug)]
pub(crate) enum Shape {
    Text { max: usize },
    Time,
    Int { min: i64, max: i64 },
    Number { min: i64, max: i64, tenths: bool },
    Bool,
    Choice { values: &'static [&'static str], open: bool },
    List { item: &'static Shape, min: usize, max: usize },
    Object(&'static ObjectShape),
    Any,
}

/// Whether a property may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
    /// Required by the schema, borne as absent by the tolerant policy.
    Expected,
}

/// One property.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) presence: Presence,
    pub(crate) shape: &'static Shape,
}

/// An object with its properties, at most 64.
#[derive(Debug)]
pub(crate) struct ObjectShape {
    pub(crate) fields: &'static [Field],
    /// Whether any other property is welcome too, as in customData.
    pub(crate) open: bool,
}

/// The draft of JSON Schema in which a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draft {
    Draft4,
    Draft6,
}

/// One schema file.
#[derive(Debug)]
pub(crate) struct Message {
    /// Name of the schema file without its ending.
    pub(crate) file: &'static str,
    pub(crate) action: &'static str,
    pub(crate) direction: Direction,
    pub(crate) is_response: bool,
    pub(crate) dialect: Dialect,
    pub(crate) shape: &'static Shape,
    /// Reads a payload into its struct and writes it again.
    pub(crate) recode: fn(&str, Leniency) -> Result<Decoded<String>, Fault>,
}

/// How numbers are read in a message of `version` written in `draft`.
pub(crate) const fn dialect(version: Version, draft: Draft) -> Dialect {
    Dialect {
        integral_decimals: matches!(draft, Draft::Draft6),
        numbers_as_text: matches!(version, Version::V16),
    }
}
