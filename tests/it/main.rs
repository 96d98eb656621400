//! The end-to-end tests, one binary: each module is one kind of proof.

mod store;
