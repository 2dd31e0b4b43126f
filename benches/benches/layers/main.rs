//! A benchmark for each layer, from below.
//!
//! They are one program, because each with the engine in it takes long to link.

mod capture;
mod crc;
mod frames;
mod groups;
mod header;
mod manifest;
mod records;
mod restore;
mod verify;

use apograph_benches::measure_each;

fn main() {
    measure_each(|criterion, workloads| {
        header::measure(criterion);
        records::measure(criterion);
        crc::measure(criterion, workloads);
        manifest::measure(criterion, workloads);
        frames::measure(criterion, workloads);
        groups::measure(criterion, workloads);
        capture::measure(criterion, workloads);
        restore::measure(criterion, workloads);
        verify::measure(criterion, workloads);
    });
}
