//! The driver of generation 1: one live database of Grafeo 0.5.

mod driver;
mod engine;

fn main() -> std::io::Result<()> {
    driver::serve()
}
