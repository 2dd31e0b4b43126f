//! Tells what the header of a backup segment or of a database file says.
//!
//! `cargo run --example headers [FILE]`; without a file, the header of a segment of its own.

use std::error::Error;
use std::fs::File;
use std::io::Read;

use apograph_format::{
    DATABASE_HEADERS_BYTES, DATABASE_MAGIC, DatabaseHeaders, Epoch, SegmentFlags, SegmentHeader,
};

fn main() -> Result<(), Box<dyn Error>> {
    let bytes = match std::env::args_os().nth(1) {
        Some(path) => front_of(File::open(path)?)?,
        None => built_in(),
    };
    if bytes.starts_with(&DATABASE_MAGIC) {
        print_database(&DatabaseHeaders::decode(&bytes)?);
    } else {
        print_segment(&SegmentHeader::decode(&bytes)?);
    }
    Ok(())
}

/// As much of a file as any header takes.
fn front_of(file: File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(DATABASE_HEADERS_BYTES as u64)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn built_in() -> Vec<u8> {
    let header = SegmentHeader {
        start_epoch: Epoch::new(42),
        end_epoch: Epoch::new(60),
        log_files: 1,
        flags: SegmentFlags::default(),
    };
    header.encode().to_vec()
}

fn print_segment(header: &SegmentHeader) {
    println!("incremental segment");
    println!(
        "  epochs     {} to {}",
        header.start_epoch, header.end_epoch
    );
    println!("  log files  {}", header.log_files);
    println!("  flags      {:?}", header.flags);
}

fn print_database(headers: &DatabaseHeaders) {
    let slot = headers.active();
    println!("database file of Grafeo {}", headers.file.creator);
    println!("  created at   {} ms", headers.file.created_at);
    println!(
        "  checkpoints  {}, the last at {} ms",
        slot.iteration, slot.written_at
    );
    println!("  epoch        {}", slot.epoch);
    println!("  nodes        {}", slot.node_count);
    println!("  edges        {}", slot.edge_count);
}
