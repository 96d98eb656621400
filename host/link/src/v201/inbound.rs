//! Owns what 2.0.1's requests say in the core's words: a cost is told only when charging has ended
//! (PITFALLS 161). Must never refuse a message for what it means.

crate::v2x::inbound!(v201, costs_run: false);
