//! Prices by an OCPI tariff.
