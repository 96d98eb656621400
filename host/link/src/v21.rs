//! OCPP 2.1.
//! Must never import another version.

pub(crate) mod inbound;
mod metering;
pub(crate) mod outbound;
