//! The contract of the command, on the golden repositories. What it does to live databases is
//! judged by the real engine in `apograph-interop`.

mod command;
mod configuration;
mod contract;
mod contract_v2;
#[cfg(feature = "encryption")]
mod encryption;
mod follow;
mod help;
mod mistakes;
mod places;
mod prune;
mod records;
mod report;
mod salvage;
mod status;
mod waiting;
