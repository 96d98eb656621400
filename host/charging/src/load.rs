//! Load control, as far as it is pure: the electrical tree and what it compiles to, external
//! limits, the filling that shares what there is, the contract of planners, and the safety kernel,
//! which alone owns state between two calls. Must never send anything, or believe that a limit
//! that was sent is obeyed.

pub mod amount;
pub mod circuit;
pub mod config;
pub mod external;
pub mod fill;
pub mod kernel;
pub mod legs;
pub mod models;
pub mod plan;
pub mod question;
pub mod rows;
