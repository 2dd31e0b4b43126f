//! Verification, on repositories that an engine wrote.

mod verify;
