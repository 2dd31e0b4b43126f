//! What nothing can be faster than: `crc32fast` over the same bytes, on all cores, for what reads;
//! a durable copy of the same bytes for what writes.
//!
//! Files are read by the piece, as ours are: the copy from the system's cache is part of the price.

use std::fs::{self, File};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use apograph_format::log_folder;
use apograph_io::{Source, Threads, open_regular};

use crate::Result;

const CHUNK_BYTES: usize = 1 << 20;

/// The files in a folder, by their names.
///
/// # Errors
///
/// What the operating system says.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir()?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

/// The log files in a log folder, in the order of the log.
///
/// # Errors
///
/// What the operating system says.
pub fn logs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = files(folder)?;
    files.retain(|path| path.extension().is_some_and(|it| it == "log"));
    Ok(files)
}

/// Copies a database file and its log, durably; tells how many bytes they have.
///
/// # Errors
///
/// What the operating system says.
pub fn copy(from: &Path, to: &Path) -> Result<u64> {
    fs::create_dir(log_folder(to))?;
    let mut copies = vec![(from.to_owned(), to.to_owned())];
    for log in logs(&log_folder(from))? {
        let name = log.file_name().ok_or("a file without a name")?;
        copies.push((log.clone(), log_folder(to).join(name)));
    }
    let mut bytes = 0;
    for (from, to) in copies {
        bytes += fs::copy(from, &to)?;
        File::open(to)?.sync_all()?;
    }
    Ok(bytes)
}

pub(crate) fn sources(paths: &[PathBuf]) -> Result<Vec<Source>> {
    let sources = paths
        .iter()
        .map(|path| Ok(Source::of(open_regular(path)?, path)?));
    sources.collect()
}

/// Every byte of some files, split over the threads.
///
/// # Errors
///
/// What the operating system says.
pub fn bytes(paths: &[PathBuf], threads: &Threads) -> Result<()> {
    let files = sources(paths)?;
    let chunks = files.iter().flat_map(|file| {
        let starts = (0..file.len()).step_by(CHUNK_BYTES);
        starts.map(|start| file.bytes().slice(start..start + CHUNK_BYTES))
    });
    let chunks: Vec<_> = chunks.collect();
    hash(chunks.len(), threads, |index| {
        let mut hasher = crc32fast::Hasher::new();
        if let Some(chunk) = chunks.get(index) {
            chunk.for_each(|piece| hasher.update(piece))?;
        }
        Ok(hasher.finalize())
    })
}

/// Every byte of some slices, split over the threads.
pub fn in_memory(slices: &[&[u8]], threads: &Threads) {
    let chunks = slices.iter().flat_map(|it| it.chunks(CHUNK_BYTES));
    let chunks: Vec<&[u8]> = chunks.collect();
    hash(chunks.len(), threads, |index| {
        Ok(chunks.get(index).map_or(0, |it| crc32fast::hash(it)))
    })
    .unwrap_or_default();
}

/// Takes the checksums of so many pieces, split over the threads.
pub(crate) fn hash(
    chunks: usize,
    threads: &Threads,
    of: impl Fn(usize) -> apograph_io::Result<u32> + Sync,
) -> Result<()> {
    let sum = AtomicU32::new(0);
    threads.try_for_each(chunks, |index| {
        sum.fetch_xor(of(index)?, Ordering::Relaxed);
        Ok::<_, apograph_io::IoError>(())
    })?;
    black_box(sum.into_inner());
    Ok(())
}
