//! Owns what a plan may say and what it is made from. A plan only lowers or re-weights: whatever
//! it says, the filling keeps every row. Must never be needed: without a plan the site charges.

pub mod departure;
