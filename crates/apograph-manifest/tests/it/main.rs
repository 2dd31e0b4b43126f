//! The small files of a repository: against what real engines wrote, and against damage.

mod chain;
mod content;
mod cursor;
mod errors;
mod files;
mod history;
mod history_added;
mod history_lines;
mod manifest;
mod marker;
mod merging;
mod model;
mod notes;
mod properties;
mod segment;
mod v2;
mod verification;
