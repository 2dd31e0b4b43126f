//! What a restore leaves that was cut off, and how it goes.

use apograph_format::FOLDER_LOG_NAME;
use apograph_io::{At, Disk, FileLock, Folder, IoError, Lack, is_silly_renamed};

use crate::error::Result;
use crate::output::Output;

/// The names in a staging folder. The database file:
pub(crate) const IMAGE: &str = "image";
/// Its log folder:
pub(crate) const LOG: &str = "wal";
/// Its embeddings:
pub(crate) const SPILL: &str = "spill";
/// Or a folder database:
pub(crate) const DATABASE: &str = "database";
/// In a folder whose database file is still to come: its [`extent`].
pub(crate) const MARK: &str = ".restore.apograph-tmp";
const MARK_MAX_BYTES: u64 = 64;

/// Removes a staging folder that is locked, the folders that it was about to complete, and the
/// marks of those that are complete.
pub(crate) fn clear(
    disk: &dyn Disk,
    staging: &Folder,
    output: &Output,
    lock: Option<FileLock>,
) -> Result<()> {
    let log = Moved::find(staging.at(LOG), output.log())?;
    let spill = Moved::find(staging.at(SPILL), output.spill())?;
    let is_ours = log.said.is_some() || spill.said.is_some() || staging.at(IMAGE).exists()?;
    if is_claim(output.database())? && is_ours {
        disk.remove_file(output.database())?;
    }
    log.clear(disk, output)?;
    spill.clear(disk, output)?;
    if let Some(database) = staging.at(DATABASE).find_folder()? {
        let at = database.at(FOLDER_LOG_NAME);
        if let Some(log) = at.find_folder()? {
            remove(disk, &log, at)?;
        }
        Moved::find(staging.at(DATABASE), output.database())?.clear(disk, output)?;
    }
    if staging.lacks(Lack::FolderLock) {
        // The file that is locked is closed before it goes.
        drop(lock);
    }
    remove(disk, staging, output.temporary())
}

/// A folder of a restored database: its place in the staging folder, and what stands at the place
/// that it is moved to.
struct Moved<'a> {
    staged: At<'a>,
    target: At<'a>,
    folder: Option<Folder>,
    /// What its mark says.
    said: Option<Vec<u8>>,
}

impl<'a> Moved<'a> {
    fn find(staged: At<'a>, target: At<'a>) -> Result<Self> {
        let folder = match target.find_folder() {
            // Somebody else's file, or a link.
            Err(IoError::NotAFolder { .. }) => None,
            found => found?,
        };
        let said = match &folder {
            Some(folder) => folder.at(MARK).read_small(MARK_MAX_BYTES)?,
            None => None,
        };
        Ok(Self {
            staged,
            target,
            folder,
            said,
        })
    }

    /// Removes it, or the mark of one that is complete.
    fn clear(self, disk: &dyn Disk, output: &Output) -> Result<()> {
        if let Some(staged) = self.staged.find_folder()? {
            if let Some(moved) = &self.folder
                && moved.names()?.next().is_none()
            {
                disk.remove_folder(self.target)?;
            }
            remove(disk, &staged, self.staged)?;
        }
        if let (Some(moved), Some(said)) = (self.folder, self.said) {
            if output.database().exists()? {
                disk.remove_file(moved.at(MARK))?;
            } else if extent(&moved)?.as_bytes() == said {
                disk.publish(self.target, self.staged)?;
                disk.sync_folder(&output.folder)?;
                remove(disk, &moved, self.staged)?;
            }
        }
        Ok(())
    }
}

/// Whether a name may have been claimed for a file that is not there yet.
fn is_claim(at: At<'_>) -> Result<bool> {
    let found = at.metadata()?;
    Ok(found.is_some_and(|it| it.is_file() && it.len() == 0))
}

/// How many files a folder has, and how many bytes, but for the mark.
pub(crate) fn extent(log: &Folder) -> Result<String> {
    let (mut files, mut bytes) = (0_u64, 0_u64);
    for name in log.names()? {
        let name = name?;
        if name != MARK {
            files += 1;
            bytes += log.at(&name).source()?.len() as u64;
        }
    }
    Ok(format!("{files} {bytes}"))
}

/// Removes a folder of files, which has the name `at`.
fn remove(disk: &dyn Disk, folder: &Folder, at: At<'_>) -> Result<()> {
    let mut names = folder.names()?.collect::<apograph_io::Result<Vec<_>>>()?;
    names.sort();
    for name in names.iter().filter(|name| !is_silly_renamed(name)) {
        disk.remove_file(folder.at(name))?;
    }
    Ok(disk.remove_folder(at)?)
}
