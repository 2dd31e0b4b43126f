//! A database that appears whole, or not at all, where nothing was.
//!
//! It is written into a folder beside its place, made durable, and moved out: the log folder
//! first and durably, since a database file without its log would be an older state that opens.
//! The log folder holds a mark until the database file has followed, which says how many files it
//! has and how many bytes. So a command that comes after a crash between the two can tell the one
//! left behind from somebody else's, and from one that an engine has written to since; it takes it
//! back and removes it.

use std::path::{Path, PathBuf};

use apograph_format::{LogPosition, checkpoint_image, log_file_name, log_folder};
use apograph_io::{
    Disk, DiskFile, FileLock, IoError, Mapped, Mode, exists, list_folder, parent_folder,
    read_small, temporary_path,
};

use crate::error::{RestoreError, Result};

const IMAGE: &str = "image";
const LOG: &str = "wal";
/// In a log folder whose database file is still to come: its [`extent`].
const MARK: &str = ".restore.apograph-tmp";
const MARK_MAX_BYTES: u64 = 64;

/// A database in the making.
pub(crate) struct Staging<'d> {
    disk: &'d dyn Disk,
    output: PathBuf,
    folder: PathBuf,
    mode: Mode,
    image: Option<Box<dyn DiskFile>>,
    log: Option<Box<dyn DiskFile>>,

    is_done: bool,
    _lock: FileLock,
}

impl<'d> Staging<'d> {
    /// Begins a database that will live at `output`, where nothing may be.
    pub(crate) fn begin(disk: &'d dyn Disk, output: &Path, mode: Mode) -> Result<Self> {
        let parent = parent_folder(output);
        if !exists(parent)? {
            let source = std::io::ErrorKind::NotFound.into();
            let (operation, path) = ("restore into", parent.to_owned());
            return Err(IoError::Failed {
                operation,
                path,
                source,
            }
            .into());
        }
        let folder = temporary_path(output);
        if exists(&folder)? {
            let _lock = lock(&folder, output)?;
            clear(disk, &folder, output)?;
        }
        check_free(output)?;
        disk.create_folder(&folder, Mode::PRIVATE.for_folder())?;
        let lock = match lock(&folder, output) {
            Ok(lock) => lock,
            Err(error) => {
                let _ = disk.remove_folder(&folder);
                return Err(error);
            }
        };
        let staging = Self {
            disk,
            output: output.to_owned(),
            folder,
            mode,
            image: None,
            log: None,

            is_done: false,
            _lock: lock,
        };
        Ok(staging)
    }

    /// Writes the database file.
    pub(crate) fn write_image(&mut self, bytes: &[u8]) -> Result<()> {
        let mut image = self.disk.create_new(&self.folder.join(IMAGE), self.mode)?;
        image.write(bytes)?;
        self.image = Some(image);
        Ok(())
    }

    /// Begins a log file, behind those that were written.
    pub(crate) fn begin_log_file(&mut self, start: LogPosition) -> Result<()> {
        let folder = self.folder.join(LOG);
        match &mut self.log {
            Some(before) => before.sync()?,
            None => self.disk.create_folder(&folder, self.mode.for_folder())?,
        }
        let path = folder.join(log_file_name(start));
        self.log = Some(self.disk.create_new(&path, self.mode)?);
        Ok(())
    }

    /// Appends to the log file.
    pub(crate) fn write_log(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.log {
            Some(log) => Ok(log.write(bytes)?),
            None => Ok(()),
        }
    }

    /// Makes the database durable and gives it its name.
    pub(crate) fn publish(mut self) -> Result<()> {
        if let Some(image) = &mut self.image {
            image.sync()?;
        }
        let log = self.folder.join(LOG);
        if let Some(file) = &mut self.log {
            file.sync()?;
            let extent = extent(&log)?;
            let mut mark = self.disk.create_new(&log.join(MARK), self.mode)?;
            mark.write(extent.as_bytes())?;
            mark.sync()?;
            self.disk.sync_folder(&log)?;
        }
        self.disk.sync_folder(&self.folder)?;
        self.disk.sync_folder(parent_folder(&self.output))?;
        let mut moves = vec![(self.folder.join(IMAGE), self.output.clone())];
        if self.log.is_some() {
            moves.insert(0, (log, log_folder(&self.output)));
        }
        self.move_out(&moves)?;
        self.is_done = true;
        // The database is there, durably. What cannot be cleared is known by its name.
        let _ = clear(self.disk, &self.folder, &self.output);
        Ok(())
    }

    /// Moves everything to its place, each durably before the next, or everything back.
    fn move_out(&self, moves: &[(PathBuf, PathBuf)]) -> Result<()> {
        let mut done = Vec::new();
        let outcome = moves.iter().try_for_each(|(from, to)| {
            self.disk.publish(from, to).map_err(taken)?;
            done.push((from, to));
            Ok(self.disk.sync_folder(parent_folder(&self.output))?)
        });
        if outcome.is_err() {
            // To where `drop` removes it. The first error is the one to report.
            for (from, to) in done.into_iter().rev() {
                let _ = self.disk.publish(to, from);
            }
        }
        outcome
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            // The error that led here is the one to report; a left-over is known by its name.
            let _ = clear(self.disk, &self.folder, &self.output);
        }
    }
}

/// Fails where anything stands in the way of a restored database.
pub(crate) fn check_free(output: &Path) -> Result<()> {
    // The engine installs a checkpoint image over whatever database has its name.
    for path in [
        output.to_owned(),
        log_folder(output),
        checkpoint_image(output),
    ] {
        if exists(&path)? {
            return Err(RestoreError::OutputExists { path });
        }
    }
    Ok(())
}

fn lock(folder: &Path, output: &Path) -> Result<FileLock> {
    FileLock::acquire_folder(folder).map_err(|error| match error {
        IoError::Busy { .. } => RestoreError::OutputBusy {
            path: output.to_owned(),
        },
        other => other.into(),
    })
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

/// Removes a staging folder, the log folder that it was about to complete, and the mark of one that
/// is complete.
fn clear(disk: &dyn Disk, folder: &Path, output: &Path) -> Result<()> {
    let (log, log_output) = (folder.join(LOG), log_folder(output));
    remove_folder(disk, &log)?;
    let mark = log_output.join(MARK);
    if log_output.is_dir()
        && let Some(said) = read_small(&mark, MARK_MAX_BYTES)?
    {
        if exists(output)? {
            disk.remove_file(&mark)?;
        } else if extent(&log_output)?.as_bytes() == said {
            disk.publish(&log_output, &log)?;
            remove_folder(disk, &log)?;
        }
    }
    remove_folder(disk, folder)
}

/// How many files a log folder has, and how many bytes, but for the mark.
fn extent(log: &Path) -> Result<String> {
    let (mut files, mut bytes) = (0_u64, 0_u64);
    for name in list_folder(log)?.unwrap_or_default() {
        if name != MARK {
            files += 1;
            bytes += Mapped::open(&log.join(name))?.len() as u64;
        }
    }
    Ok(format!("{files} {bytes}"))
}

/// Removes a folder of files, where there is one.
fn remove_folder(disk: &dyn Disk, folder: &Path) -> Result<()> {
    if let Some(names) = list_folder(folder)? {
        for name in names {
            disk.remove_file(&folder.join(name))?;
        }
        disk.remove_folder(folder)?;
    }
    Ok(())
}
