//! Reading a whole log, checking every frame: ours, and the engine's.

use std::path::Path;

use apograph_format::Generation;
use apograph_io::Threads;
use apograph_wal::{GroupReader, LogEndCause, LogFolder, LogPart, read_ahead};
use grafeo_storage::wal::WalRecovery;

use crate::Result;

/// Opens a log and reads it to its end.
///
/// # Errors
///
/// What cannot be opened; that the log does not end with a whole group.
pub fn by_apograph(folder: &Path, generation: Generation) -> Result<()> {
    with_parts(folder, generation, |parts| {
        let end = read_ahead(parts, Threads::default(), GroupReader::finish);
        match end.cause {
            LogEndCause::Clean => Ok(()),
            cause => Err(format!("the log ends with {cause:?}").into()),
        }
    })
}

/// Lets the engine read a log of generation 1; tells how many records it found.
///
/// # Errors
///
/// What the engine says.
pub fn by_engine(folder: &Path) -> Result<usize> {
    Ok(WalRecovery::new(folder).recover()?.len())
}

/// Opens and maps a whole log.
pub(crate) fn with_parts<T>(
    folder: &Path,
    generation: Generation,
    read: impl FnOnce(&[LogPart<'_>]) -> Result<T>,
) -> Result<T> {
    let opened = LogFolder::open(folder, generation)?;
    let opened = opened.ok_or("there is no log folder")?;
    let first = opened.files().first().ok_or("there is no log file")?;
    read(&opened.from(first.start)?.parts)
}
