//! Stores for tests: what every one promises, and one that fails as it is told.

pub mod contract;
mod faulty;

pub use faulty::{FaultyStore, RequestKind, RequestTally, StoreFault, StoreRequest};
