//! Files that appear whole or not at all.
//!
//! A staged file is written under a temporary name in the folder where it will live, made durable,
//! and then renamed: to a free name ([`StagedFile::publish`]), or so that it changes names with the
//! file that it replaces ([`StagedFile::replace`]). Either way the folder is made durable before
//! the call returns; where that fails, the names are as they were. Dropped before that, the
//! temporary file is removed; after a crash it lies there under a name that
//! [`is_temporary`](crate::is_temporary) knows.
//!
//! A file is closed before its name changes or goes: network file systems keep an open file that is
//! removed under another name, in a folder that then cannot be removed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

use crate::access::{Access, Mode};
use crate::at::At;
use crate::context::Context;
use crate::disk::{Disk, DiskFile};
use crate::error::{IoError, Result};
use crate::folder::Folder;
use crate::source::{Bytes, Source, Window};
use crate::sums::{Sums, SumsBehind, checked_behind};
use crate::temporary_name::temporary_name;

/// At most so much of a content is in memory at a time.
const PIECE_BYTES: usize = 64 << 10;

/// A file under a temporary name.
pub struct StagedFile<'d> {
    disk: &'d dyn Disk,
    /// `None` once it is closed.
    file: Option<Box<dyn DiskFile>>,
    folder: Folder,
    temporary: OsString,
    target: OsString,
    /// It goes with the process.
    is_passing: bool,
    /// Nothing has the temporary name any more.
    is_done: bool,
}

impl<'d> StagedFile<'d> {
    /// Begins the file that will have the name `target`. What an earlier, killed process left under
    /// the temporary name is removed.
    ///
    /// # Errors
    ///
    /// As [`Disk::create_new`].
    pub fn create(disk: &'d dyn Disk, target: At<'_>, access: impl Into<Access>) -> Result<Self> {
        let access = access.into();
        let folder = target.folder().clone();
        let temporary = temporary_name(target.name());
        if folder.at(&temporary).exists()? {
            disk.remove_file(folder.at(&temporary))?;
        }
        let file = Some(disk.create_new(folder.at(&temporary), access)?);
        Ok(Self {
            disk,
            is_passing: access.is_passing(),
            file,
            folder,
            temporary,
            target: target.name().to_owned(),
            is_done: false,
        })
    }

    /// The name that the bytes have until the file is published.
    pub fn temporary(&self) -> At<'_> {
        self.folder.at(&self.temporary)
    }

    /// The name that the file will have.
    pub fn target(&self) -> At<'_> {
        self.folder.at(&self.target)
    }

    /// The same file with another name to have, in the same folder.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`](crate::IoError::Failed).
    pub fn retarget(mut self, target: &OsStr) -> Result<Self> {
        let temporary = temporary_name(target);
        if temporary != self.temporary {
            self.disk
                .publish(self.temporary(), self.folder.at(&temporary))?;
            self.temporary = temporary;
        }
        target.clone_into(&mut self.target);
        Ok(self)
    }

    /// The same file with another name to have, in the same folder. Its temporary name stays: of
    /// several writers who want one name, each has a temporary one of its own.
    #[must_use]
    pub fn named(mut self, target: &OsStr) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// What was written so far.
    ///
    /// # Errors
    ///
    /// As [`At::source`].
    pub fn source(&self) -> Result<Source> {
        self.temporary().source()
    }

    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`](crate::IoError::Failed).
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.write(bytes))
    }

    /// Appends a part of another file, read as a context says.
    ///
    /// # Errors
    ///
    /// As [`DiskFile::copy_from`], and [`IoError::Interrupted`].
    pub fn copy(
        &mut self,
        source: &File,
        offset: u64,
        length: u64,
        context: Context<'_>,
    ) -> Result<()> {
        self.file
            .as_mut()
            .map_or(Ok(()), |file| file.copy(source, offset, length, context))
    }

    /// Makes the bytes durable under the temporary name, unless the file goes with the process.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`](crate::IoError::Failed); the file must then be abandoned.
    pub fn sync(&mut self) -> Result<()> {
        if self.is_passing {
            return Ok(());
        }
        self.file.as_mut().map_or(Ok(()), |file| file.sync())
    }

    /// Makes the bytes durable, and lets `read` read them back meanwhile.
    ///
    /// # Errors
    ///
    /// As [`StagedFile::sync`] and [`StagedFile::source`].
    pub fn sync_and_read<R>(&mut self, read: impl FnOnce(Bytes<'_>) -> R) -> Result<R> {
        let written = self.source()?;
        // No thread of a pool: it waits for the disk, and would be missing to those that read.
        let (synced, read) = thread::scope(|scope| {
            let sync = thread::Builder::new().spawn_scoped(scope, || self.sync());
            let read = read(written.bytes());
            (sync.ok().map(ScopedJoinHandle::join), read)
        });
        match synced {
            Some(Ok(synced)) => synced?,
            Some(Err(panic)) => resume_unwind(panic),
            // There was no thread to be had.
            None => self.sync()?,
        }
        Ok(read)
    }

    /// Lets `write` write the file, which will have so many bytes, and makes them durable.
    /// Meanwhile they are read back, right after, and each step of them is checked: `check` is told
    /// where it begins. Tells the sums of what was read.
    ///
    /// # Errors
    ///
    /// That of `write` and of `check`, and as [`StagedFile::sync`] and [`sums`](crate::sums).
    pub fn write_and_read(
        &mut self,
        length: usize,
        check: &(dyn Fn(usize, &[u8]) -> Result<()> + Sync),
        context: Context<'_>,
        write: impl FnOnce(&mut dyn DiskFile) -> Result<()>,
    ) -> Result<Sums> {
        let written = self.source()?.growing_to(length);
        let ((), sums) = checked_behind(written.bytes(), context, check, |behind| {
            let mut writer = StagedWriter {
                file: self.file.as_deref_mut(),
                behind,
                written: 0,
            };
            write(&mut writer)?;
            self.sync()
        })?;
        Ok(sums)
    }

    /// Gives the file its final name, which must be free, durably.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`](crate::IoError::Failed); see
    /// [`IoError::is_already_exists`](crate::IoError::is_already_exists). The name is free again.
    pub fn publish(self) -> Result<()> {
        self.named_by(|disk, from, to| disk.publish(from, to))
    }

    /// The same as [`Disk::publish_shared`] does it.
    ///
    /// # Errors
    ///
    /// As [`StagedFile::publish`].
    pub fn publish_shared(self) -> Result<()> {
        self.named_by(|disk, from, to| disk.publish_shared(from, to))
    }

    /// Puts the file in the place of the one that has its final name, if there is one, durably.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`](crate::IoError::Failed). The old file is in its place again.
    pub fn replace(mut self) -> Result<()> {
        if !self.target().exists()? {
            return self.named_by(|disk, from, to| disk.place(from, to));
        }
        self.finish()?;
        self.disk.exchange(self.temporary(), self.target())?;
        let synced = self.disk.sync_folder(&self.folder);
        if synced.is_err() {
            let _ = self.disk.exchange(self.temporary(), self.target());
        }
        // What has the temporary name now is the one that nobody wants: `drop` removes it.
        synced
    }

    /// Lets the file get its final name, durably, or take back the temporary one.
    fn named_by(mut self, name: fn(&dyn Disk, At<'_>, At<'_>) -> Result<()>) -> Result<()> {
        self.finish()?;
        name(self.disk, self.temporary(), self.target())?;
        let synced = self.disk.sync_folder(&self.folder);
        if synced.is_err() {
            // Back to where `drop` removes it. The error of the sync is the one to report.
            let _ = name(self.disk, self.target(), self.temporary());
            return synced;
        }
        self.is_done = true;
        Ok(())
    }

    /// Makes the bytes durable and closes the file.
    fn finish(&mut self) -> Result<()> {
        self.sync()?;
        self.file = None;
        Ok(())
    }
}

/// Writes a staged file whose bytes are read back meanwhile.
struct StagedWriter<'f, 's> {
    file: Option<&'f mut (dyn DiskFile + 'static)>,
    behind: &'f SumsBehind<'s>,
    written: usize,
}

impl StagedWriter<'_, '_> {
    fn has_written(&mut self, length: usize) {
        self.written = self.written.saturating_add(length);
        self.behind.read_to(self.written);
    }
}

impl DiskFile for StagedWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(file) = &mut self.file {
            file.write(bytes)?;
        }
        self.has_written(bytes.len());
        Ok(())
    }

    fn copy_from(&mut self, source: &File, offset: u64, length: u64) -> Result<()> {
        if let Some(file) = &mut self.file {
            file.copy_from(source, offset, length)?;
        }
        self.has_written(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.sync())
    }
}

impl Drop for StagedFile<'_> {
    fn drop(&mut self) {
        self.file = None;
        if !self.is_done {
            // The error that led here is the one to report; a left-over is known by its name.
            let _ = self.disk.remove_file(self.temporary());
        }
    }
}

/// Creates a small file under its own name, which must be free, and makes its bytes durable: for a
/// folder in which no other name may appear. Whoever reads it meanwhile finds a part of it.
///
/// # Errors
///
/// [`IoError::Failed`](crate::IoError::Failed); see
/// [`IoError::is_already_exists`](crate::IoError::is_already_exists). The file is removed again.
pub fn create_file(disk: &dyn Disk, at: At<'_>, mode: Mode, bytes: &[u8]) -> Result<()> {
    let mut file = disk.create_new(at, mode.into())?;
    let written = file.write(bytes).and_then(|()| file.sync());
    drop(file);
    if written.is_err() {
        // The error that led here is the one to report.
        let _ = disk.remove_file(at);
    }
    written
}

/// Puts a small file in the place of the one that has the name, whole and durably; it is read back
/// before. It has the owner and the permissions of that one; where there is none, `mode`.
///
/// # Errors
///
/// [`IoError::NotAsWritten`], and as [`Disk::create_new`].
pub fn replace_file(disk: &dyn Disk, at: At<'_>, mode: Mode, bytes: &[u8]) -> Result<()> {
    replace_file_with(disk, at, mode, |out| out.write_all(bytes))
}

/// The same, of a content that need not be in memory: it is made twice, to be written and to be
/// compared.
///
/// # Errors
///
/// As [`replace_file`].
pub fn replace_file_with(
    disk: &dyn Disk,
    at: At<'_>,
    mode: Mode,
    content: impl Fn(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let failed = |source| IoError::Failed {
        operation: "write",
        path: at.path(),
        source,
    };
    let mut staged = StagedFile::create(disk, at, Access::replacing(at, mode)?)?;
    let out = Written {
        file: &mut staged,
        error: None,
    };
    let mut pieces = BufWriter::with_capacity(PIECE_BYTES, out);
    let written = content(&mut pieces).and_then(|()| pieces.flush());
    // Taken apart, it does not write what is left of a content that failed.
    let (out, _) = pieces.into_parts();
    if let Some(error) = out.error {
        return Err(error);
    }
    written.map_err(failed)?;
    let source = staged.source()?;
    let mut compared = Compared {
        window: Window::of(source.bytes()),
        offset: 0,
        error: None,
    };
    let is_same = content(&mut compared).is_ok() && compared.offset == source.len();
    if let Some(error) = compared.error {
        return Err(error);
    }
    drop(source);
    if !is_same {
        return Err(IoError::NotAsWritten { path: at.path() });
    }
    staged.replace()
}

/// Writes to a staged file.
struct Written<'a, 'd> {
    file: &'a mut StagedFile<'d>,
    /// What the file said to what it did not write.
    error: Option<IoError>,
}

impl Write for Written<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| {
            self.error = Some(error);
            io::ErrorKind::Other
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compares what is written with what was written before.
struct Compared<'a> {
    window: Window<'a>,
    /// How much is the same so far.
    offset: usize,
    /// Why that could not be read.
    error: Option<IoError>,
}

impl Write for Compared<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let there = self.window.at(self.offset, bytes.len()).map_err(|error| {
            self.error = Some(error);
            io::ErrorKind::Other
        })?;
        if !there.starts_with(bytes) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.offset += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
