//! Scenarios, some thousand of them, and what must not pass.

mod derived;
mod found;
mod fuzz;
mod merged;
mod readers;
mod reading;
mod scenarios;
