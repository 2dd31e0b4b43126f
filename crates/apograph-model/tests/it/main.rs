//! Stories, some thousand of them, and what must not pass.

mod derived;
mod found;
mod fuzz;
mod reading;
mod stories;
