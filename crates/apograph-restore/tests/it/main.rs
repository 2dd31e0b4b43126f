//! Restores and verifications, of repositories that an engine wrote.

mod commits;
mod cuts;
mod errors;
mod forge;
mod hearing;
mod output;
mod problems;
mod restore;
mod salvage;
mod unsummed;
mod vault;
mod verify;
