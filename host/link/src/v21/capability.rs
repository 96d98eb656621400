//! Owns how 2.1 is asked what it can do with charging profiles. Must never judge what it says.

crate::v2x::capability!(v21);
