//! Tells what the header of a backup segment, of a database file or of a log file says.
//!
//! `cargo run --example headers [FILE]`; without a file, the header of a segment of its own.

use std::error::Error;
use std::fs::File;
use std::io::Read;

use apograph_format::v2::{WAL_SEGMENT_MAGIC, WalSegmentHeader};
use apograph_format::{
    DATABASE_HEADERS_BYTES, DATABASE_MAGIC, DatabaseHeaders, Epoch, Generation, SegmentFlags,
    SegmentHeader,
};

fn main() -> Result<(), Box<dyn Error>> {
    let bytes = match std::env::args_os().nth(1) {
        Some(path) => front_of(File::open(path)?)?,
        None => built_in(),
    };
    if bytes.starts_with(&WAL_SEGMENT_MAGIC) {
        print_log_file(&WalSegmentHeader::decode(&bytes)?);
    } else if bytes.starts_with(&DATABASE_MAGIC) {
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
        generation: Generation::Two,
        start_epoch: Epoch::new(42),
        end_epoch: Epoch::new(60),
        count: 19,
        flags: SegmentFlags::default(),
    };
    header.encode().to_vec()
}

fn print_segment(header: &SegmentHeader) {
    let counted = match header.generation {
        Generation::One => "log files",
        Generation::Two => "commits",
    };
    println!(
        "incremental segment of generation {}",
        header.generation.number()
    );
    println!(
        "  {:<10} {} to {}",
        "epochs", header.start_epoch, header.end_epoch
    );
    println!("  {counted:<10} {}", header.count);
    println!("  {:<10} {:?}", "flags", header.flags);
}

fn print_database(headers: &DatabaseHeaders) {
    let (file, checkpoint) = (&headers.file, &headers.checkpoint);
    println!("database file of Grafeo {}", file.creator);
    if let Some(id) = file.id {
        println!("  id           {id}");
    }
    if file.is_encrypted {
        println!("  encrypted");
    }
    println!("  created at   {} ms", file.created_at);
    println!(
        "  checkpoints  {}, the last at {} ms",
        checkpoint.iteration, checkpoint.written_at
    );
    println!("  epoch        {}", checkpoint.epoch);
    println!("  nodes        {}", checkpoint.node_count);
    println!("  edges        {}", checkpoint.edge_count);
    if let Some(lsn) = checkpoint.log_start {
        println!("  log from     LSN {lsn}");
    }
}

fn print_log_file(header: &WalSegmentHeader) {
    println!("log file of generation 2");
    println!("  database     {}", header.database);
    if header.is_encrypted {
        println!("  encrypted");
    }
    println!("  created at   {} ms", header.created_at);
    println!("  log from     LSN {}", header.first_lsn);
}
