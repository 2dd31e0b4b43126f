//! Files as slices. The only file of the workspace with `unsafe` in it.
//!
//! A mapping is sound as long as nobody truncates or rewrites the file under it: a truncated page
//! is a SIGBUS, a rewritten one is a slice that changes. What is mapped here does neither:
//!
//! - segments and staged files are never changed once they are written;
//! - log files of generation 1 only grow, and a mapping covers just the bytes that were there when
//!   it was made; the engine unlinks them, which leaves mapped pages alone.
//!
//! The database file itself *is* rewritten in place, by every checkpoint. It is copied with read
//! calls and never mapped; only the finished copy is.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use crate::error::{Result, failed};
use crate::open::open_regular;

/// The bytes of a file as they were when it was mapped.
#[derive(Debug)]
pub struct Mapped {
    map: Option<memmap2::Mmap>,
}

impl Mapped {
    /// Maps the regular file at `path` for reading.
    ///
    /// # Errors
    ///
    /// As [`open_regular`], and [`IoError::Failed`](crate::IoError::Failed).
    pub fn open(path: &Path) -> Result<Self> {
        let file = open_regular(path)?;
        Self::of(&file, path)
    }

    /// Maps an open file; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`](crate::IoError::Failed).
    pub fn of(file: &File, path: &Path) -> Result<Self> {
        let length = file.metadata().map_err(failed("inspect", path))?.len();
        if length == 0 {
            return Ok(Self { map: None });
        }
        let length = usize::try_from(length)
            .map_err(|_| failed("map", path)(std::io::ErrorKind::FileTooLarge.into()))?;
        #[expect(
            unsafe_code,
            reason = "mapping a file is unsafe; the module says why this is sound"
        )]
        // SAFETY: the file is one of those that the module's essay names: it is not truncated and
        // the mapped bytes are not rewritten while the mapping lives.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(file) };
        Ok(Self {
            map: Some(map.map_err(failed("map", path))?),
        })
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}
