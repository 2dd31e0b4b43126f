//! Captures of databases as real engines left them, and of what was made of those.

mod continuity;
mod continuity_v1;
mod continuity_v2;
mod copying;
mod cursor;
mod folders;
mod full;
mod held;
mod increment;
mod live;
mod publishing;
mod words;
