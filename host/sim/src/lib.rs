//! Simulated charging stations and the people who charge at them: state machines without I/O
//! ([`station`], [`visit`], [`scene`]), a driver that puts them on sockets ([`socket`]), the load
//! generator ([`load`]), and a whole site against a host that controls its load ([`site`]).
//!
//! Owns a second reading of OCPP, from the station's side: it shares only the wire types with the
//! host, never `link` or the core, so that a mistake of one is found by the other. Only
//! `socket`, `load` and `site` may do I/O.

pub mod car;
pub mod limits;
pub mod load;
pub mod rng;
pub mod scene;
pub mod settings;
pub mod site;
pub mod socket;
pub mod spec;
pub mod station;
pub mod visit;
mod wire;
pub mod words;
