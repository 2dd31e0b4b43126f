//! Logs in, groups out: the scanner against what real engines wrote, and against damage.

mod ahead;
mod cuts;
mod errors;
mod flips;
mod folder;
mod golden;
mod grammar;
mod log;
mod stored;
mod torn;
mod v2;
