//! Folders that are held open, and the names in them.
//!
//! A path is looked up anew each time it is used. Whoever can rename a folder on the way leads it
//! elsewhere in between, to a folder that nobody locked. So a path that a person named is opened
//! once, and from then on a [`Folder`] is that folder, whatever becomes of its path: what is
//! locked, read, written and synced is one and the same.
//!
//! A name in it is looked up in one step, beneath the handle: it has no separator and is not `..`,
//! and a link in its place is not followed (`O_NOFOLLOW`). So nothing that lies in a folder leads
//! out of it. With one step from the handle to the file, that is all that `openat2` would promise
//! (`RESOLVE_BENEATH`, `RESOLVE_NO_SYMLINKS`), and kernels and sandboxes without `openat2` have it
//! too. Paths are kept for messages, and to ask whether they still lead to the folder.
//!
//! A handle is for looking up (`O_PATH`): that takes no right to list the folder.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{Read, Take};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode as RawMode, OFlags, Stat, fstatvfs, open, openat, statat,
};
use rustix::io::{Errno, retry_on_intr};

use crate::access::{Mode, Owner};
use crate::error::{IoError, Result, failed};
use crate::lack::{Lack, Lacks};
use crate::monitor::Monitor;
use crate::open::{check_limit, read_limited, regular};
use crate::source::Source;
use crate::system::{INSPECT, LOOK_UP};

/// How a folder is opened to look names up in it.
const HANDLE: OFlags = LOOK_UP.union(OFlags::CLOEXEC);

/// A folder, held open: names are looked up in it whatever becomes of its path.
///
/// Clones share the handle, and folders that are opened in it what is known of the file system.
#[derive(Debug, Clone)]
pub struct Folder {
    handle: Arc<File>,
    lacks: Arc<Lacks>,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder that a person named, be it through symbolic links. An empty path is the
    /// current folder.
    ///
    /// # Errors
    ///
    /// [`IoError::NotAFolder`] and [`IoError::Failed`].
    pub fn open(path: &Path) -> Result<Self> {
        let opened = retry_on_intr(|| open(or_current(path), HANDLE, RawMode::empty()));
        let handle = opened.map_err(failed("open", or_current(path)));
        let handle = handle.map_err(no_folder)?.into();
        Ok(Self::of(handle, path.to_owned()))
    }

    /// The same; `None` where nothing exists at `path`.
    ///
    /// # Errors
    ///
    /// As [`Folder::open`].
    pub fn find(path: &Path) -> Result<Option<Self>> {
        match Self::open(path) {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens the folder that holds a path, and returns it with the name in it.
    ///
    /// # Errors
    ///
    /// [`IoError::NotAName`] where the path ends with `..`, or is the root;
    /// [`IoError::NotAFolder`]; and [`IoError::Failed`] with the whole path.
    pub fn holding(path: &Path) -> Result<(Self, &OsStr)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            let path = path.to_owned();
            return Err(IoError::NotAName { path });
        };
        match Self::open(parent) {
            Ok(folder) => Ok((folder, name)),
            Err(IoError::Failed { source, .. }) => Err(failed("open", path)(source)),
            Err(error) => Err(error),
        }
    }

    /// Where the folder was when it was opened, for messages.
    pub fn path(&self) -> &Path {
        or_current(&self.path)
    }

    /// The same folder, which has this path by now.
    #[must_use]
    pub fn renamed(&self, path: PathBuf) -> Self {
        Self {
            path,
            ..self.clone()
        }
    }

    /// A name in the folder.
    pub fn at<'a, N: AsRef<OsStr> + ?Sized>(&'a self, name: &'a N) -> At<'a> {
        At {
            folder: self,
            name: name.as_ref(),
        }
    }

    /// The names in the folder, in no order. Those that come or go meanwhile may be among them.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn names(&self) -> Result<Names> {
        let entries = Dir::new(self.as_file()?).map_err(failed("list", self.path()))?;
        let path = self.path().to_owned();
        Ok(Names { entries, path })
    }

    /// Whether its path still leads to it, and not to another folder, or to none.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn is_in_place(&self) -> Result<bool> {
        match Self::find(&self.path) {
            Ok(Some(found)) => Ok(found.identity()? == self.identity()?),
            Ok(None) | Err(IoError::NotAFolder { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What tells the folder from every other.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn identity(&self) -> Result<Identity> {
        Identity::of(&self.handle, self.path())
    }

    /// Whether its file system is known not to have something.
    pub fn lacks(&self, lack: Lack) -> bool {
        self.lacks.has(lack)
    }

    /// Remembers that its file system does not have something.
    pub fn note(&self, lack: Lack) {
        self.lacks.note(lack);
    }

    /// Tells what its file system was found not to have, as far as that makes a difference, once.
    pub fn tell_lacks(&self, monitor: &dyn Monitor) {
        for lack in self.lacks.untold() {
            monitor.warn(&format!("{}: {lack}", self.path().display()));
        }
    }

    /// Whom it belongs to.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn owner(&self) -> Result<Owner> {
        Ok(Owner::from(&self.metadata()?))
    }

    /// Its permissions.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn mode(&self) -> Result<Mode> {
        Ok(Mode::from(&self.metadata()?))
    }

    fn metadata(&self) -> Result<Metadata> {
        let metadata = self.handle.metadata();
        metadata.map_err(failed("inspect", self.path()))
    }

    fn of(handle: File, path: PathBuf) -> Self {
        Self {
            handle: Arc::new(handle),
            lacks: Arc::default(),
            path,
        }
    }

    /// How many bytes the process may still write to the file system of the folder.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn bytes_free(&self) -> Result<u64> {
        let found = fstatvfs(&self.handle).map_err(failed("inspect", self.path()))?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// The folder and those that it lies in, up to the root, whatever links led to it; as far as
    /// they may be entered.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn and_above(&self) -> Result<Vec<Self>> {
        let mut folders = vec![self.clone()];
        while let Some(folder) = folders.last() {
            let above = retry_on_intr(|| openat(folder, "..", HANDLE, RawMode::empty()));
            let above = match above {
                Ok(handle) => Self::of(handle.into(), folder.path().join("..")),
                Err(Errno::ACCESS | Errno::NOENT) => break,
                Err(errno) => return Err(failed("open", &folder.path().join(".."))(errno)),
            };
            // The root lies in itself.
            if above.identity()? == folder.identity()? {
                break;
            }
            folders.push(above);
        }
        Ok(folders)
    }

    /// The folder as a file of its own, to be locked, synced or changed.
    pub(crate) fn as_file(&self) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let opened = retry_on_intr(|| openat(&self.handle, ".", flags, RawMode::empty()));
        opened.map(File::from).map_err(failed("open", self.path()))
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// A name in a folder: what it stands for is looked up when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    folder: &'a Folder,
    name: &'a OsStr,
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
        self.folder.path.join(self.name)
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
        self.folder_of(handle)
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
                self.folder_of(handle).map(Some)
            }
        }
    }

    fn folder_of(self, handle: Result<File>) -> Result<Folder> {
        let mut found = Folder::of(handle.map_err(no_folder)?, self.path());
        // What is found out of a file system is found out once.
        if found.metadata()?.dev() == self.folder.metadata()?.dev() {
            found.lacks = Arc::clone(&self.folder.lacks);
        }
        Ok(found)
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
        Ok((self.folder.handle.as_fd(), self.name))
    }
}

/// What tells a file from another, and from itself once it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStatus {
    /// Whether it is a regular file.
    pub is_regular: bool,
    /// Its size in bytes.
    pub length: u64,
    /// Its number on its device.
    pub inode: u64,
    /// When its bytes were last modified, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// When it was last changed in any way.
    pub changed_ns: i64,
}

impl FileStatus {
    fn of(found: &Stat) -> Self {
        Self {
            is_regular: FileType::from_raw_mode(found.st_mode) == FileType::RegularFile,
            length: u64::try_from(found.st_size).unwrap_or_default(),
            inode: found.st_ino,
            modified_ns: nanoseconds(found.st_mtime, found.st_mtime_nsec),
            changed_ns: nanoseconds(found.st_ctime, found.st_ctime_nsec),
        }
    }
}

impl From<&Metadata> for FileStatus {
    fn from(found: &Metadata) -> Self {
        Self {
            is_regular: found.is_file(),
            length: found.len(),
            inode: found.ino(),
            modified_ns: nanoseconds(found.mtime(), found.mtime_nsec()),
            changed_ns: nanoseconds(found.ctime(), found.ctime_nsec()),
        }
    }
}

/// A time of a file, in nanoseconds since 1970. (Systems have other types for the rest.)
fn nanoseconds(seconds: i64, rest: impl TryInto<i64>) -> i64 {
    let rest = rest.try_into().unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// The names in a folder, read little by little.
#[derive(Debug)]
pub struct Names {
    entries: Dir,
    path: PathBuf,
}

impl Iterator for Names {
    type Item = Result<OsString>;

    fn next(&mut self) -> Option<Result<OsString>> {
        loop {
            let entry = match self.entries.next()? {
                Ok(entry) => entry,
                Err(errno) => return Some(Err(failed("list", &self.path)(errno))),
            };
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                return Some(Ok(OsString::from_vec(name.to_owned())));
            }
        }
    }
}

/// What tells one file or folder of this machine from another, as long as it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The identity of an open file; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    pub fn of(file: &File, path: &Path) -> Result<Self> {
        let metadata = file.metadata().map_err(failed("inspect", path))?;
        Ok(Self::from(&metadata))
    }
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.device, self.inode)
    }
}

fn or_current(path: &Path) -> &Path {
    if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    }
}

/// The error of an open that wanted a folder. A link that is not followed can be called a loop.
fn no_folder(error: IoError) -> IoError {
    match error.errno() {
        Some(Errno::NOTDIR | Errno::LOOP) => IoError::NotAFolder {
            path: error.path().to_owned(),
        },
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::{FdFlags, fcntl_getfd};

    use super::*;

    #[test]
    fn nothing_is_open_in_a_program_that_another_thread_starts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("file"), "").expect("a file");
        let folder = Folder::open(folder.path()).expect("a folder");
        let at = folder.at("file");
        for file in [
            folder.as_file().expect("a folder"),
            at.open().expect("a file"),
            at.open_named().expect("a file"),
        ] {
            let flags = fcntl_getfd(&file).expect("the flags");
            assert!(flags.contains(FdFlags::CLOEXEC));
        }
        let flags = fcntl_getfd(&folder).expect("the flags");
        assert!(flags.contains(FdFlags::CLOEXEC));
    }
}
