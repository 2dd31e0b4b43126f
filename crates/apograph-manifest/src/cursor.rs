//! The cursor: a note in the log folder that tells the engine which log files to keep.
//!
//! The engine keeps the files after the cursor's log sequence when a checkpoint clears the log
//! (FORMAT.md, "Cursor"). It has no way to say "keep file 0 too": sequence 0 means that file 0 is
//! backed up, and no cursor at all keeps nothing. But a cursor that the engine cannot read keeps
//! everything, so that is what [`Keep::AllFiles`] writes: the byte 255, which begins no bincode
//! number, in the place of the first one. The engine logs a warning at a checkpoint then, and
//! refuses to take an increment of its own.
//!
//! Ours of generation 1 has always 27 bytes, each number in its widest form, and is changed byte by
//! byte in place: a new name in the folder would be in the way of an engine that closes the
//! database just then, and what an engine reads meanwhile never names a file that is still needed
//! ([`write_cursor`]). The width also tells ours from the engine's.
//!
//! Generation 2 writes JSON, and names the LSN from which on log files are needed. Fields that are
//! not known here are kept when the cursor is written anew.
//!
//! The cursor proves nothing and has no checksum: what proves that a chain goes on is the
//! [evidence](crate::Evidence).

use std::ops::Range;
use std::path::Path;

use apograph_format::{Detail, Epoch, LogSequence, Lsn, UnixMillis};
use apograph_io::{Disk, Folder, Mode, create_file, replace_file};
use serde::{Deserialize, Serialize};

use crate::error::{ManifestError, Result};
use crate::segment::Unknown;

/// The name of the cursor in a log folder.
pub const CURSOR_FILE_NAME: &str = "backup_cursor.meta";
/// The most that a cursor may have.
pub const CURSOR_MAX_BYTES: u64 = 64 << 10;
const DECODE_LIMIT_BYTES: usize = 256;
/// Begins no bincode number.
const UNREADABLE: u8 = 255;
/// Begins a bincode number of eight bytes.
const WIDE: u8 = 253;
const WIDE_NUMBER_BYTES: usize = 1 + size_of::<u64>();
/// The size of a cursor of ours of generation 1.
const WIDE_BYTES: usize = 3 * WIDE_NUMBER_BYTES;
/// Where the log sequence lies in it, without the byte that says how wide it is.
const SEQUENCE: Range<usize> = WIDE_NUMBER_BYTES + 1..2 * WIDE_NUMBER_BYTES;

/// Which log files the engine has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Those with a higher number. The engine writes only this.
    FilesAfter(LogSequence),
    /// Every one, file 0 too.
    AllFiles,
    /// Generation 2: those that end after this position. A cursor that generation 1 wrote, and
    /// that was made JSON, says none.
    FromLsn(Option<Lsn>),
}

/// How far the log is backed up, as noted in the log folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias = "BackupCursor")]
pub struct Cursor {
    /// The end epoch of the last segment.
    pub backed_up_epoch: Epoch,
    /// Which log files are still needed.
    pub keep: Keep,
    /// When the cursor was written.
    pub written_at: UnixMillis,
    /// Generation 1: whether its numbers are in their widest form, as only apograph writes them.
    pub is_wide: bool,
    /// What else a JSON cursor says.
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
            is_wide: false,
            unknown: present.clone(),
        }
    }

    /// A cursor of ours for generation 1.
    pub const fn note(backed_up_epoch: Epoch, keep: Keep, now: UnixMillis) -> Self {
        Self {
            backed_up_epoch,
            keep,
            written_at: now,
            is_wide: true,
            unknown: Unknown::new(),
        }
    }

    /// Reads the content of a cursor file; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`ManifestError::CorruptCursor`] where the bytes are not exactly one cursor, as the engine
    /// or [`Cursor::encode`] writes it.
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self> {
        let corrupt = |detail: Detail| ManifestError::CorruptCursor {
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
                is_wide: false,
                unknown: json.unknown,
            });
        }
        let mut numbers = bytes.to_vec();
        let keeps_all = numbers.first() == Some(&UNREADABLE);
        if keeps_all && let Some(first) = numbers.first_mut() {
            if bytes.len() != WIDE_BYTES {
                let found = bytes.len();
                let detail = format!("it keeps all files and has {found} bytes");
                return Err(corrupt(detail.into()));
            }
            *first = WIDE;
        }
        let config = bincode::config::standard().with_limit::<DECODE_LIMIT_BYTES>();
        let ((backed_up_epoch, log_sequence, written_at), taken) =
            bincode::decode_from_slice(&numbers, config).map_err(|error| corrupt(error.into()))?;
        if taken != numbers.len() {
            let behind = numbers.len().abs_diff(taken);
            return Err(corrupt(format!("{behind} bytes after its end").into()));
        }
        let keep = if keeps_all {
            Keep::AllFiles
        } else {
            Keep::FilesAfter(log_sequence)
        };
        Ok(Self {
            backed_up_epoch,
            keep,
            written_at,
            is_wide: numbers.len() == WIDE_BYTES,
            unknown: Unknown::new(),
        })
    }

    /// The content of a cursor file: ours of generation 1 has 27 bytes, and only ours can keep all
    /// files.
    pub fn encode(&self) -> Vec<u8> {
        let (first, sequence) = match self.keep {
            Keep::FilesAfter(sequence) => (WIDE, sequence),
            Keep::AllFiles => (UNREADABLE, LogSequence::new(0)),
            Keep::FromLsn(wal_lsn) => return self.json(wal_lsn),
        };
        if !self.is_wide {
            let numbers = (self.backed_up_epoch, sequence, self.written_at);
            // Encoding three numbers into memory cannot fail.
            return bincode::encode_to_vec(numbers, bincode::config::standard())
                .unwrap_or_default();
        }
        let mut bytes = Vec::with_capacity(WIDE_BYTES);
        for (marker, number) in [
            (first, self.backed_up_epoch.get()),
            (WIDE, sequence.get()),
            (WIDE, self.written_at.get()),
        ] {
            bytes.push(marker);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
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

/// Puts a cursor into a log folder.
///
/// That of generation 2 is replaced whole. That of generation 1 is changed in place: first it is
/// made unreadable, which keeps every log file; then its bytes are written one by one, in an order
/// in which the sequence is never higher than the lower of both files' needs allows; and then it is
/// made readable again, where it is to be.
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
    let bytes = cursor.encode();
    if matches!(cursor.keep, Keep::FromLsn(_)) {
        return Ok(replace_file(disk, at, mode, &bytes)?);
    }
    match at.read_small(CURSOR_MAX_BYTES)? {
        Some(present) if present == bytes => Ok(()),
        Some(present) => {
            let pieces = changes(&present, &bytes);
            let pieces: Vec<_> = pieces.iter().map(|(at, byte)| (*at, &byte[..])).collect();
            Ok(disk.rewrite(at, WIDE_BYTES as u64, &pieces)?)
        }
        None => Ok(create_file(disk, at, mode, &bytes)?),
    }
}

/// The bytes that make a cursor of ours of what is there, one by one.
fn changes(present: &[u8], bytes: &[u8]) -> Vec<(u64, [u8; 1])> {
    let sequence = |bytes: &[u8]| {
        let found = bytes.get(SEQUENCE).and_then(|it| it.try_into().ok());
        found.map_or(0, u64::from_le_bytes)
    };
    let rises = sequence(present) < sequence(bytes);
    // The low byte first where the number rises, the high byte first where it falls: what is read
    // in between lies between both.
    let mut order: Vec<usize> = (1..bytes.len()).collect();
    if !rises && let Some(sequence) = order.get_mut(SEQUENCE.start - 1..SEQUENCE.end - 1) {
        sequence.reverse();
    }
    let byte = |at: usize| Some((at as u64, [*bytes.get(at)?]));
    let differs = |at: &usize| present.get(*at) != bytes.get(*at);
    let changed = order.into_iter().filter(differs).filter_map(byte);
    let first = std::iter::once((0, [UNREADABLE]));
    first.chain(changed).chain(byte(0)).collect()
}

#[cfg(test)]
mod tests {
    use apograph_testing::strategies::{cases, number};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(cases(500))]

        /// What an engine reads of a cursor, at any moment while it is changed.
        #[test]
        fn a_cursor_that_is_changed_never_gives_up_a_file_that_is_needed(
            old in number(),
            new in number(),
        ) {
            let of = |sequence: u64| {
                let keep = Keep::FilesAfter(LogSequence::new(sequence));
                Cursor::note(Epoch::new(7), keep, UnixMillis::new(!sequence))
            };
            let mut bytes = of(old).encode();
            let wanted = of(new).encode();
            for (offset, byte) in changes(&bytes.clone(), &wanted) {
                bytes[usize::try_from(offset).expect("small")] = byte[0];
                let mut readable = bytes.clone();
                readable[0] = WIDE;
                let read = Cursor::decode(&readable, Path::new("cursor")).expect("numbers");
                let Keep::FilesAfter(sequence) = read.keep else {
                    panic!("{read:?}");
                };
                prop_assert!(sequence.get() <= old.max(new), "{}", sequence);
            }
            prop_assert_eq!(bytes, wanted);
        }
    }

    #[test]
    fn a_cursor_of_the_engine_is_unreadable_until_it_is_ours() {
        let engine = [1, 0, 0xfd, 0x8d, 0x96, 0, 0xfd, 0xa1, 1, 0, 0];
        let ours = Cursor::note(
            Epoch::new(3),
            Keep::FilesAfter(LogSequence::new(2)),
            UnixMillis::new(5),
        );
        let wanted = ours.encode();
        let mut bytes = engine.to_vec();
        let changes = changes(&engine, &wanted);
        let (last, before) = changes.split_last().expect("changes");
        for (offset, byte) in before {
            let offset = usize::try_from(*offset).expect("small");
            bytes.resize(bytes.len().max(offset + 1), 0);
            bytes[offset] = byte[0];
            assert_eq!(bytes[0], UNREADABLE);
        }
        assert_eq!(*last, (0, [WIDE]));
        bytes[0] = WIDE;
        assert_eq!(bytes, wanted);
        assert!(
            Cursor::decode(&bytes, Path::new("cursor"))
                .expect("a cursor")
                .is_wide
        );
        assert!(
            !Cursor::decode(&engine, Path::new("cursor"))
                .expect("a cursor")
                .is_wide
        );
    }
}
