//! Files as slices. The only file of the workspace with `unsafe` in it.
//!
//! A mapping is sound as long as nobody truncates or rewrites the file under it: a truncated page
//! is a SIGBUS, a rewritten one is a slice that changes. What is mapped here does neither:
//!
//! - segments and staged files are never changed once they are written, and `apograph.json`, which
//!   is ours alone, is replaced by another file;
//! - log files of generation 1 only grow, and a mapping covers just the bytes that were there when
//!   it was made; the engine unlinks them, which leaves mapped pages alone;
//! - so do those of generation 2, but for the newest: the engine cuts off a group that it could not
//!   write, and writes another in its place. Of that file a [snapshot](Mapped::snapshot) is mapped,
//!   a copy in memory that nobody else has.
//!
//! The database file itself *is* rewritten in place, by every checkpoint. It is copied with read
//! calls and never mapped; only the finished copy is.

use std::fs::File;
use std::ops::{Deref, Range};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::error::{Result, failed};
use crate::holes::is_hollow;

const SNAPSHOT_BUFFER_BYTES: usize = 256 << 10;

/// The bytes of a file as they were when it was mapped.
#[derive(Debug)]
pub struct Mapped {
    map: Option<memmap2::Mmap>,
    is_hollow: bool,
}

impl Mapped {
    /// Maps a copy of an open file that may be cut or rewritten; `path` is for messages.
    ///
    /// The copy is in memory, and has as many bytes as were found. It is no one state of the file
    /// where that was changed meanwhile: the reader has to check what it reads.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`](crate::IoError::Failed).
    pub fn snapshot(file: &File, path: &Path) -> Result<Self> {
        Self::snapshot_without(file, path, 0..0)
    }

    /// The same without some bytes that nobody asks for: they are not read, and are zeros in the
    /// copy.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`](crate::IoError::Failed).
    pub fn snapshot_without(file: &File, path: &Path, unread: Range<u64>) -> Result<Self> {
        let copied = || -> std::io::Result<File> {
            let copy = File::from(memfd_create(c"snapshot", MemfdFlags::CLOEXEC)?);
            let found = file.metadata()?.len();
            let mut length = copy_range(file, &copy, 0..unread.start)?;
            if length == unread.start {
                length = found.clamp(unread.start, unread.end);
            }
            if length == unread.end {
                length = copy_range(file, &copy, unread.end..u64::MAX)?;
            }
            copy.set_len(length)?;
            Ok(copy)
        };
        Self::of(&copied().map_err(failed("read", path))?, path)
    }

    /// Maps an open file; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`](crate::IoError::Failed).
    pub fn of(file: &File, path: &Path) -> Result<Self> {
        let length = file.metadata().map_err(failed("inspect", path))?.len();
        if length == 0 {
            return Ok(Self {
                map: None,
                is_hollow: false,
            });
        }
        let length = usize::try_from(length)
            .map_err(|_| failed("map", path)(std::io::ErrorKind::FileTooLarge))?;
        #[expect(
            unsafe_code,
            reason = "mapping a file is unsafe; the module says why this is sound"
        )]
        // SAFETY: the file is one of those that the module's essay names: it is not truncated and
        // the mapped bytes are not rewritten while the mapping lives.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(file) };
        Ok(Self {
            map: Some(map.map_err(failed("map", path))?),
            is_hollow: is_hollow(file, length as u64),
        })
    }

    /// Whether the file is large and almost all of it is a hole, which reads as zeros and takes no
    /// room on the disk. To read it takes as long as if it were stored.
    pub const fn is_hollow(&self) -> bool {
        self.is_hollow
    }
}

/// Copies a range of a file, as far as it has it, and tells where that ends.
fn copy_range(from: &File, to: &File, range: Range<u64>) -> std::io::Result<u64> {
    let mut buffer = vec![0; SNAPSHOT_BUFFER_BYTES];
    let mut offset = range.start;
    loop {
        let rest = usize::try_from(range.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = rest.min(buffer.len());
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        let count = from.read_at(buffer, offset)?;
        if count == 0 {
            return Ok(offset);
        }
        to.write_all_at(buffer.get(..count).unwrap_or_default(), offset)?;
        offset = offset.saturating_add(count as u64);
        if to.metadata()?.len() != offset {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}
