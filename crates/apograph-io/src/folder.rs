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
use std::fs::{File, Metadata};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Dir, Mode as RawMode, OFlags, fstatvfs, open, openat};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{IoError, Result, failed};
use crate::identity::Identity;
use crate::lack::{Lack, Lacks};
use crate::monitor::Monitor;
use crate::system::LOOK_UP;

/// How a folder is opened to look names up in it.
pub(crate) const HANDLE: OFlags = LOOK_UP.union(OFlags::CLOEXEC);

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

    pub(crate) fn metadata(&self) -> Result<Metadata> {
        let metadata = self.handle.metadata();
        metadata.map_err(failed("inspect", self.path()))
    }

    /// The path of a name in it, for messages.
    pub(crate) fn path_of(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    /// A folder that was opened by a name in this one.
    pub(crate) fn inner(&self, handle: Result<File>, path: PathBuf) -> Result<Self> {
        let mut found = Self::of(handle.map_err(no_folder)?, path);
        // What is found out of a file system is found out once.
        if found.metadata()?.dev() == self.metadata()?.dev() {
            found.lacks = Arc::clone(&self.lacks);
        }
        Ok(found)
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
