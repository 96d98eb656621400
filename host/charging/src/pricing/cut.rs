//! Owns the cutting of a session into periods in which nothing that decides a price changes.
