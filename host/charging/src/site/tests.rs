//! The site under test: a bench that applies, recalls and prices in virtual time.

mod bench;
mod billing;
mod costs;
mod load;
mod moves;
mod permutations;
mod pitfalls;
mod rules;
