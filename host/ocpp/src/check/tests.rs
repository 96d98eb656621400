//! The labelled payloads, each under both policies and through both passes.

use super::*;
use std::collections::BTreeMap;
use std::io::Read as _;

mod labelled;
