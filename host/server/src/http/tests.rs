//! The HTTP side over a whole node in memory: the real core, rows in a map, plugins and stations
//! that are played.

mod ahead;
mod charging;
mod commands;
mod configuration;
mod events;
mod load;
mod nonsense;
mod pages;
pub(super) mod rig;
mod sites;
mod who_may;
