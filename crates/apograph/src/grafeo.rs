//! The small files of a repository under the names of Grafeo's own backup module.
//!
//! For whoever comes from `grafeo_engine::database::backup`. The functions take paths, as there;
//! the types are those of the layers.
//!
//! | Grafeo | here |
//! | --- | --- |
//! | `BackupManifest`, `read_manifest`, `write_manifest` | [`BackupManifest`], [`read_manifest`], [`write_manifest`] |
//! | `BackupSegment`, `BackupKind` | [`BackupSegment`], [`BackupKind`] |
//! | `BackupCursor`, `read_backup_cursor`, `write_backup_cursor` | [`BackupCursor`], [`read_backup_cursor`], [`write_backup_cursor`] |
//! | `BACKUP_MAGIC`, `BACKUP_VERSION`, `BACKUP_HEADER_SIZE` | [`BACKUP_MAGIC`], [`BACKUP_VERSION`], [`BACKUP_HEADER_SIZE`] |
//! | `write_backup_header`, `read_backup_header` | [`write_backup_header`], [`read_backup_header`] |
//! | `GrafeoDB::backup_full`, `backup_incremental` | [`Backup::full`](crate::Backup::full), [`Backup::incremental`](crate::Backup::incremental) |
//! | `GrafeoDB::restore_to_epoch` | [`Repository::restore`](crate::Repository::restore) with [`Target::Point`](crate::Target::Point) |

use std::path::Path;

use apograph_format::{FormatError, Generation, SegmentFlags, SegmentHeader};
pub use apograph_format::{
    SEGMENT_HEADER_BYTES as BACKUP_HEADER_SIZE, SEGMENT_MAGIC as BACKUP_MAGIC,
    SegmentKind as BackupKind,
};
use apograph_io::{Folder, IoError, Mode, RealDisk};
use apograph_manifest::ManifestError;
pub use apograph_manifest::{
    Cursor as BackupCursor, Manifest as BackupManifest, Segment as BackupSegment,
};

use crate::Epoch;

/// The version in the header of an increment of generation 1; that of generation 2 is 2.
pub const BACKUP_VERSION: u32 = 1;

/// Reads the manifest in `folder`; `None` where there is none.
///
/// # Errors
///
/// As [`apograph_manifest::read_manifest`].
pub fn read_manifest(folder: impl AsRef<Path>) -> Result<Option<BackupManifest>, ManifestError> {
    apograph_manifest::read_manifest(&Folder::open(folder.as_ref())?)
}

/// Replaces the manifest in `folder`, whole and durably. The folder is created where it is missing.
///
/// # Errors
///
/// As [`apograph_manifest::write_manifest`].
pub fn write_manifest(
    folder: impl AsRef<Path>,
    manifest: &BackupManifest,
) -> Result<(), ManifestError> {
    let folder = open_or_create(folder.as_ref())?;
    apograph_manifest::write_manifest(&RealDisk, &folder, Mode::PRIVATE, manifest)
}

/// Reads the backup cursor in a log folder; `None` where there is none.
///
/// # Errors
///
/// As [`apograph_manifest::read_cursor`].
pub fn read_backup_cursor(
    log_folder: impl AsRef<Path>,
) -> Result<Option<BackupCursor>, ManifestError> {
    apograph_manifest::read_cursor(&Folder::open(log_folder.as_ref())?)
}

/// Puts a backup cursor into a log folder, which is created where it is missing. The engine keeps
/// log files by it: to write a wrong one loses commits at the next checkpoint.
///
/// # Errors
///
/// As [`apograph_manifest::write_cursor`].
pub fn write_backup_cursor(
    log_folder: impl AsRef<Path>,
    cursor: &BackupCursor,
) -> Result<(), ManifestError> {
    let folder = open_or_create(log_folder.as_ref())?;
    apograph_manifest::write_cursor(&RealDisk, &folder, Mode::PRIVATE, cursor)
}

/// Appends the header of an increment of generation 1, of [`BACKUP_HEADER_SIZE`] bytes.
pub fn write_backup_header(buffer: &mut Vec<u8>, start: Epoch, end: Epoch, count: u64) {
    let header = SegmentHeader {
        generation: Generation::One,
        start_epoch: start,
        end_epoch: end,
        count,
        flags: SegmentFlags::default(),
    };
    buffer.extend_from_slice(&header.encode());
}

/// Reads the header at the front of an increment: its first epoch, its last epoch, and its count.
///
/// # Errors
///
/// As [`SegmentHeader::decode`].
pub fn read_backup_header(bytes: &[u8]) -> Result<(Epoch, Epoch, u64), FormatError> {
    let header = SegmentHeader::decode(bytes)?;
    Ok((header.start_epoch, header.end_epoch, header.count))
}

fn open_or_create(path: &Path) -> Result<Folder, IoError> {
    std::fs::create_dir_all(path).map_err(|source| IoError::Failed {
        operation: "create",
        path: path.to_owned(),
        source,
    })?;
    Folder::open(path)
}
