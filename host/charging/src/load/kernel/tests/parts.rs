//! Owns the kernel's parts by themselves.

mod clock;
mod commands;
mod draws;
mod ledger;
mod profile;
