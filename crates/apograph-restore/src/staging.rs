//! A database that appears whole, or not at all, where nothing was.
//!
//! It is written into a folder beside its place, made durable, and moved out: the log folder
//! first and durably, since a database file without its log would be an older state that opens.
//! The log folder holds a mark until the database file has followed, which says how many files it
//! has and how many bytes. So a command that comes after a crash between the two can tell the one
//! left behind from somebody else's, and from one that an engine has written to since; it takes it
//! back and removes it. Where a name has to be claimed (`disk.rs` of apograph-io), an empty
//! database file may be left beside what was to be renamed over it; it goes too.
//!
//! The folder that it goes into is opened once, and so are the two that are made in it. Whatever
//! their paths come to lead to, the database is written and cleared where it was begun. Every file
//! is closed before it is moved or removed.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use apograph_format::v1::is_spilled_vectors;
use apograph_format::{LogPosition, checkpoint_image, log_file_name, log_folder, spill_folder};
use apograph_io::{
    At, Context, Disk, DiskFile, FileLock, Folder, IoError, Lack, Mode, Owner, exists,
    is_silly_renamed, temporary_name,
};
use apograph_repository::{SegmentDefect, StoredFile, check_no_repository, check_outside_logs};

use crate::error::{RestoreError, Result};
use crate::walk::WalkError;

const IMAGE: &str = "image";
const LOG: &str = "wal";
const SPILL: &str = "spill";
/// What is locked where a folder cannot be.
const LOCK: &str = "lock";
/// In a folder whose database file is still to come: its [`extent`].
const MARK: &str = ".restore.apograph-tmp";
const MARK_MAX_BYTES: u64 = 64;

/// Where a restored database goes: a folder that is held open, and the names in it.
#[derive(Clone)]
pub(crate) struct Output {
    path: PathBuf,
    folder: Folder,
    name: OsString,
    log: OsString,
    spill: OsString,
    temporary: OsString,
}

impl Output {
    /// Opens the folder of a path; `None` where there is none.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>> {
        if path.file_name().is_none() && exists(path)? {
            let path = path.to_owned();
            return Err(RestoreError::OutputExists { path });
        }
        let (folder, name) = match Folder::holding(path) {
            Err(error) if error.is_not_found() => return Ok(None),
            found => found?,
        };
        Ok(Some(Self {
            path: path.to_owned(),
            folder,
            name: name.to_owned(),
            log: log_folder(name.as_ref()).into(),
            spill: spill_folder(name.as_ref()).into(),
            temporary: temporary_name(name),
        }))
    }

    /// Fails where a restored database would not last, or would be taken for a backup: in the log
    /// folder of a database, or in a repository.
    pub(crate) fn check_place(&self) -> Result<()> {
        check_outside_logs(&self.folder, &self.path)?;
        Ok(check_no_repository(&self.folder, &self.path)?)
    }

    /// Fails where anything stands in the way of a restored database. What an interrupted restore
    /// left is no obstacle; it is cleared before anything is written.
    pub(crate) fn check_free_or_left(&self) -> Result<()> {
        if self.temporary().exists()? {
            return Ok(());
        }
        self.check_free()
    }

    fn check_free(&self) -> Result<()> {
        // The engine installs a checkpoint image over whatever database has its name.
        let image = checkpoint_image(self.name.as_ref());
        for at in [self.database(), self.log(), self.folder.at(&image)] {
            if at.exists()? {
                return Err(RestoreError::OutputExists { path: at.path() });
            }
        }
        // An engine reads embeddings there into whatever database has its name.
        if let Ok(Some(folder)) = self.spill().find_named_folder() {
            for name in folder.names()? {
                let name = name?;
                if name.to_str().is_some_and(is_spilled_vectors) {
                    let path = folder.at(&name).path();
                    return Err(RestoreError::OutputExists { path });
                }
            }
        }
        Ok(())
    }

    /// How many bytes are free there, which must be no fewer than the database has.
    pub(crate) fn check_room(&self, bytes: u64) -> Result<u64> {
        let free = self.folder.bytes_free()?;
        if bytes <= free {
            return Ok(free);
        }
        let lack = format!("it takes {bytes} bytes, and {free} are free");
        Err(RestoreError::Io(IoError::Failed {
            operation: "restore into",
            path: self.folder.path().to_owned(),
            source: io::Error::new(ErrorKind::StorageFull, lack),
        }))
    }

    fn database(&self) -> At<'_> {
        self.folder.at(&self.name)
    }

    fn log(&self) -> At<'_> {
        self.folder.at(&self.log)
    }

    fn spill(&self) -> At<'_> {
        self.folder.at(&self.spill)
    }

    fn temporary(&self) -> At<'_> {
        self.folder.at(&self.temporary)
    }

    /// Locks a staging folder, which is then nobody else's; no lock where there are none.
    fn lock(&self, staging: &Folder) -> Result<Option<FileLock>> {
        let is_busy = || RestoreError::OutputBusy {
            path: self.path.clone(),
        };
        let mut lock = FileLock::acquire_folder(staging);
        if matches!(lock, Ok(None)) {
            lock = FileLock::acquire(staging.at(LOCK), Mode::PRIVATE);
        }
        let lock = lock.map_err(|error| match error {
            IoError::Busy { .. } => is_busy(),
            other => other.into(),
        })?;
        // Whoever had the lock has removed the folder since.
        if !self.temporary().is_of(staging)? {
            return Err(is_busy());
        }
        Ok(lock)
    }
}

/// A database in the making.
pub(crate) struct Staging<'d> {
    /// What it copies was read already.
    context: Context<'d>,
    output: Output,
    folder: Folder,
    mode: Mode,
    image: Option<Box<dyn DiskFile>>,
    /// How many bytes were fetched to the place of the image.
    fetched_bytes: Option<u64>,
    /// How many of them the image has, where it has not all.
    cut_to: Option<u64>,
    log: Option<Log>,
    spill: Option<Folder>,
    lock: Option<FileLock>,
    is_done: bool,
}

/// Writes a part of a file.
type Write<'a> = dyn FnMut(&[u8]) -> std::result::Result<(), IoError> + 'a;

/// The log of a database in the making, with its newest file.
struct Log {
    folder: Folder,
    /// `None` once it is closed.
    file: Option<Box<dyn DiskFile>>,
}

impl Log {
    /// Makes the newest file durable and closes it.
    fn close(&mut self) -> Result<()> {
        match self.file.take() {
            Some(mut file) => Ok(file.sync()?),
            None => Ok(()),
        }
    }
}

impl<'d> Staging<'d> {
    /// Begins a database where nothing may be.
    pub(crate) fn begin(output: Output, mode: Mode, context: Context<'d>) -> Result<Self> {
        let disk = context.disk;
        if let Some(left) = output.temporary().find_folder()? {
            let lock = output.lock(&left)?;
            clear(disk, &left, &output, lock)?;
        }
        output.check_free()?;
        let folder = disk.create_folder(output.temporary(), Mode::PRIVATE.for_folder())?;
        let lock = output.lock(&folder).inspect_err(|error| {
            // Where it is busy, another restore took it for a left-over, and clears it.
            if !matches!(error, RestoreError::OutputBusy { .. }) {
                let _ = disk.remove_folder(output.temporary());
            }
        })?;
        let staging = Self {
            context: context.again(),
            output,
            folder,
            mode,
            image: None,
            fetched_bytes: None,
            cut_to: None,
            log: None,
            spill: None,
            lock,
            is_done: false,
        };
        Ok(staging)
    }

    /// Lets `fetch` hand on the bytes of a full backup, and writes them where the database file will
    /// be. It tells whether there were any to be fetched; returns them there.
    pub(crate) fn fetch_image(
        &mut self,
        fetch: impl FnOnce(&mut Write<'_>) -> std::result::Result<bool, SegmentDefect>,
    ) -> std::result::Result<Option<StoredFile>, WalkError> {
        let (disk, mode) = (self.context.disk, self.mode);
        let at = self.folder.at(IMAGE);
        let mut image = None;
        let is_fetched = fetch(&mut |piece| {
            let file = match &mut image {
                Some(file) => file,
                None => image.insert(disk.create_new(at, mode.into())?),
            };
            file.write(piece)
        })?;
        if !is_fetched || image.is_none() {
            return Ok(None);
        }
        let source = at.source()?;
        self.fetched_bytes = Some(source.len() as u64);
        self.image = image;
        Ok(Some(StoredFile::of(source)?))
    }

    /// Copies the first bytes of a full backup to be the database file, unless it was fetched there.
    pub(crate) fn set_image(&mut self, source: &File, length: u64) -> Result<()> {
        if let Some(fetched_bytes) = self.fetched_bytes {
            self.cut_to = (length < fetched_bytes).then_some(length);
            return Ok(());
        }
        let at = self.folder.at(IMAGE);
        let mut image = self.context.disk.create_new(at, self.mode.into())?;
        image.copy(source, 0, length, self.context)?;
        self.image = Some(image);
        Ok(())
    }

    /// Copies a part of a file to be one of the files of embeddings.
    pub(crate) fn copy_spilled(
        &mut self,
        name: &str,
        source: &File,
        offset: u64,
        length: u64,
    ) -> Result<()> {
        let folder = if let Some(folder) = &self.spill {
            folder
        } else {
            self.clear_spill_folder()?;
            let mode = self.mode.for_folder();
            let folder = self
                .context
                .disk
                .create_folder(self.folder.at(SPILL), mode)?;
            self.spill.insert(folder)
        };
        let mut file = self
            .context
            .disk
            .create_new(folder.at(name), self.mode.into())?;
        file.copy(source, offset, length, self.context)?;
        Ok(file.sync()?)
    }

    /// An empty folder is what an engine leaves that had nothing to move there.
    fn clear_spill_folder(&self) -> Result<()> {
        let at = self.output.spill();
        let is_empty = match at.find_folder() {
            Ok(Some(folder)) => folder.names()?.next().is_none(),
            Ok(None) => return Ok(()),
            Err(_) => false,
        };
        if is_empty {
            return Ok(self.context.disk.remove_folder(at)?);
        }
        Err(RestoreError::OutputExists { path: at.path() })
    }

    /// Begins a log file, after those that were written.
    pub(crate) fn begin_log_file(&mut self, start: LogPosition) -> Result<()> {
        let folder = if let Some(log) = &mut self.log {
            log.close()?;
            self.context.monitor.go_on()?;
            log.folder.clone()
        } else {
            let mode = self.mode.for_folder();
            self.context.disk.create_folder(self.folder.at(LOG), mode)?
        };
        let name = log_file_name(start);
        let file = self
            .context
            .disk
            .create_new(folder.at(&name), self.mode.into())?;
        let file = Some(file);
        self.log = Some(Log { folder, file });
        Ok(())
    }

    /// Copies a part of a file to the end of the log file.
    pub(crate) fn copy_log(&mut self, source: &File, offset: u64, length: u64) -> Result<()> {
        let context = self.context;
        match self.log_file() {
            Some(file) => Ok(file.copy(source, offset, length, context)?),
            None => Ok(()),
        }
    }

    /// Appends to the log file.
    pub(crate) fn write_log(&mut self, bytes: &[u8]) -> Result<()> {
        match self.log_file() {
            Some(file) => Ok(file.write(bytes)?),
            None => Ok(()),
        }
    }

    fn log_file(&mut self) -> Option<&mut Box<dyn DiskFile>> {
        self.log.as_mut().and_then(|log| log.file.as_mut())
    }

    /// Makes the database durable and gives it its name. Tells the monitor what its file system
    /// does not have; returns whom the database belongs to, where that is somebody else.
    pub(crate) fn publish(mut self) -> Result<Option<Owner>> {
        if let Some(mut image) = self.image.take() {
            image.sync()?;
        }
        if let Some(length) = self.cut_to {
            // What stands after it was read by now.
            let at = self.folder.at(IMAGE);
            self.context.disk.rewrite(at, length, &[])?;
        }
        if let Some(log) = &mut self.log {
            log.close()?;
        }
        let log = self.log.as_ref().map(|log| &log.folder);
        for folder in log.into_iter().chain(&self.spill) {
            let extent = extent(folder)?;
            let mut mark = self
                .context
                .disk
                .create_new(folder.at(MARK), self.mode.into())?;
            mark.write(extent.as_bytes())?;
            mark.sync()?;
            self.context.disk.sync_folder(folder)?;
        }
        self.context.disk.sync_folder(&self.folder)?;
        self.context.disk.sync_folder(&self.output.folder)?;
        self.context.monitor.go_on()?;
        let mut moves = Vec::new();
        if self.log.is_some() {
            moves.push((self.folder.at(LOG), self.output.log()));
        }
        if self.spill.is_some() {
            moves.push((self.folder.at(SPILL), self.output.spill()));
        }
        moves.push((self.folder.at(IMAGE), self.output.database()));
        let outcome = self.move_out(&moves);
        // What was moved back is removed when it is durable there, and no sooner.
        self.is_done =
            outcome.is_ok() || self.context.disk.sync_folder(&self.output.folder).is_err();
        outcome?;
        // The database is there, durably. What cannot be cleared is known by its name.
        let _ = clear(
            self.context.disk,
            &self.folder,
            &self.output,
            self.lock.take(),
        );
        self.output.folder.tell_lacks(self.context.monitor);
        let metadata = self.output.database().metadata().ok().flatten();
        let owner = metadata.as_ref().map(Owner::from);
        Ok(owner.filter(|owner| !owner.is_self()))
    }

    /// Moves everything to its place, each durably before the next, or everything back.
    fn move_out(&self, moves: &[(At<'_>, At<'_>)]) -> Result<()> {
        let mut done = Vec::new();
        let outcome = moves.iter().try_for_each(|&(from, to)| {
            self.context.disk.publish(from, to).map_err(taken)?;
            done.push((from, to));
            Ok(self.context.disk.sync_folder(&self.output.folder)?)
        });
        if outcome.is_err() {
            // To where `drop` removes it. The first error is the one to report.
            for (from, to) in done.into_iter().rev() {
                let _ = self.context.disk.publish(to, from);
            }
        }
        outcome
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        (self.image, self.log) = (None, None);
        if !self.is_done {
            // The error that led here is the one to report; a left-over is known by its name.
            let _ = clear(
                self.context.disk,
                &self.folder,
                &self.output,
                self.lock.take(),
            );
        }
    }
}

fn taken(error: IoError) -> RestoreError {
    if error.is_already_exists() {
        RestoreError::OutputExists {
            path: error.path().to_owned(),
        }
    } else {
        error.into()
    }
}

/// Removes a staging folder that is locked, the folders that it was about to complete, and the
/// marks of those that are complete.
fn clear(disk: &dyn Disk, staging: &Folder, output: &Output, lock: Option<FileLock>) -> Result<()> {
    let log = Moved::find(staging.at(LOG), output.log())?;
    let spill = Moved::find(staging.at(SPILL), output.spill())?;
    let is_ours = log.said.is_some() || spill.said.is_some() || staging.at(IMAGE).exists()?;
    if is_claim(output.database())? && is_ours {
        disk.remove_file(output.database())?;
    }
    log.clear(disk, output)?;
    spill.clear(disk, output)?;
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
fn extent(log: &Folder) -> Result<String> {
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
