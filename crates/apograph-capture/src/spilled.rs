//! Embeddings that the engine has moved out of the database.
//!
//! An engine of generation 1 that is short of memory, or is told to, moves the embeddings of a
//! vector index to `vectors_*.bin` in `DB.spill/`. From then on the images of the database have
//! them no more, and an open finds them in the file again. The file is written once and never
//! changed, until a reload removes it.
//!
//! So what a closed database is, is its file and those files. Of an open one, a file that is older
//! than the image is of that image: it lay there when the image was written. One that is younger
//! may be of embeddings that the image has itself, or of some that it never had, as where they were
//! reloaded and moved out again in between: nothing tells, and the backup is refused until the next
//! checkpoint. Only a database that never had an image needs none of them: its log has all.
//!
//! A commit after the image does not touch such a file, so the increments after a full backup take
//! nothing of this. There is one case in which that is not enough: an open takes the embeddings
//! from every such file, whatever the log says. Where a crash took commits out of the log, a file
//! that was written in between still has their embeddings, and the engine shows them on nodes that
//! get the same ids. An increment has what the log says, and no file tells whether there was such a
//! crash: a backup of the log beside a file that is younger than the image warns of it.

use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use apograph_format::v1::{
    SPILL_FOOTER_BYTES, SpillTable, SpilledFile, is_spilled_vectors, spill_bytes,
};
use apograph_format::{Checkpoint, UnixMillis};
use apograph_io::{At, Context, Folder, IoError, StagedFile, sums};

use crate::error::{CaptureError, Result};

/// The files of embeddings beside a database, as they were found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spilled {
    folder: Option<Folder>,
    files: Vec<Found>,
}

/// One of them, by all that tells it from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    name: String,
    inode: u64,
    size_bytes: u64,
    modified: UnixMillis,
}

impl Spilled {
    /// Looks into the spill folder of a database.
    pub(crate) fn find(folder: At<'_>) -> Result<Self> {
        let folder = match folder.find_named_folder() {
            // A database that spills has a folder there.
            Err(IoError::NotAFolder { .. }) => None,
            found => found?,
        };
        let Some(folder) = folder else {
            return Ok(Self::default());
        };
        let mut files = Vec::new();
        for name in folder.names()? {
            let name = name?;
            let Some(name) = name.to_str().filter(|name| is_spilled_vectors(name)) else {
                continue;
            };
            if let Some(metadata) = folder.at(name).metadata()? {
                files.push(Found::of(name, &metadata));
            }
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        let folder = Some(folder);
        Ok(Self { folder, files })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether the same files are still there.
    pub(crate) fn is_as(&self, later: &Self) -> bool {
        self.files == later.files
    }

    /// Those that belong to an image of a database that is open, or was not closed in order.
    pub(crate) fn of_image(&self, image: &Checkpoint, database: &Path) -> Result<Self> {
        match self.younger_than(image) {
            _ if image.iteration == 0 => Ok(Self::default()),
            None => Ok(self.clone()),
            Some(file) => Err(CaptureError::SpilledVectors {
                path: database.to_owned(),
                file: file.to_owned(),
            }),
        }
    }

    /// The name of one that an engine wrote after the image, or with no image yet.
    pub(crate) fn younger_than(&self, image: &Checkpoint) -> Option<&str> {
        let mut files = self.files.iter();
        let file = files.find(|file| image.iteration == 0 || file.modified >= image.written_at)?;
        Some(&file.name)
    }

    /// Appends them to the copy of an image, with their table.
    pub(crate) fn append(
        &self,
        copy: &mut StagedFile<'_>,
        context: Context<'_>,
    ) -> apograph_io::Result<()> {
        let Some(folder) = self.folder.as_ref().filter(|_| !self.is_empty()) else {
            return Ok(());
        };
        let mut table = SpillTable::default();
        for found in &self.files {
            let source = folder.at(&found.name).source()?;
            let size_bytes = source.len() as u64;
            copy.copy(source.file(), 0, size_bytes, context)?;
            table.files.push(SpilledFile {
                name: found.name.clone(),
                size_bytes,
                checksum: sums(&source, context)?.crc32,
            });
        }
        copy.write(&table.encode())
    }
}

impl Found {
    fn of(name: &str, metadata: &Metadata) -> Self {
        let seconds = u64::try_from(metadata.mtime()).unwrap_or_default();
        let nanos = u64::try_from(metadata.mtime_nsec()).unwrap_or_default();
        let modified = seconds
            .saturating_mul(1000)
            .saturating_add(nanos / 1_000_000);
        Self {
            name: name.to_owned(),
            inode: metadata.ino(),
            size_bytes: metadata.len(),
            modified: UnixMillis::new(modified),
        }
    }
}

/// How many bytes of a database file are the database: one that the engine restored from a full
/// backup of ours may still have the embeddings after it that were captured with that.
pub(crate) fn without_table(file: &File, path: &Path, size: u64) -> Result<u64> {
    let Some(start) = size.checked_sub(SPILL_FOOTER_BYTES as u64) else {
        return Ok(size);
    };
    let mut footer = [0; SPILL_FOOTER_BYTES];
    match file.read_exact_at(&mut footer, start) {
        Ok(()) => Ok(size.checked_sub(spill_bytes(&footer)).unwrap_or(size)),
        // A checkpoint has made it shorter: the copy is looked at for that.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(size),
        Err(source) => Err(IoError::Failed {
            operation: "read",
            path: path.to_owned(),
            source,
        }
        .into()),
    }
}
