//! A name in a folder.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{Read, Take};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Mode as RawMode, OFlags, openat, statat};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{IoError, Result, failed};
use crate::folder::{Folder, HANDLE};
use crate::identity::{FileStatus, Identity};
use crate::open::{check_limit, read_limited, regular};
use crate::source::Source;
use crate::system::INSPECT;

/// A name in a folder: what it stands for is looked up when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    folder: &'a Folder,
    name: &'a OsStr,
}

impl Folder {
    /// A name in the folder.
    pub fn at<'a, N: AsRef<OsStr> + ?Sized>(&'a self, name: &'a N) -> At<'a> {
        At {
            folder: self,
            name: name.as_ref(),
        }
    }
}

impl<'a> At<'a> {
    /// The folder.
    pub const fn folder(self) -> &'a Folder {
        self.folder
    }

    /// The name.
    pub const fn name(self) -> &'a OsStr {
        self.name
    }

    /// The path, for messages.
    pub fn path(self) -> PathBuf {
        self.folder.path_of(self.name)
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    ///
    /// [`IoError::NotARegularFile`] for a symbolic link, folder, device, pipe or socket,
    /// [`IoError::NotAName`], and [`IoError::Failed`].
    pub fn open(self) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        regular(self.opened("open", flags, RawMode::empty()), &self.path())
    }

    /// Opens a regular file that a person named, be it through a symbolic link.
    ///
    /// # Errors
    ///
    /// As [`At::open`], but for links.
    pub fn open_named(self) -> Result<File> {
        let (folder, name) = self.step()?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = retry_on_intr(|| openat(folder, name, flags, RawMode::empty()));
        let opened = opened.map(File::from);
        regular(opened.map_err(failed("open", &self.path())), &self.path())
    }

    /// Opens a regular file to read it by the piece.
    ///
    /// # Errors
    ///
    /// As [`At::open`].
    pub fn source(self) -> Result<Source> {
        Source::of(self.open()?, &self.path())
    }

    /// Reads a small file whole; `None` where nothing has the name.
    ///
    /// # Errors
    ///
    /// [`IoError::TooLarge`] past `limit` bytes, and as [`At::open`].
    pub fn read_small(self, limit: u64) -> Result<Option<Vec<u8>>> {
        match self.open() {
            Ok(file) => read_limited(&file, &self.path(), limit).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a small file to read it little by little; `None` where nothing has the name. What it
    /// grows by meanwhile is not read.
    ///
    /// # Errors
    ///
    /// As [`At::read_small`].
    pub fn open_small(self, limit: u64) -> Result<Option<Take<File>>> {
        let file = match self.open() {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let size_bytes = check_limit(&file, &self.path(), limit)?;
        Ok(Some(file.take(size_bytes)))
    }

    /// Opens a folder in the folder; `None` where nothing has the name.
    ///
    /// # Errors
    ///
    /// [`IoError::NotAFolder`] for a file, and for a symbolic link wherever it leads;
    /// [`IoError::NotAName`], and [`IoError::Failed`].
    pub fn find_folder(self) -> Result<Option<Folder>> {
        match self.open_folder() {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a folder in the folder.
    ///
    /// # Errors
    ///
    /// As [`At::find_folder`].
    pub fn open_folder(self) -> Result<Folder> {
        let handle = self.opened("open", HANDLE, RawMode::empty());
        self.folder.inner(handle, self.path())
    }

    /// Opens a folder that a person named, be it through a symbolic link; `None` where nothing has
    /// the name.
    ///
    /// # Errors
    ///
    /// As [`At::find_folder`], but for links.
    pub fn find_named_folder(self) -> Result<Option<Folder>> {
        let (folder, name) = self.step()?;
        match retry_on_intr(|| openat(folder, name, HANDLE, RawMode::empty())) {
            Err(Errno::NOENT) => Ok(None),
            opened => {
                let opened = opened.map(File::from);
                let handle = opened.map_err(failed("open", &self.path()));
                self.folder.inner(handle, self.path()).map(Some)
            }
        }
    }

    /// What is known of the file, folder or link with the name; `None` where nothing has it.
    ///
    /// # Errors
    ///
    /// [`IoError::NotAName`] and [`IoError::Failed`].
    pub fn metadata(self) -> Result<Option<Metadata>> {
        let file = match self.opened("inspect", INSPECT, RawMode::empty()) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata().map_err(failed("inspect", &self.path()))?;
        Ok(Some(metadata))
    }

    /// The same in one call and no more than what tells one file from another: for who asks of
    /// thousands of names.
    ///
    /// # Errors
    ///
    /// As [`At::metadata`].
    pub fn status(self) -> Result<Option<FileStatus>> {
        let (folder, name) = self.step()?;
        match retry_on_intr(|| statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)) {
            Ok(found) => Ok(Some(FileStatus::of(&found))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed("inspect", &self.path())(errno)),
        }
    }

    /// Whether anything at all has the name, be it a dangling link.
    ///
    /// # Errors
    ///
    /// As [`At::metadata`].
    pub fn exists(self) -> Result<bool> {
        Ok(self.metadata()?.is_some())
    }

    /// Whether the name is that of an open folder.
    ///
    /// # Errors
    ///
    /// As [`At::metadata`].
    pub fn is_of(self, folder: &Folder) -> Result<bool> {
        let identity = folder.identity()?;
        let found = self.metadata()?;
        Ok(found.is_some_and(|found| Identity::from(&found) == identity))
    }

    /// Opens whatever has the name, beneath the folder. A link is not followed.
    pub(crate) fn opened(
        self,
        operation: &'static str,
        flags: OFlags,
        mode: RawMode,
    ) -> Result<File> {
        let (folder, name) = self.step()?;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = retry_on_intr(|| openat(folder, name, flags, mode));
        opened
            .map(File::from)
            .map_err(failed(operation, &self.path()))
    }

    /// The handle and the name, which is one step from it.
    pub(crate) fn step(self) -> Result<(BorrowedFd<'a>, &'a OsStr)> {
        let name = self.name.as_bytes();
        if [b"".as_slice(), b".", b".."].contains(&name) || name.contains(&b'/') {
            return Err(IoError::NotAName { path: self.path() });
        }
        Ok((self.folder.as_fd(), self.name))
    }
}
