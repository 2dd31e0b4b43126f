//! The driver of generation 2: one live database of Grafeo 0.6.

#[path = "../../src/bin/grafeo-driver/driver/mod.rs"]
mod driver;
mod engine;

fn main() -> std::io::Result<()> {
    driver::serve()
}
