//! The few operations through which everything is written.
//!
//! They are a trait so that a test can stand between a command and the disk: cut the power after
//! any operation, fail the n-th one, count them. Each names what it changes as a name in an open
//! folder ([`At`]). Reading needs no such seam and goes to the operating system directly.

use std::fs::{File, Permissions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::num::NonZero;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, AtFlags, OFlags, RenameFlags, fadvise, mkdirat, renameat_with, unlinkat};

use crate::error::{IoError, Result, failed};
use crate::folder::{At, Folder};
use crate::open::regular;
use crate::reading::Reading;

/// Permission bits of a new file or folder, exactly: the umask does not narrow or widen them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(u32);

impl Mode {
    /// Read and write for the owner alone.
    pub const PRIVATE: Self = Self(0o600);

    /// The permission bits of a file.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn of(file: &File, path: &Path) -> Result<Self> {
        let metadata = file.metadata().map_err(failed("inspect", path))?;
        Ok(Self(metadata.permissions().mode() & 0o777))
    }

    /// The bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The same for a folder: its owner may do everything, and whoever may read may also enter.
    #[must_use]
    pub const fn for_folder(self) -> Self {
        Self(0o700 | self.0 | ((self.0 & 0o444) >> 2))
    }

    pub(crate) const fn raw(self) -> rustix::fs::Mode {
        rustix::fs::Mode::from_raw_mode(self.0)
    }
}

/// Everything that changes a disk.
///
/// Each operation can also be [`IoError::NotAName`].
pub trait Disk: Sync {
    /// Creates a file that must not exist yet and opens it for writing.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`]; see [`IoError::is_already_exists`].
    fn create_new(&self, at: At<'_>, mode: Mode) -> Result<Box<dyn DiskFile>>;

    /// Writes pieces of bytes into a file that exists, each in one call and in this order, and makes
    /// them durable. What the file has elsewhere stays.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`]; see [`IoError::is_not_found`].
    fn rewrite(&self, at: At<'_>, pieces: &[(u64, &[u8])]) -> Result<()>;

    /// Creates a folder that must not exist yet and opens it.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`]; see [`IoError::is_already_exists`].
    fn create_folder(&self, at: At<'_>, mode: Mode) -> Result<Folder>;

    /// Renames a file or folder to a name that must be free.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`]; see [`IoError::is_already_exists`].
    fn publish(&self, from: At<'_>, to: At<'_>) -> Result<()>;

    /// Lets two files change names.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    fn exchange(&self, one: At<'_>, other: At<'_>) -> Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    fn remove_file(&self, at: At<'_>) -> Result<()>;

    /// Removes an empty folder.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    fn remove_folder(&self, at: At<'_>) -> Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    fn sync_folder(&self, folder: &Folder) -> Result<()>;
}

/// A file that is being written.
pub trait DiskFile: Send {
    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// Appends `length` bytes of `source` from `offset` on, in the kernel where it can.
    ///
    /// # Errors
    ///
    /// [`IoError::EndedEarly`] where `source` is shorter, and [`IoError::Failed`].
    fn copy_from(&mut self, source: &File, offset: u64, length: u64) -> Result<()>;

    /// Makes the bytes durable. After an error the file must be abandoned: the system may have
    /// dropped the pages, and a second call would report success.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    fn sync(&mut self) -> Result<()>;
}

impl dyn DiskFile + '_ {
    /// Appends a part of another file, as a reading reads it.
    ///
    /// # Errors
    ///
    /// As [`DiskFile::copy_from`], and [`IoError::Interrupted`].
    pub fn copy(
        &mut self,
        source: &File,
        offset: u64,
        length: u64,
        reading: Reading<'_>,
    ) -> Result<()> {
        let end = offset.saturating_add(length);
        let mut from = offset;
        while from < end {
            let piece = reading.piece_bytes().min(end - from);
            reading.take(piece)?;
            self.copy_from(source, from, piece)?;
            from += piece;
        }
        Ok(())
    }
}

/// The operating system's disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_new(&self, at: At<'_>, mode: Mode) -> Result<Box<dyn DiskFile>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let file = at.opened("create", flags, mode.raw())?;
        if let Err(error) = set_mode(&file, at, mode) {
            // Nobody will know of the empty file; the first error is the one to report.
            let _ = self.remove_file(at);
            return Err(error);
        }
        Ok(Box::new(RealFile {
            file,
            path: at.path(),
            written: 0,
            told: 0,
        }))
    }

    fn rewrite(&self, at: At<'_>, pieces: &[(u64, &[u8])]) -> Result<()> {
        let path = at.path();
        let flags = OFlags::WRONLY | OFlags::NONBLOCK;
        let file = regular(at.opened("open", flags, rustix::fs::Mode::empty()), &path)?;
        for (offset, bytes) in pieces {
            let written = file.write_all_at(bytes, *offset);
            written.map_err(failed("write", &path))?;
        }
        file.sync_data().map_err(failed("sync", &path))
    }

    fn create_folder(&self, at: At<'_>, mode: Mode) -> Result<Folder> {
        let (folder, name) = at.step()?;
        mkdirat(folder, name, mode.raw()).map_err(failed("create", &at.path()))?;
        let created = at
            .open_folder()
            .and_then(|folder| set_mode(&folder.as_file()?, at, mode).map(|()| folder));
        if created.is_err() {
            let _ = self.remove_folder(at);
        }
        created
    }

    fn publish(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        rename(from, to, RenameFlags::NOREPLACE, "publish")
    }

    fn exchange(&self, one: At<'_>, other: At<'_>) -> Result<()> {
        rename(one, other, RenameFlags::EXCHANGE, "replace")
    }

    fn remove_file(&self, at: At<'_>) -> Result<()> {
        remove(at, AtFlags::empty())
    }

    fn remove_folder(&self, at: At<'_>) -> Result<()> {
        remove(at, AtFlags::REMOVEDIR)
    }

    fn sync_folder(&self, folder: &Folder) -> Result<()> {
        let synced = folder.as_file()?.sync_all();
        synced.map_err(failed("sync", folder.path()))
    }
}

fn set_mode(file: &File, at: At<'_>, mode: Mode) -> Result<()> {
    file.set_permissions(Permissions::from_mode(mode.bits()))
        .map_err(failed("set the permissions of", &at.path()))
}

fn rename(from: At<'_>, to: At<'_>, flags: RenameFlags, operation: &'static str) -> Result<()> {
    let ((from, old), (folder, new)) = (from.step()?, to.step()?);
    renameat_with(from, old, folder, new, flags).map_err(failed(operation, &to.path()))
}

fn remove(at: At<'_>, flags: AtFlags) -> Result<()> {
    let (folder, name) = at.step()?;
    unlinkat(folder, name, flags).map_err(failed("remove", &at.path()))
}

/// The bytes of a file that are given to the disk at a time.
const WRITE_BACK_BYTES: usize = 16 << 20;

/// A file and how long it must be: a network file system can say that it has written more than it
/// has.
struct RealFile {
    file: File,
    path: PathBuf,
    written: u64,
    /// How much of it the disk was told to begin to write.
    told: u64,
}

impl RealFile {
    /// Lets the disk begin to write what is complete, while there is more to come: then a sync at
    /// the end has little left to wait for. What it says of errors is said by that sync.
    fn write_back(&mut self) {
        let ready = self.written - self.written % WRITE_BACK_BYTES as u64;
        if let Some(length) = NonZero::new(ready - self.told) {
            // Of pages that are not written yet, this advice writes them and leaves them be.
            let _ = fadvise(&self.file, self.told, Some(length), Advice::DontNeed);
            self.told = ready;
        }
    }

    fn check_length(&self) -> Result<()> {
        let inspected = self.file.metadata();
        let read = inspected.map_err(failed("inspect", &self.path))?.len();
        if read == self.written {
            return Ok(());
        }
        Err(IoError::EndedEarly {
            path: self.path.clone(),
            expected: self.written,
            read,
        })
    }
}

impl DiskFile for RealFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        for bytes in bytes.chunks(WRITE_BACK_BYTES) {
            self.file
                .write_all(bytes)
                .map_err(failed("write", &self.path))?;
            self.written += bytes.len() as u64;
            self.write_back();
        }
        Ok(())
    }

    fn copy_from(&mut self, mut source: &File, offset: u64, length: u64) -> Result<()> {
        source
            .seek(SeekFrom::Start(offset))
            .map_err(failed("read", &self.path))?;
        let mut left = length;
        while left > 0 {
            let piece = left.min(WRITE_BACK_BYTES as u64);
            // `io::copy` between files is copy_file_range, or sendfile, or reads and writes.
            let read = std::io::copy(&mut source.take(piece), &mut self.file)
                .map_err(failed("write", &self.path))?;
            self.written += read;
            left -= read;
            if read < piece {
                return Err(IoError::EndedEarly {
                    path: self.path.clone(),
                    expected: length,
                    read: length - left,
                });
            }
            self.write_back();
        }
        self.check_length()
    }

    fn sync(&mut self) -> Result<()> {
        self.check_length()?;
        self.file.sync_all().map_err(failed("sync", &self.path))
    }
}
