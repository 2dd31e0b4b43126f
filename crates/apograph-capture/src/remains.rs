//! What is left of a log of generation 1 that a close was removing.
//!
//! A close writes the image and `checkpoint.meta`, and then removes the log folder file by file, in
//! whatever order the file system lists them. Where an engine from 0.5.44 on was backed up, older
//! log files lie there too, since the cursor keeps them. Once `checkpoint.meta` is gone, an engine
//! that opens the database replays every log file that is left onto an image that holds all of
//! them. That leads to the image again where the newest are left, and to older values where they
//! are gone.
//!
//! So such a log is no log of a process that began after the image, as which it would pass where
//! its first file is left: it is older than the image. A killed close leaves it for the next open,
//! and a backup takes it as that open does, with no point before its end. While an engine is in the
//! middle of the close, the image alone counts: the backup looks again until the close is over.

use std::time::SystemTime;

use apograph_format::{DatabaseHeaders, Generation};
use apograph_io::{Context, sums};
use apograph_manifest::{Evidence, ImageIdentity, read_markers};
use apograph_repository::Repository;
use apograph_wal::{LogFolder, is_begun_before, is_fresh};

use crate::error::{CaptureError, Result};
use crate::live::is_of_checkpoint;

/// Whether a log that says nothing of a checkpoint was there before the image was written.
///
/// Its first file says so where it was begun before the image was written: by the clock of the file
/// system, which wrote both, at `written`, and by the stamp in the image, since a restored log is
/// written before its image, and long after that stamp. So does what a backup wrote down beside
/// another image, or beside this one where it found the log to be older itself: a marker in the
/// folder, or the evidence of the repository where the log file is the one that it captured.
pub(crate) fn is_older_than_image(
    log: &LogFolder,
    headers: &DatabaseHeaders,
    written: Option<SystemTime>,
    repository: &Repository,
    context: Context<'_>,
) -> Result<bool> {
    let image = ImageIdentity::of(headers);
    let says_nothing = log.generation() == Generation::One && log.checkpoint().is_none();
    let Some(first) = log.files().first().filter(|_| says_nothing) else {
        return Ok(false);
    };
    if image.iteration == 0 {
        return Ok(false);
    }
    if is_begun_before(first, headers, written) {
        return Ok(true);
    }
    let markers = read_markers(log.folder()).map_err(CaptureError::Cursor)?;
    let slots = markers.iter().filter_map(|(_, marker)| marker.newest());
    let is_doubt = |evidence: &Evidence| {
        evidence.image != image || evidence.log.is_some_and(|log| log.is_older)
    };
    if slots.into_iter().any(|slot| is_doubt(&slot.evidence)) {
        return Ok(true);
    }
    let known = repository.evidence().filter(|known| is_doubt(known));
    // Of one without a byte every file is a copy.
    let captured = known.and_then(|known| known.log?.file.filter(|file| file.length > 0));
    let file = captured.and_then(|captured| log.file(captured.sequence));
    let Some((file, captured)) = file.zip(captured) else {
        return Ok(false);
    };
    let length = usize::try_from(captured.length).unwrap_or(usize::MAX);
    Ok(sums(file.bytes().slice(0..length), context)?.blake3 == captured.hash)
}

/// Whether image and log are of one moment for good: `checkpoint.meta` is of the image, and the log
/// file that it names is there; or no checkpoint has begun since the log was, which is no older
/// than the image. A close and a checkpoint that are under way leave neither.
pub(crate) fn is_settled(
    log: &LogFolder,
    headers: &DatabaseHeaders,
    is_older: bool,
) -> Result<bool> {
    Ok(match log.checkpoint() {
        Some(recorded) => {
            is_of_checkpoint(recorded, &headers.checkpoint)
                && log.file(recorded.log_sequence).is_some()
        }
        None => !is_older && is_fresh(log)?,
    })
}
