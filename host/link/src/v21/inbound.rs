//! Owns what 2.1's requests say in the core's words: a running cost is told with each Updated, the
//! final one with Ended (PITFALLS 162). Must never refuse a message for what it means.

crate::v2x::inbound!(v21, costs_run: true);
