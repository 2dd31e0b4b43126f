//! Generation 1: whether a log has seen no checkpoint: its image is then exactly where it begins.

use apograph_format::{LogPosition, LogSequence};
use apograph_wal::{GroupReader, LogEvent, LogFile, LogFolder};

/// A group that begins below this many bytes of a log file does not end the file.
const FULL_FILE_BYTES: usize = 64 << 20;

/// Whether no checkpoint has begun since the log was.
///
/// A checkpoint starts a new file before it writes its image. Other reasons for a new file leave
/// their mark: the file before it is full, or the new one begins with a seal.
pub(crate) fn is_fresh(log: &LogFolder) -> bool {
    let files = log.files();
    let beginning = LogPosition::in_file(LogSequence::new(0), 0);
    let from_the_start = files.first().is_none_or(|first| first.start == beginning);
    let explained = files.windows(2).all(|pair| match pair {
        [before, file] => before.bytes.len() >= FULL_FILE_BYTES || begins_with_seal(file),
        _ => true,
    });
    log.checkpoint().is_none() && from_the_start && explained
}

fn begins_with_seal(file: &LogFile) -> bool {
    let parts = [file.part()];
    matches!(GroupReader::new(&parts).next(), Some(LogEvent::Seal { run }) if run.start == 0)
}
