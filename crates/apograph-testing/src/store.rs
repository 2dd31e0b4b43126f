//! Stores for tests: what every one promises, one that fails as it is told, and a stand-in for a server.

pub mod contract;
mod faulty;
pub mod stand_in;

pub use faulty::{FaultyStore, RequestKind, RequestTally, StoreFault, StoreRequest};
