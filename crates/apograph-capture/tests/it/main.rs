//! Captures of databases as real engines left them, and of what was made of those.

mod continuity;
mod copying;
mod cursor;
mod folders;
mod full;
mod held;
mod increment;
mod live;
mod words;
