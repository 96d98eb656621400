//! OCPP 1.6J with the security extension, mapped up to the three-tier model: connector n is EVSE
//! n, connector 1; connector 0 is the station (DESIGN section 5).
//! Must never import another version.

pub(crate) mod capability;
pub(crate) mod inbound;
mod metering;
pub(crate) mod outbound;
pub(crate) mod profile;
