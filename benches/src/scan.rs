//! Reading a whole log, checking every frame: ours, and the engine's.

use std::path::Path;

use apograph_format::v2::{WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader};
use apograph_format::{Generation, LogSequence};
use apograph_io::Threads;
use apograph_wal::{LogEndCause, LogPart, read_ahead};
use grafeo_storage::wal::WalRecovery;

use crate::{Result, limit};

/// Opens a log and reads it to its end on some threads.
///
/// # Errors
///
/// What cannot be opened; that the log does not end with a whole group.
pub fn by_apograph(folder: &Path, generation: Generation, threads: &Threads) -> Result<()> {
    with_parts(folder, generation, |parts| {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method takes a reader of one lifetime, the closure one of any"
        )]
        let end = read_ahead(parts, threads, |groups| groups.finish())?;
        match end.map(|end| end.cause) {
            Some(LogEndCause::Clean) => Ok(()),
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

/// Opens a whole log that nobody writes to. (Of a live one of generation 2 the newest file would be
/// copied, since its engine can cut it: that is a cost of a backup, and measured there.)
pub(crate) fn with_parts<T>(
    folder: &Path,
    generation: Generation,
    read: impl FnOnce(&[LogPart<'_>]) -> Result<T>,
) -> Result<T> {
    let files = limit::sources(&limit::logs(folder)?)?;
    let parts = files.iter().enumerate().map(|(index, file)| {
        Ok(match generation {
            Generation::One => LogPart::of_file(LogSequence::new(index as u64), 0, file),
            Generation::Two => {
                let front = file.bytes().slice(0..WAL_SEGMENT_HEADER_BYTES).read()?;
                let header = WalSegmentHeader::decode(&front)?;
                LogPart::of_segment(&header, file.bytes().skip(WAL_SEGMENT_HEADER_BYTES))
            }
        })
    });
    read(&parts.collect::<Result<Vec<_>>>()?)
}
