//! The test support itself: fixtures are found, damage is complete, fuzz targets hold.

mod damage;
mod disk;
mod fixtures;
mod fuzz;
