//! The few operations through which everything is written.
//!
//! They are a trait so that a test can stand between a command and the disk: cut the power after
//! any operation, fail the n-th one, count them. Each names what it changes as a name in an open
//! folder ([`At`]). Reading needs no such seam and goes to the operating system directly.
//!
//! A file system may not have an operation. Two renames carry all that is published, and Linux has
//! both on its own file systems: one that fails where the name is taken (`RENAME_NOREPLACE`), and
//! one that lets two files change names (`RENAME_EXCHANGE`). NFS, SMB, exFAT and whatever is
//! mounted by FUSE have neither. Each is made here of what is left, and where even that is missing,
//! of less. What a folder's file system does not have is found out when it is first wanted, and
//! remembered in the [`Folder`].
//!
//! **A free name.** A file gets its second name by a link, which fails where it is taken, and then
//! loses the first. Without links the name is claimed by an empty file, whose creation fails where
//! it is taken, and the file is renamed over the claim. So a name that is taken is never replaced,
//! whichever way is left. A folder needs no claim: renamed over another one it replaces it only
//! where that is empty. It is looked first, and an empty folder that somebody makes at that very
//! moment is no loss; a claim that a kill leaves would be a folder in everybody's way.
//!
//! Killed in between, a file has both names, which are one file; or the claim is left, which is
//! empty, while the file still has the temporary name. Neither is taken for anything else: no
//! segment and no database is empty.
//!
//! What would replace a file, if there were one, needs no claim: it is renamed over whatever is
//! there by then. An empty manifest would stop the next command.
//!
//! **Another content.** The old file gets a second name, `..NAME.apograph-tmp.apograph-tmp`, by a
//! link, or else by a copy; the new one is renamed over the old; the old takes the new one's
//! temporary name. The name leads to the old file or to the new one at every moment. The detour
//! keeps the way back: where the folder cannot be synced, the two change names again.
//!
//! All of it is made of the other operations of [`Disk`], so that a test can cut the power between
//! any two of them.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use crate::access::{Access, Mode};
use crate::at::At;
use crate::error::{IoError, Result, failed};
use crate::folder::Folder;
use crate::identity::Identity;
use crate::lack::Lack;
use crate::lock::FileLock;
use crate::temporary_name::temporary_name;

/// What becomes of whatever has the new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rename {
    /// Nothing may have it. Not every file system can do this.
    Free,
    /// It gets the old name. Not every file system can do this.
    Exchange,
    /// A file is gone. So is a folder, if it is empty and a folder is renamed.
    Over,
}

/// Everything that changes a disk.
///
/// Each operation can also be [`IoError::NotAName`].
pub trait Disk: Sync {
    /// Creates a file that must not exist yet and opens it for writing.
    ///
    /// # Errors
    ///
    /// [`IoError::TooOpen`], and [`IoError::Failed`]; see [`IoError::is_already_exists`].
    fn create_new(&self, at: At<'_>, access: Access) -> Result<Box<dyn DiskFile>>;

    /// Writes pieces of bytes into a file that exists, each in one call and in this order, and
    /// makes them durable. What the file has elsewhere stays, but that it is cut first where it is
    /// longer than `most` bytes.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`]; see [`IoError::is_not_found`].
    fn rewrite(&self, at: At<'_>, most: u64, pieces: &[(u64, &[u8])]) -> Result<()>;

    /// Creates a folder that must not exist yet and opens it. It belongs to the owner of the folder
    /// that it is in.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`]; see [`IoError::is_already_exists`].
    fn create_folder(&self, at: At<'_>, mode: Mode) -> Result<Folder>;

    /// Renames a file or folder in one step.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`]; see [`IoError::is_already_exists`].
    fn rename(&self, from: At<'_>, to: At<'_>, how: Rename) -> Result<()>;

    /// Gives a file a second name, which must be free. Not every file system can do this.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`]; see [`IoError::is_already_exists`].
    fn link(&self, from: At<'_>, to: At<'_>) -> Result<()>;

    /// Renames a file or folder to a name that must be free, on whatever file system.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`]; see [`IoError::is_already_exists`].
    fn publish(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        publish(self, from, to)
    }

    /// The same for a file, in a folder that others write to at the same time and nobody locks for
    /// longer than it takes: on a file system with neither such renames nor links it waits for the
    /// folder's lock, and the name leads to nothing but the whole file, whoever is killed.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`]; see [`IoError::is_already_exists`].
    fn publish_shared(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        publish_shared(self, from, to)
    }

    /// Renames a file to a name that nothing has, on whatever file system. Where somebody takes the
    /// name meanwhile, it fails or replaces that file: for what would replace it anyway.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`]; see [`IoError::is_already_exists`].
    fn place(&self, from: At<'_>, to: At<'_>) -> Result<()> {
        place(self, from, to)
    }

    /// Lets two files of one folder change names, on whatever file system. The second name leads to
    /// one of them at every moment.
    ///
    /// # Errors
    ///
    /// [`IoError::Failed`].
    fn exchange(&self, one: At<'_>, other: At<'_>) -> Result<()> {
        exchange(self, one, other)
    }

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

    /// Makes the names in a folder durable, as far as its file system can.
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

/// Renames a file or folder to a name that must be free.
fn publish<D: Disk + ?Sized>(disk: &D, from: At<'_>, to: At<'_>) -> Result<()> {
    match natively(to, Lack::FreeRename, || disk.rename(from, to, Rename::Free)) {
        Some(renamed) => renamed,
        None if inspect(from)?.is_dir() => rename_unclaimed(disk, from, to),
        None => link_or(disk, from, to, claim_and_rename),
    }
}

/// The same for a file, in a folder that can be locked meanwhile.
fn publish_shared<D: Disk + ?Sized>(disk: &D, from: At<'_>, to: At<'_>) -> Result<()> {
    let renamed = natively(to, Lack::FreeRename, || disk.rename(from, to, Rename::Free));
    renamed.unwrap_or_else(|| link_or(disk, from, to, lock_and_rename))
}

/// Renames a file to a name that nothing has, and that may be taken meanwhile.
fn place<D: Disk + ?Sized>(disk: &D, from: At<'_>, to: At<'_>) -> Result<()> {
    let renamed = natively(to, Lack::FreeRename, || disk.rename(from, to, Rename::Free));
    renamed.unwrap_or_else(|| disk.rename(from, to, Rename::Over))
}

/// Gives a file its name by a link, or `otherwise`.
fn link_or<D: Disk + ?Sized>(
    disk: &D,
    from: At<'_>,
    to: At<'_>,
    otherwise: fn(&D, At<'_>, At<'_>) -> Result<()>,
) -> Result<()> {
    match natively(to, Lack::Link, || disk.link(from, to)) {
        // A server that has lost its answer is asked again, and says that its own link is in the
        // way.
        Some(Err(error)) if error.is_already_exists() && is_same(from, to) => {}
        Some(linked) => linked?,
        None => return otherwise(disk, from, to),
    }
    let removed = disk.remove_file(from);
    removed.inspect_err(|_| drop(disk.remove_file(to)))
}

/// Whoever is killed in between leaves an empty file.
fn claim_and_rename<D: Disk + ?Sized>(disk: &D, from: At<'_>, to: At<'_>) -> Result<()> {
    let mode = Mode::from(&inspect(from)?);
    // The claim is closed before anything is renamed over it.
    drop(disk.create_new(to, mode.into())?);
    let renamed = disk.rename(from, to, Rename::Over);
    renamed.inspect_err(|_| drop(disk.remove_file(to)))
}

fn lock_and_rename<D: Disk + ?Sized>(disk: &D, from: At<'_>, to: At<'_>) -> Result<()> {
    match FileLock::wait_for_folder(to.folder())? {
        Some(_lock) => rename_unclaimed(disk, from, to),
        None => claim_and_rename(disk, from, to),
    }
}

/// Nothing keeps others from taking the name in between.
fn rename_unclaimed<D: Disk + ?Sized>(disk: &D, from: At<'_>, to: At<'_>) -> Result<()> {
    if to.exists()? {
        return Err(failed("publish", &to.path())(ErrorKind::AlreadyExists));
    }
    disk.rename(from, to, Rename::Over)
}

/// Lets two files of one folder change names.
fn exchange<D: Disk + ?Sized>(disk: &D, one: At<'_>, other: At<'_>) -> Result<()> {
    let natively = natively(other, Lack::Exchange, || {
        disk.rename(one, other, Rename::Exchange)
    });
    if let Some(exchanged) = natively {
        return exchanged;
    }
    let aside = temporary_name(one.name());
    let aside = one.folder().at(&aside);
    if aside.exists()? {
        disk.remove_file(aside)?;
    }
    keep(disk, other, aside)?;
    if let Err(error) = disk.rename(one, other, Rename::Over) {
        let _ = disk.remove_file(aside);
        return Err(error);
    }
    // Where the old file cannot take the temporary name, it takes its own again.
    let renamed = disk.rename(aside, one, Rename::Over);
    renamed.inspect_err(|_| drop(disk.rename(aside, other, Rename::Over)))
}

/// Gives a file a second name that is free, or a copy of it.
fn keep<D: Disk + ?Sized>(disk: &D, file: At<'_>, aside: At<'_>) -> Result<()> {
    if let Some(linked) = natively(aside, Lack::Link, || disk.link(file, aside)) {
        return linked;
    }
    let (source, metadata) = (file.open()?, inspect(file)?);
    let mut copy = disk.create_new(aside, Mode::from(&metadata).into())?;
    let copied = copy.copy_from(&source, 0, metadata.len());
    drop(copy);
    copied.inspect_err(|_| drop(disk.remove_file(aside)))
}

/// Does something as the file system does it; `None` where it does not.
fn natively(to: At<'_>, lack: Lack, act: impl FnOnce() -> Result<()>) -> Option<Result<()>> {
    if to.folder().lacks(lack) {
        return None;
    }
    let done = act();
    let is_lacking = |error: &IoError| match lack {
        // "The file system does not support the creation of hard links."
        Lack::Link => error.is_unsupported() || error.is_not_permitted(),
        _ => error.is_unsupported(),
    };
    if done.as_ref().is_err_and(is_lacking) {
        to.folder().note(lack);
        return None;
    }
    Some(done)
}

/// Whether both are names of one file that has more than one.
fn is_same(one: At<'_>, other: At<'_>) -> bool {
    let identity = |at| {
        let found = inspect(at).ok().filter(|found| found.nlink() > 1);
        found.as_ref().map(Identity::from)
    };
    identity(one).is_some_and(|found| Some(found) == identity(other))
}

fn inspect(at: At<'_>) -> Result<Metadata> {
    let gone = || failed("inspect", &at.path())(ErrorKind::NotFound);
    at.metadata()?.ok_or_else(gone)
}
