//! Load control, as far as it is pure: the electrical tree and what it compiles to, external
//! limits, the filling that shares what there is, and the contract of planners. Owns no state
//! between two calls; must never send anything or believe that a limit that was sent is obeyed.

pub mod amount;
pub mod circuit;
pub mod external;
pub mod fill;
pub mod legs;
pub mod plan;
pub mod rows;
