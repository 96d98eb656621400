//! One node's machinery, sans-IO: queues, recall, commit order, release, recovery, and the Store
//! contract. Must never read a clock, do I/O or make a random number but from its seed.

pub mod store;
