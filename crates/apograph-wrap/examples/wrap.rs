//! A file is wrapped, opened, and a part of it read.

use std::fs::File;
use std::io::BufWriter;

use apograph_wrap::io::{At, Context, Folder, Threads};
use apograph_wrap::{Compression, WrappedFile, wrap};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log");
    std::fs::write(
        &log,
        (0..2_000_000_u32)
            .flat_map(u32::to_le_bytes)
            .collect::<Vec<_>>(),
    )?;

    let threads = Threads::default();
    let context = Context {
        threads: &threads,
        ..Context::default()
    };
    let opened = Folder::open(folder.path())?;
    let at: At<'_> = opened.at("log");
    let plain = at.source()?;
    let target = folder.path().join("log.zst");
    let mut out = BufWriter::new(File::create(&target)?);
    let made = wrap(
        &plain,
        b"two million numbers",
        Compression::LOG,
        context,
        &mut out,
    )?;
    out.into_inner()?;
    println!("{} bytes became {}", made.plain_bytes, made.wrapped_bytes);

    let mut wrapped = WrappedFile::open(File::open(&target)?)?;
    let number = wrapped.read(4_000_000..4_000_004)?;
    println!(
        "{}: number 1,000,000 is {number:?}",
        String::from_utf8_lossy(wrapped.record())
    );
    Ok(())
}
