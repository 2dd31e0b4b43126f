//! Publishes a file: whole or absent, and never over another one.
//!
//! `cargo run --example publish [PATH]`; without a path, in a temporary folder.

use std::error::Error;
use std::path::{Path, PathBuf};

use apograph_io::format::WithCauses;
use apograph_io::{Folder, Mode, RealDisk, StagedFile, Threads, crc32};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let path = given.unwrap_or_else(|| folder.path().join("report"));

    publish(&path, b"whole or absent\n")?;
    let bytes = std::fs::read(&path)?;
    let checksum = crc32(&bytes, &Threads::default());
    println!(
        "{}: {} bytes, CRC-32 {checksum}",
        path.display(),
        bytes.len()
    );

    match publish(&path, b"something else\n") {
        Err(error) if error.is_already_exists() => {
            println!("not published again: {}", WithCauses(&error));
        }
        other => other?,
    }
    Ok(())
}

fn publish(path: &Path, content: &[u8]) -> apograph_io::Result<()> {
    let (folder, name) = Folder::holding(path)?;
    let mut staged = StagedFile::create(&RealDisk, folder.at(name), Mode::PRIVATE)?;
    staged.write(content)?;
    staged.publish()
}
