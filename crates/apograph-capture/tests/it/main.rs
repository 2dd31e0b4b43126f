//! Captures of databases as real engines left them, and of what was made of those.

mod after_engine_v1;
mod beside;
mod checkpoints_v1;
mod closed_v2;
mod continuity;
mod continuity_v1;
mod continuity_v2;
mod copying;
mod cursor;
mod evidence;
mod folders;
mod frames;
mod full;
mod held;
mod history;
mod increment;
mod live;
mod lost;
mod monitors;
mod older_files;
mod pacing;
mod places;
mod publishing;
mod remains;
mod stamps;
mod words;
