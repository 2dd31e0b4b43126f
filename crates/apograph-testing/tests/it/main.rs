//! The test support itself: fixtures are found, damage is complete, fuzz targets hold.

mod damage;
mod fixtures;
mod fuzz;
