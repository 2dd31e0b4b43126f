//! The cursor: a note in the log folder that tells the engine which log files to keep.
//!
//! The engine keeps the files behind the cursor's log sequence when a checkpoint clears the log
//! (FORMAT.md, "Cursor"). It has no way to say "keep file 0 too": sequence 0 means that file 0 is
//! backed up, and no cursor at all keeps nothing. But a cursor that the engine cannot read keeps
//! everything, so that is what [`Keep::AllFiles`] writes: the byte 255, which begins no bincode
//! number, in front of the numbers. It is needed only while a chain ends in file 0. The engine
//! logs a warning at a checkpoint then, and refuses to take an increment of its own.
//!
//! Generation 2 writes JSON, and names the LSN from which on log files are needed. Fields that are
//! not known here are kept when the cursor is written anew.
//!
//! The cursor has no checksum. Nobody needs its time to the millisecond, so we choose the lowest
//! byte of it such that all bytes of the file XOR to 0 ([`Cursor::note`]): one byte that is not as
//! we wrote it then shows. The engine's cursors do not keep that rule, and neither do those of
//! generation 2, where the LSNs in the log itself prove where a chain goes on.

use std::path::Path;

use apograph_format::{Epoch, LogSequence, Lsn, UnixMillis};
use apograph_io::{Disk, Folder, Mode, replace_file};
use serde::{Deserialize, Serialize};

use crate::error::{ManifestError, Result};
use crate::segment::Unknown;

/// The name of the cursor in a log folder.
pub const CURSOR_FILE_NAME: &str = "backup_cursor.meta";
/// The most that a cursor may have.
pub const CURSOR_MAX_BYTES: u64 = 64 << 10;
const DECODE_LIMIT_BYTES: usize = 256;
const UNREADABLE: u8 = 255;

/// Which log files the engine has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Those with a higher number. The engine writes only this.
    FilesAfter(LogSequence),
    /// Every one, file 0 too.
    AllFiles,
    /// Generation 2: those that end behind this position. A cursor that generation 1 wrote, and
    /// that was made JSON, says none.
    FromLsn(Option<Lsn>),
}

/// How far the log is backed up, as noted in the log folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The end epoch of the last segment.
    pub backed_up_epoch: Epoch,
    /// Which log files are still needed.
    pub keep: Keep,
    /// When the cursor was written.
    pub written_at: UnixMillis,
    /// What else a JSON cursor says.
    #[serde(skip)]
    pub unknown: Unknown,
}

#[derive(Serialize, Deserialize)]
struct JsonCursor {
    backed_up_epoch: Epoch,
    log_sequence: LogSequence,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wal_lsn: Option<Lsn>,
    timestamp_ms: UnixMillis,
    #[serde(flatten)]
    unknown: Unknown,
}

impl Cursor {
    /// A cursor of ours for generation 2; fields that are not known here are those of `present`.
    pub fn from_lsn(backed_up_epoch: Epoch, lsn: Lsn, now: UnixMillis, present: &Unknown) -> Self {
        Self {
            backed_up_epoch,
            keep: Keep::FromLsn(Some(lsn)),
            written_at: now,
            unknown: present.clone(),
        }
    }

    /// Whether both say the same, as far as it is known here.
    pub fn is_same(&self, other: &Self) -> bool {
        let known = |it: &Self| (it.backed_up_epoch, it.keep, it.written_at);
        known(self) == known(other)
    }

    /// A cursor of ours for generation 1; its time is `now` to within 256 ms.
    pub fn note(backed_up_epoch: Epoch, keep: Keep, now: UnixMillis) -> Self {
        let at = |millis| Self {
            backed_up_epoch,
            keep,
            written_at: UnixMillis::new(millis),
            unknown: Unknown::new(),
        };
        let times = now.get() & !0xff..=now.get() | 0xff;
        let mut ours = times.map(at).filter(Self::is_ours);
        ours.next().unwrap_or(at(now.get()))
    }

    /// Whether the bytes keep the rule of our own cursors of generation 1.
    pub fn is_ours(&self) -> bool {
        !matches!(self.keep, Keep::FromLsn(_))
            && self.encode().iter().fold(0, |sum, byte| sum ^ byte) == 0
    }

    /// Reads the content of a cursor file; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`ManifestError::CorruptCursor`] where the bytes are not exactly one cursor, as the engine
    /// or [`Cursor::encode`] writes it.
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        let corrupt = |detail: String| ManifestError::CorruptCursor {
            path: path.to_owned(),
            detail,
        };
        if bytes.first() == Some(&b'{')
            && let Ok(json) = serde_json::from_slice::<JsonCursor>(bytes)
        {
            return Ok(Self {
                backed_up_epoch: json.backed_up_epoch,
                keep: Keep::FromLsn(json.wal_lsn),
                written_at: json.timestamp_ms,
                unknown: json.unknown,
            });
        }
        let (keeps_all, numbers) = match bytes.split_first() {
            Some((&UNREADABLE, rest)) => (true, rest),
            _ => (false, bytes),
        };
        let config = bincode::config::standard().with_limit::<DECODE_LIMIT_BYTES>();
        let ((backed_up_epoch, log_sequence, written_at), taken) =
            bincode::decode_from_slice(numbers, config)
                .map_err(|error| corrupt(error.to_string()))?;
        if taken != numbers.len() {
            return Err(corrupt(format!(
                "{} bytes after its end",
                numbers.len().abs_diff(taken)
            )));
        }
        let keep = match (keeps_all, log_sequence) {
            (false, sequence) => Keep::FilesAfter(sequence),
            (true, sequence) if sequence == LogSequence::new(0) => Keep::AllFiles,
            (true, sequence) => {
                return Err(corrupt(format!("it keeps all files after {sequence}")));
            }
        };
        let cursor = Self {
            backed_up_epoch,
            keep,
            written_at,
            unknown: Unknown::new(),
        };
        if cursor.encode() != bytes {
            return Err(corrupt("a number is not in its shortest form".to_owned()));
        }
        Ok(cursor)
    }

    /// The content of a cursor file.
    pub fn encode(&self) -> Vec<u8> {
        let (mut bytes, sequence) = match self.keep {
            Keep::FilesAfter(sequence) => (Vec::new(), sequence),
            Keep::AllFiles => (vec![UNREADABLE], LogSequence::new(0)),
            Keep::FromLsn(wal_lsn) => return self.json(wal_lsn),
        };
        let numbers = (self.backed_up_epoch, sequence, self.written_at);
        let encoded = bincode::encode_to_vec(numbers, bincode::config::standard());
        // Encoding three numbers into memory cannot fail.
        bytes.extend(encoded.unwrap_or_default());
        bytes
    }

    fn json(&self, wal_lsn: Option<Lsn>) -> Vec<u8> {
        let json = JsonCursor {
            backed_up_epoch: self.backed_up_epoch,
            log_sequence: LogSequence::new(0),
            wal_lsn,
            timestamp_ms: self.written_at,
            unknown: self.unknown.clone(),
        };
        // Numbers and what was JSON before: JSON can say all of it.
        serde_json::to_vec_pretty(&json).unwrap_or_default()
    }
}

/// Reads the cursor in a log folder; `None` where there is none.
///
/// # Errors
///
/// As [`Cursor::decode`], and [`ManifestError::Io`].
pub fn read_cursor(log_folder: &Folder) -> Result<Option<Cursor>> {
    let at = log_folder.at(CURSOR_FILE_NAME);
    let bytes = at.read_small(CURSOR_MAX_BYTES)?;
    bytes
        .map(|bytes| Cursor::decode(&bytes, &at.path()))
        .transpose()
}

/// Replaces the cursor in a log folder, whole and durably.
///
/// # Errors
///
/// [`ManifestError::Io`].
pub fn write_cursor(
    disk: &dyn Disk,
    log_folder: &Folder,
    mode: Mode,
    cursor: &Cursor,
) -> Result<()> {
    let at = log_folder.at(CURSOR_FILE_NAME);
    Ok(replace_file(disk, at, mode, &cursor.encode())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_ours_shows_a_changed_byte() {
        for keep in [Keep::AllFiles, Keep::FilesAfter(LogSequence::new(300))] {
            for epoch in [0, 250, 251, 70_000] {
                let now = UnixMillis::new(1_795_243_024_331);
                let cursor = Cursor::note(Epoch::new(epoch), keep, now);
                assert!(cursor.is_ours() && cursor.written_at.get().abs_diff(now.get()) < 256);
                let bytes = cursor.encode();
                let path = Path::new("cursor");
                assert_eq!(Cursor::decode(&bytes, path).unwrap(), cursor);
                for (offset, mask) in
                    (0..bytes.len()).flat_map(|at| (1..=255).map(move |it| (at, it)))
                {
                    let mut damaged = bytes.clone();
                    damaged[offset] ^= mask;
                    let read = Cursor::decode(&damaged, path);
                    assert!(
                        read.is_err() || read.is_ok_and(|it| !it.is_ours()),
                        "{offset} {mask}"
                    );
                }
            }
        }
    }
}
