//! What 2.0.1 and 2.1 share, written once. Their types have the same names and nearly the same
//! fields but are not the same types, so these are macros over the version's module; what differs
//! stands in the version's own file beside the invocation.
//! Must never hold what only one version has.

mod capability;
mod charging;
mod inbound;
mod metering;
mod outbound;
mod profile;

pub(crate) use capability::capability;
pub(crate) use charging::charging;
pub(crate) use inbound::inbound;
pub(crate) use metering::metering;
pub(crate) use outbound::outbound;
pub(crate) use profile::profile;
