//! What each store promises, and what the one in a folder does beside.

mod contract;
mod faulty;
mod folder;
mod names;
mod probe;
