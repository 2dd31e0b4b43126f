//! The operating system's disk.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{
    AtFlags, OFlags, RenameFlags, linkat, mkdirat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use crate::access::{Access, Mode, give};
use crate::at::At;
use crate::clock::{Clock, SystemClock};
use crate::disk::{Disk, DiskFile, Rename};
use crate::error::{IoError, Result, failed};
use crate::folder::Folder;
use crate::lack::{Lack, is_unsupported};
use crate::open::regular;
use crate::system::sync_file_system;
use crate::write_back::{WRITE_BACK_BYTES, WriteBack};

/// The operating system's disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_new(&self, at: At<'_>, access: Access) -> Result<Box<dyn DiskFile>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let file = at.opened("create", flags, access.mode().raw())?;
        if let Err(error) = give(&file, at, access) {
            drop(file);
            // Nobody will know of the empty file; the first error is the one to report.
            let _ = self.remove_file(at);
            return Err(error);
        }
        Ok(Box::new(RealFile {
            file: Arc::new(file),
            path: at.path(),
            written: 0,
            write_back: (!access.is_passing()).then(WriteBack::default),
        }))
    }

    fn rewrite(&self, at: At<'_>, most: u64, pieces: &[(u64, &[u8])]) -> Result<()> {
        let path = at.path();
        let flags = OFlags::WRONLY | OFlags::NONBLOCK;
        let file = regular(at.opened("open", flags, rustix::fs::Mode::empty()), &path)?;
        let length = file.metadata().map_err(failed("inspect", &path))?.len();
        if length > most {
            file.set_len(most).map_err(failed("cut", &path))?;
        }
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
            .and_then(|folder| give(&folder.as_file()?, at, mode.into()).map(|()| folder));
        if created.is_err() {
            let _ = self.remove_folder(at);
        }
        created
    }

    fn rename(&self, from: At<'_>, to: At<'_>, how: Rename) -> Result<()> {
        let ((from, old), (folder, new)) = (from.step()?, to.step()?);
        let (operation, renamed) = match how {
            Rename::Free => {
                let flags = RenameFlags::NOREPLACE;
                ("publish", renameat_with(from, old, folder, new, flags))
            }
            Rename::Exchange => {
                let flags = RenameFlags::EXCHANGE;
                ("replace", renameat_with(from, old, folder, new, flags))
            }
            // Without flags it is the call that every kernel and file system has.
            Rename::Over => ("replace", renameat(from, old, folder, new)),
        };
        renamed.map_err(failed(operation, &to.path()))
    }

    fn link(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        let ((from, old), (folder, new)) = (from.step()?, to.step()?);
        let linked = linkat(from, old, folder, new, AtFlags::empty());
        linked.map_err(failed("publish", &to.path()))
    }

    fn remove_file(&self, at: At<'_>) -> Result<()> {
        remove(at, AtFlags::empty())
    }

    fn remove_folder(&self, at: At<'_>) -> Result<()> {
        let mut removed = remove(at, AtFlags::REMOVEDIR);
        for _ in 0..SILLY_PAUSES {
            match &removed {
                Err(error) if error.kind() == Some(ErrorKind::DirectoryNotEmpty) => {}
                _ => break,
            }
            if !has_only_silly(at)? {
                break;
            }
            SystemClock.wait(SILLY_PAUSE);
            removed = remove(at, AtFlags::REMOVEDIR);
        }
        removed
    }

    fn sync_folder(&self, folder: &Folder) -> Result<()> {
        let file = folder.as_file()?;
        let lacks_sync = |errno| is_unsupported(errno) || errno == Errno::BADF;
        match file.sync_all() {
            Err(error) if Errno::from_io_error(&error).is_some_and(lacks_sync) => {
                folder.note(Lack::FolderSync);
                match sync_file_system(&file) {
                    Err(errno) if !lacks_sync(errno) => Err(failed("sync", folder.path())(errno)),
                    _ => Ok(()),
                }
            }
            synced => synced.map_err(failed("sync", folder.path())),
        }
    }
}

fn remove(at: At<'_>, flags: AtFlags) -> Result<()> {
    let (folder, name) = at.step()?;
    unlinkat(folder, name, flags).map_err(failed("remove", &at.path()))
}

/// A file that was removed while it was open lies in its folder until the server, or the process
/// after a FUSE file system, hears that it was closed. So long that is waited for.
const SILLY_PAUSE: Duration = Duration::from_millis(20);
const SILLY_PAUSES: u32 = 50;

/// Whether a name is the one that NFS or FUSE gives to a file that was removed while it was open.
pub fn is_silly_renamed(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".nfs") || name.starts_with(b".fuse_hidden")
}

fn has_only_silly(at: At<'_>) -> Result<bool> {
    for name in at.open_folder()?.names()? {
        if !is_silly_renamed(&name?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A file and how long it must be: a network file system can say that it has written more than it
/// has.
struct RealFile {
    file: Arc<File>,
    path: PathBuf,
    written: u64,
    /// `None` where nobody waits for the disk.
    write_back: Option<WriteBack>,
}

impl RealFile {
    /// So many more bytes were written.
    fn has_written(&mut self, length: u64) {
        self.written += length;
        if let Some(write_back) = &mut self.write_back {
            write_back.written_to(&self.file, self.written);
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
            self.has_written(bytes.len() as u64);
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
            // `io::copy` between files, which an `Arc` of one is not, is copy_file_range, or
            // sendfile, or reads and writes.
            let read = std::io::copy(&mut source.take(piece), &mut &*self.file)
                .map_err(failed("write", &self.path))?;
            self.has_written(read);
            left -= read;
            if read < piece {
                return Err(IoError::EndedEarly {
                    path: self.path.clone(),
                    expected: length,
                    read: length - left,
                });
            }
        }
        self.check_length()
    }

    fn sync(&mut self) -> Result<()> {
        if let Some(write_back) = &mut self.write_back {
            write_back.finish();
        }
        self.check_length()?;
        self.file.sync_all().map_err(failed("sync", &self.path))
    }
}
