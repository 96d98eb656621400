//! Owns the kernel's parts by themselves.

mod clock;
mod commands;
mod draws;
mod heard;
mod keep;
mod ledger;
mod profile;
