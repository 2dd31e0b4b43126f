//! The cursor that a backup leaves in the log folder, for the engine to keep the log after it.

use apograph_format::{Epoch, LogPosition, UnixMillis};
use apograph_manifest::{Cursor, Keep, Unknown};
use apograph_wal::{LogFile, LogFolder};

/// The start of the first log file that the chain does not hold whole.
pub(crate) fn kept_from(log: &LogFolder, end: LogPosition) -> LogPosition {
    let holding = log.files().iter().rfind(|file| file.start() <= end);
    holding.map_or(end, LogFile::start)
}

/// The cursor that keeps a log file and all after it.
pub(crate) fn cursor_at(
    keep: LogPosition,
    backed_up_epoch: Epoch,
    now: UnixMillis,
    unknown: &Unknown,
) -> Cursor {
    match keep {
        LogPosition::File(place) => {
            let keep = place
                .sequence
                .previous()
                .map_or(Keep::AllFiles, Keep::FilesAfter);
            Cursor::note(backed_up_epoch, keep, now)
        }
        LogPosition::Lsn(lsn) => Cursor::from_lsn(backed_up_epoch, lsn, now, unknown),
    }
}
