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
//! A folder database is moved in one step. A note lies in it that it was restored.
//!
//! The folder that it goes into is opened once, and so are the two that are made in it. Whatever
//! their paths come to lead to, the database is written and cleared where it was begun. Every file
//! is closed before it is moved or removed.

use std::fs::File;

use apograph_format::{FOLDER_LOG_NAME, LogPosition, log_file_name};
use apograph_io::{
    At, Context, DiskFile, FileLock, Folder, IoError, Mode, Owner, Source, create_file,
};
use apograph_manifest::RESTORED_NOTE_NAME;
use apograph_repository::{SegmentDefect, StoredFile};

use crate::clearing::{DATABASE, IMAGE, LOG, MARK, SPILL, clear, extent};
use crate::error::{RestoreError, Result};
use crate::output::Output;
use crate::walk::WalkError;

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
    /// The folder that the database is, where it is no file.
    database: Option<Folder>,
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
            database: None,
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

    /// Copies a database file, with other headers, which are as long as its own.
    pub(crate) fn set_database(&mut self, headers: &[u8], source: &Source) -> Result<()> {
        let at = self.folder.at(IMAGE);
        let mut image = self.context.disk.create_new(at, self.mode.into())?;
        image.write(headers)?;
        let (front, all) = (headers.len() as u64, source.len() as u64);
        image.copy(
            source.file(),
            front,
            all.saturating_sub(front),
            self.context,
        )?;
        self.image = Some(image);
        Ok(())
    }

    /// Makes the database a folder, without a database file.
    pub(crate) fn make_folder(&mut self) -> Result<()> {
        // One that was fetched is not needed.
        self.image = None;
        let (disk, mode) = (self.context.disk, self.mode.for_folder());
        let database = disk.create_folder(self.folder.at(DATABASE), mode)?;
        let folder = disk.create_folder(database.at(FOLDER_LOG_NAME), mode)?;
        self.log = Some(Log { folder, file: None });
        self.database = Some(database);
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
        self.complete_folders()?;
        self.context.disk.sync_folder(&self.folder)?;
        self.context.disk.sync_folder(&self.output.folder)?;
        self.context.monitor.go_on()?;
        let mut moves = Vec::new();
        if self.log.is_some() && self.database.is_none() {
            moves.push((self.folder.at(LOG), self.output.log()));
        }
        if self.spill.is_some() {
            moves.push((self.folder.at(SPILL), self.output.spill()));
        }
        let database = if self.database.is_some() {
            DATABASE
        } else {
            IMAGE
        };
        moves.push((self.folder.at(database), self.output.database()));
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

    /// Makes the folders durable, with a mark in each whose database file is still to come.
    fn complete_folders(&self) -> Result<()> {
        let disk = self.context.disk;
        let log = self.log.as_ref().map(|log| &log.folder);
        if let Some(database) = &self.database {
            if let Some(log) = log {
                create_file(disk, log.at(RESTORED_NOTE_NAME), self.mode, &[])?;
                disk.sync_folder(log)?;
            }
            return Ok(disk.sync_folder(database)?);
        }
        for folder in log.into_iter().chain(&self.spill) {
            let extent = extent(folder)?;
            let mut mark = disk.create_new(folder.at(MARK), self.mode.into())?;
            mark.write(extent.as_bytes())?;
            mark.sync()?;
            disk.sync_folder(folder)?;
        }
        Ok(())
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
