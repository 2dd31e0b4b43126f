//! A folder of the machine for segments that are on their way into a vault.
//!
//! It is locked while it is in use, and goes with the command. One that a killed command left, with
//! what a full backup would be, is removed by the next: nobody holds its lock any more.

use std::env;
use std::ffi::OsStr;

use apograph_io::{
    Context, Disk, FileLock, Folder, IoError, Mode, RealDisk, is_temporary, random, spool_error,
};

use crate::error::Result;

/// What the names of such folders begin with, before 32 hexadecimal digits.
const PREFIX: &str = "apograph-staging-";
const DIGITS: usize = 32;
/// So often another command may take a new folder for one that was left.
const ATTEMPTS: u32 = 5;

/// A folder for segments that are on their way into a vault. It goes with its value, and what is in
/// it before.
pub(crate) struct Staging<'a> {
    folder: Folder,
    parent: Folder,
    name: String,
    context: Context<'a>,
    _lock: Option<FileLock>,
}

impl<'a> Staging<'a> {
    /// Makes one in the folder for temporary files.
    pub(crate) fn new(context: Context<'a>) -> Result<Self> {
        let parent = Folder::open(&env::temp_dir()).map_err(spooled)?;
        clear(&parent);
        for _ in 0..ATTEMPTS {
            let name = format!("{PREFIX}{:032x}", random()?);
            let mode = Mode::PRIVATE.for_folder();
            let created = context.disk.create_folder(parent.at(&name), mode);
            let folder = match created {
                // It was removed before it was open: it was taken for one that was left.
                Err(error) if error.is_not_found() && parent.is_in_place()? => continue,
                created => created.map_err(spooled)?,
            };
            let lock = match FileLock::acquire_folder(&folder) {
                // It was taken for one that was left.
                Err(IoError::Busy { .. }) => continue,
                lock => lock?,
            };
            if folder.is_in_place()? {
                return Ok(Self {
                    folder,
                    parent,
                    name,
                    context,
                    _lock: lock,
                });
            }
        }
        let path = parent.path().to_owned();
        Err(IoError::Busy { path }.into())
    }

    /// The folder.
    pub(crate) const fn folder(&self) -> &Folder {
        &self.folder
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // Whoever made a file in it has removed it. What stays, the next command removes.
        let _ = self.context.disk.remove_folder(self.parent.at(&self.name));
    }
}

/// An error about the folder for temporary files.
fn spooled(error: IoError) -> IoError {
    match error {
        IoError::Failed { source, .. } => spool_error("make")(source),
        other => other,
    }
}

/// Removes what killed commands left. What cannot be removed is in use, or somebody else's.
fn clear(parent: &Folder) {
    let names = parent.names().into_iter().flatten().flatten();
    for name in names.filter(|name| is_staging(name)) {
        let _ = clear_one(parent, &name);
    }
}

fn is_staging(name: &OsStr) -> bool {
    let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    digits.is_some_and(|digits| {
        digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn clear_one(parent: &Folder, name: &OsStr) -> apograph_io::Result<()> {
    let at = parent.at(name);
    let Some(folder) = at.find_folder()? else {
        return Ok(());
    };
    // Without locks nobody can tell whether it is in use.
    let Some(_lock) = FileLock::acquire_folder(&folder)? else {
        return Ok(());
    };
    for left in folder.names()? {
        let left = left?;
        if is_temporary(&left) {
            RealDisk.remove_file(folder.at(&left))?;
        }
    }
    RealDisk.remove_folder(at)
}
