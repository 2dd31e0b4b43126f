//! The marker: a file of a repository in the log folder of its database.
//!
//! A log folder that was removed and made anew, put back from a snapshot or brought from elsewhere
//! holds the same names, numbers and often the same bytes. It does not hold the random number that
//! the last publish left in it. A publish overwrites one of two slots, the one that the repository
//! does not know: where it is cut off or fails, the other still tells of the publish before.
//!
//! The engines never look at the marker. A clean close that removes the log folder removes it too.

use std::ffi::OsStr;

use apograph_format::v1::CheckpointRecord;
use apograph_format::{
    Blake3, Crc32, DatabaseId, Epoch, LogPosition, LogSequence, Lsn, SegmentKind, SegmentName,
    TransactionId, UnixMillis,
};
use apograph_io::{Disk, Folder, Mode, create_file};

use crate::content::{ImageIdentity, ImageOf};
use crate::error::Result;
use crate::evidence::{CapturedFile, Evidence, LogEvidence, Nonce, SegmentStamp};
use crate::notes::RepositoryId;
use crate::segment::FileName;

/// A slot of a marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The repository.
    pub repository: RepositoryId,
    /// Higher than that of the slot before.
    pub counter: u64,
    /// When it was written.
    pub written_at: UnixMillis,
    /// What the publish wrote down. Its [`folder`](Evidence::folder) is not in a slot.
    pub evidence: Evidence,
}

/// The marker of a repository, as far as its slots can be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marker {
    /// Both slots, in the order of the file.
    pub slots: [Option<Slot>; 2],
}

/// Where the second slot begins.
const SLOT_STRIDE_BYTES: usize = 4096;
/// The size of a marker.
const MARKER_BYTES: usize = SLOT_STRIDE_BYTES + Slot::BYTES;

/// The name of an empty file that a restore leaves in the log of a folder database. Nothing else
/// tells any of its repositories that it is the same database, further back.
pub const RESTORED_NOTE_NAME: &str = "apograph-restored";

const PREFIX: &str = "apograph-";
const SUFFIX: &str = ".mark";

/// The name of a repository's marker in a log folder.
pub fn marker_name(repository: RepositoryId) -> String {
    format!("{PREFIX}{repository}{SUFFIX}")
}

/// The repository that a file in a log folder is the marker of.
pub fn marked_repository(name: &OsStr) -> Option<RepositoryId> {
    let digits = name.to_str()?.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    digits.parse().ok()
}

impl Marker {
    /// Reads the content of a marker. What is no slot of this repository counts as none.
    pub fn decode(bytes: &[u8], repository: RepositoryId) -> Self {
        let slot = |offset: usize| {
            let bytes = bytes.get(offset..)?.first_chunk()?;
            Slot::decode(bytes).filter(|slot| slot.repository == repository)
        };
        Self {
            slots: [slot(0), slot(SLOT_STRIDE_BYTES)],
        }
    }

    /// The slot with the higher counter: the one that was written last.
    pub fn newest(&self) -> Option<&Slot> {
        let slots = self.slots.iter().flatten();
        slots.max_by_key(|slot| slot.counter)
    }

    /// Which slot to overwrite: not the one of the publish that the repository knows; where it
    /// knows neither, the older one.
    fn spare(&self, known: Option<Nonce>) -> usize {
        let [first, second] = &self.slots;
        let is_known = |slot: &Option<Slot>| {
            let nonce = slot.as_ref().map(|slot| slot.evidence.nonce);
            nonce.is_some() && nonce == known
        };
        let counter = |slot: &Option<Slot>| slot.as_ref().map(|slot| slot.counter);
        if is_known(first) {
            1
        } else if is_known(second) {
            0
        } else {
            usize::from(counter(second) < counter(first))
        }
    }
}

/// Reads the marker of a repository in a log folder; `None` where there is none.
///
/// # Errors
///
/// [`ManifestError::Io`](crate::ManifestError::Io).
pub fn read_marker(log_folder: &Folder, repository: RepositoryId) -> Result<Option<Marker>> {
    let name = marker_name(repository);
    let bytes = log_folder.at(&name).read_small(MARKER_BYTES as u64)?;
    Ok(bytes.map(|bytes| Marker::decode(&bytes, repository)))
}

/// Reads the markers of all repositories in a log folder.
///
/// # Errors
///
/// [`ManifestError::Io`](crate::ManifestError::Io).
pub fn read_markers(log_folder: &Folder) -> Result<Vec<(RepositoryId, Marker)>> {
    let mut markers = Vec::new();
    for name in log_folder.names()? {
        if let Some(repository) = marked_repository(&name?)
            && let Some(marker) = read_marker(log_folder, repository)?
        {
            markers.push((repository, marker));
        }
    }
    markers.sort_by_key(|(repository, _)| *repository);
    Ok(markers)
}

/// Writes a slot into the marker of a repository, durably; `known` is the publish that the
/// repository knows. The counter of the slot is chosen here.
///
/// An existing marker is written to in place, and not created anew where it has just been removed.
///
/// # Errors
///
/// [`ManifestError::Io`](crate::ManifestError::Io).
pub fn write_slot(
    disk: &dyn Disk,
    log_folder: &Folder,
    mode: Mode,
    slot: Slot,
    known: Option<Nonce>,
) -> Result<()> {
    let name = marker_name(slot.repository);
    let at = log_folder.at(&name);
    let present = read_marker(log_folder, slot.repository)?;
    let marker = present.clone().unwrap_or_default();
    let last = marker.newest().map_or(0, |slot| slot.counter);
    let slot = Slot {
        counter: last.saturating_add(1),
        ..slot
    };
    let index = marker.spare(known);
    if present.is_some() {
        let offset = index.saturating_mul(SLOT_STRIDE_BYTES) as u64;
        return Ok(disk.rewrite(at, MARKER_BYTES as u64, &[(offset, &slot.encode())])?);
    }
    let mut content = slot.encode().to_vec();
    content.resize(MARKER_BYTES, 0);
    Ok(create_file(disk, at, mode, &content)?)
}

/// What stands for a number that there is none of.
const NONE: u64 = u64::MAX;
/// What stands for a hash that there is none of.
const NO_HASH: [u8; Blake3::BYTES] = [0; Blake3::BYTES];
const MAGIC: [u8; 8] = *b"APOMARK1";
const LSN: u64 = 1;
/// The room for the name of a segment that has no number.
const NAME_BYTES: usize = 96;

impl Slot {
    /// The size of a slot.
    pub const BYTES: usize = 512;
    const HASHED_BYTES: usize = Self::BYTES - Blake3::BYTES;

    /// The bytes of the slot (FORMAT.md, "Marker").
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let evidence = &self.evidence;
        let image = &evidence.image;
        let name = SegmentName::parse(evidence.segment.file.as_str());
        let mut out = Writer::default();
        out.put(&MAGIC);
        out.put(&self.repository.get().to_le_bytes());
        out.number(self.counter);
        out.number(self.written_at.get());
        out.put(&evidence.nonce.get().to_le_bytes());
        let kind = name.map(|name| u64::from(name.kind == SegmentKind::Incremental));
        out.number(kind.unwrap_or(NONE));
        out.number(name.map_or(NONE, |name| name.index));
        out.put(&evidence.segment.hash.get());
        let (is_lsn, end, offset) = match evidence.end {
            None => (NONE, NONE, NONE),
            Some(LogPosition::Lsn(lsn)) => (LSN, lsn.get(), 0),
            Some(LogPosition::File(place)) => (0, place.sequence.get(), place.offset),
        };
        out.number(is_lsn);
        out.number(end);
        out.number(offset);
        out.number(image.database_created_at.get());
        out.number(image.iteration);
        out.number(image.written_at.get());
        out.number(u64::from(image.checksum.get()));
        out.number(image.database().map_or(0, |_| 1));
        out.put(&image.database().map_or(0, DatabaseId::get).to_le_bytes());
        out.number(u64::from(image.is_encrypted()));
        let log = evidence.log.as_ref();
        let file = log.and_then(|log| log.file);
        out.number(file.map_or(NONE, |file| file.sequence.get()));
        out.number(file.map_or(NONE, |file| file.length));
        out.put(&file.map_or(NO_HASH, |file| file.hash.get()));
        let checkpoint = log.and_then(|log| log.checkpoint);
        out.number(checkpoint.map_or(NONE, |it| it.epoch.get()));
        out.number(checkpoint.map_or(NONE, |it| it.log_sequence.get()));
        out.number(checkpoint.map_or(NONE, |it| it.written_at.get()));
        out.number(checkpoint.map_or(NONE, |it| it.transaction.get()));
        out.number(log.map_or(NONE, |log| log.newest.get()));
        out.number(log.map_or(NONE, |log| log.pending));
        out.number(log.map_or(NONE, |log| log.marks));
        out.put(&evidence.older_files.map_or(NO_HASH, Blake3::get));
        out.number(log.map_or(0, |log| u64::from(log.is_older)));
        if name.is_none() {
            out.put(&padded(evidence.segment.file.as_str()));
        }
        out.finish()
    }

    /// Reads a slot; `None` where the bytes are none, or another version's.
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (body, hash) = bytes.split_at(Self::HASHED_BYTES);
        if *hash != Blake3::of(body).get() {
            return None;
        }
        let mut from = Reader(body);
        if from.take::<8>()? != MAGIC {
            return None;
        }
        let repository = RepositoryId::new(from.wide()?);
        let counter = from.number()?;
        let written_at = UnixMillis::new(from.number()?);
        let nonce = Nonce::new(from.wide()?);
        let kind = match from.number()? {
            0 => Some(SegmentKind::Full),
            1 => Some(SegmentKind::Incremental),
            NONE => None,
            _ => return None,
        };
        let index = from.number()?;
        let segment_hash = Blake3::new(from.take()?);
        let end = match (from.number()?, from.number()?, from.number()?) {
            (NONE, _, _) => None,
            (LSN, lsn, _) => Some(LogPosition::Lsn(Lsn::new(lsn))),
            (_, sequence, offset) => Some(LogPosition::in_file(LogSequence::new(sequence), offset)),
        };
        let database_created_at = UnixMillis::new(from.number()?);
        let iteration = from.number()?;
        let image_written_at = UnixMillis::new(from.number()?);
        let checksum = Crc32::new(u32::try_from(from.number()?).ok()?);
        let has_database = from.number()? == 1;
        let database = DatabaseId::new(from.wide()?);
        let is_encrypted = from.number()? == 1;
        let of = if has_database {
            ImageOf::Two {
                database,
                is_encrypted,
            }
        } else {
            ImageOf::One
        };
        let image = ImageIdentity {
            database_created_at,
            iteration,
            checksum,
            written_at: image_written_at,
            of,
        };
        let (sequence, length) = (from.number()?, from.number()?);
        let hash = Blake3::new(from.take()?);
        let file = (sequence != NONE).then_some(CapturedFile {
            sequence: LogSequence::new(sequence),
            length,
            hash,
        });
        let epoch = from.number()?;
        let checkpoint = CheckpointRecord {
            epoch: Epoch::new(epoch),
            log_sequence: LogSequence::new(from.number()?),
            written_at: UnixMillis::new(from.number()?),
            transaction: TransactionId::new(from.number()?),
        };
        let checkpoint = (checkpoint.log_sequence.get() != NONE).then_some(checkpoint);
        let newest = from.number()?;
        let (pending, marks) = (from.number()?, from.number()?);
        let older_files = Some(from.take()?).filter(|hash| *hash != NO_HASH);
        let log = LogEvidence {
            file,
            checkpoint,
            newest: LogSequence::new(newest),
            pending,
            marks,
            is_older: from.number()? == 1,
        };
        let file = match kind {
            Some(kind) => FileName::from(SegmentName { kind, index }),
            None => unpadded(&from.take()?)?,
        };
        let segment = SegmentStamp {
            file,
            hash: segment_hash,
        };
        Some(Self {
            repository,
            counter,
            written_at,
            evidence: Evidence {
                nonce,
                segment,
                end,
                image,
                older_files: older_files.map(Blake3::new),
                tail: None,
                log: (newest != NONE).then_some(log),
                folder: None,
            },
        })
    }
}

/// A name with zeros behind it; zeros alone for one that is longer than any segment's of a vault.
fn padded(name: &str) -> [u8; NAME_BYTES] {
    let mut bytes = [0; NAME_BYTES];
    if let Some(front) = bytes.get_mut(..name.len()) {
        front.copy_from_slice(name.as_bytes());
    }
    bytes
}

fn unpadded(bytes: &[u8; NAME_BYTES]) -> Option<FileName> {
    let name = bytes.split(|byte| *byte == 0).next()?;
    FileName::try_from(std::str::from_utf8(name).ok()?).ok()
}

/// Little-endian fields, one after the other.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) {
        self.put(&number.to_le_bytes());
    }

    /// The fields, zeros after them, and the hash of both.
    fn finish(mut self) -> [u8; Slot::BYTES] {
        self.0.resize(Slot::HASHED_BYTES, 0);
        let hash = Blake3::of(&self.0);
        self.put(&hash.get());
        let mut bytes = [0; Slot::BYTES];
        bytes.copy_from_slice(&self.0);
        bytes
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn wide(&mut self) -> Option<u128> {
        self.take().map(u128::from_le_bytes)
    }
}

/// The size of all fields: they have room before the hash.
const FIELDS_BYTES: usize = 8 + 3 * 16 + 23 * 8 + 3 * Blake3::BYTES + NAME_BYTES;
const _: () = assert!(FIELDS_BYTES <= Slot::HASHED_BYTES);
