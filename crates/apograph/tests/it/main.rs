//! The contract of the command, on the golden repositories. What it does to live databases is
//! judged by the real engine in `apograph-interop`.

mod contract;
mod help;
