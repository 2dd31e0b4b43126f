//! Where the bytes of a restored database go.

use std::fs::File;
use std::sync::Arc;

use apograph_format::v2::WalSegmentHeader;
use apograph_format::{LogPosition, LogSequence, Lsn, UnixMillis};
use apograph_io::{Owner, Source};
use apograph_manifest::Unusable;
use apograph_repository::{FullFile, IncrementFile, StoredFile};
use apograph_wal::{LogPart, Run, Runs};

use crate::error::Result;
use crate::staging::Staging;
use crate::walk::{Step, WalkError};

/// A part of a database.
pub(crate) enum Piece {
    /// The image in a full backup.
    Image(Arc<FullFile>),
    /// Runs of the log in an increment, which repeats so many bytes at its front.
    Log(Arc<IncrementFile>, u64, Runs),
}

/// What a name asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A database file.
    File,
    /// A folder database.
    Folder,
}

/// A database that is written, or only measured.
///
/// A restored log of generation 1 is one file. One of generation 2 has the log files of its source,
/// from the place on where the image ends. They say that they were created by the restore, which
/// tells them from their source's; the header of an encrypted one is bound to its key, and stays. A
/// folder database is one again where its name says so, and a database file else.
pub(crate) struct Sink<'d> {
    staging: Option<Staging<'d>>,
    bytes: u64,
    open: Option<Open>,
    /// Generation 2: the position after what is written.
    end: Option<Lsn>,
    now: UnixMillis,
    form: Form,
}

/// The log file that is written.
#[derive(Clone, Copy)]
enum Open {
    One,
    /// The log file of the source.
    Two(WalSegmentHeader),
}

impl<'d> Sink<'d> {
    /// Writes nothing. `now` is when the database is made; it has the form
    /// that its name asks for, if its source can have it.
    pub(crate) fn counting(now: UnixMillis, form: Form) -> Self {
        Self {
            staging: None,
            bytes: 0,
            open: None,
            end: None,
            now,
            form,
        }
    }

    /// Writes a database.
    pub(crate) fn to(staging: Staging<'d>, now: UnixMillis, form: Form) -> Self {
        Self {
            staging: Some(staging),
            ..Self::counting(now, form)
        }
    }

    /// Fetches the full backup that it is made from into the database file, where that is not at hand.
    /// Returns it there; `None` where nothing was fetched.
    pub(crate) fn fetch_image(
        &mut self,
        step: &Step<'_>,
    ) -> std::result::Result<Option<StoredFile>, WalkError> {
        match &mut self.staging {
            Some(staging) => staging.fetch_image(|each| step.fetch(each)),
            None => Ok(None),
        }
    }

    /// Writes what comes next.
    pub(crate) fn write(&mut self, piece: &Piece) -> std::result::Result<(), WalkError> {
        match piece {
            Piece::Image(full) => Ok(self.image(full)?),
            Piece::Log(file, overlap_bytes, runs) => {
                let parts = file.parts(*overlap_bytes);
                let mut runs = runs.as_slice().iter();
                runs.try_for_each(|run| match parts.get(run.part) {
                    Some(part) => self.log((file.file(), file.wal_header(run.part)), part, *run),
                    None => Ok(()),
                })
            }
        }
    }

    /// Writes the database file, after which the log begins, and the embeddings beside it.
    fn image(&mut self, full: &FullFile) -> Result<()> {
        if full.image.headers().are_of_folder() && self.folder()? {
            return Ok(());
        }
        let length = full.image_bytes();
        self.bytes += length;
        self.end = full.log_start();
        if let Some(staging) = &mut self.staging {
            staging.set_image(full.file(), length)?;
        }
        for (file, range) in full.spilled() {
            self.spilled(&file.name, full.file(), range.start, file.size_bytes)?;
        }
        Ok(())
    }

    /// Makes the database a folder, if that is asked for; tells whether it is.
    pub(crate) fn folder(&mut self) -> Result<bool> {
        if self.form == Form::File {
            return Ok(false);
        }
        self.staging.as_mut().map_or(Ok(()), Staging::make_folder)?;
        Ok(true)
    }

    /// Writes the database file of other headers than its source has, after which the log begins.
    pub(crate) fn database(
        &mut self,
        headers: &[u8],
        source: &Source,
        log_start: Option<Lsn>,
    ) -> Result<()> {
        self.bytes += source.len() as u64;
        self.end = log_start;
        match &mut self.staging {
            Some(staging) => staging.set_database(headers, source),
            None => Ok(()),
        }
    }

    /// Writes one of the files of embeddings.
    pub(crate) fn spilled(
        &mut self,
        name: &str,
        source: &File,
        offset: u64,
        length: u64,
    ) -> Result<()> {
        self.bytes += length;
        match &mut self.staging {
            Some(staging) => staging.copy_spilled(name, source, offset, length),
            None => Ok(()),
        }
    }

    /// Appends a run of a part of a log, which is in this file; of generation 2 with the header of the
    /// log file that it is of.
    pub(crate) fn log(
        &mut self,
        (file, header): (&File, Option<WalSegmentHeader>),
        part: &LogPart<'_>,
        run: Run,
    ) -> std::result::Result<(), WalkError> {
        match (part.position(run.start), header) {
            (LogPosition::Lsn(start), Some(header)) => self.enter(&header, start)?,
            _ if self.open.is_none() => {
                self.begin(LogPosition::in_file(LogSequence::default(), 0))?;
                self.open = Some(Open::One);
            }
            _ => {}
        }
        let length = run.len() as u64;
        self.end = self.end.map(|end| end.plus(length));
        self.bytes += length;
        match &mut self.staging {
            // The kernel copies it.
            Some(staging) => {
                let offset = part.file_offset.saturating_add(run.start as u64);
                Ok(staging.copy_log(file, offset, length)?)
            }
            None => Ok(()),
        }
    }

    /// Goes on in the log file of the source that has this header, at a position.
    fn enter(
        &mut self,
        header: &WalSegmentHeader,
        start: Lsn,
    ) -> std::result::Result<(), WalkError> {
        if self.end != Some(start) {
            let end = self.end.unwrap_or_default();
            let detail = format!("its commits begin at LSN {start}, those before end at {end}");
            return Err(Unusable::damaged(0, detail).into());
        }
        if matches!(self.open, Some(Open::Two(open)) if open.is_same_segment(header)) {
            return Ok(());
        }
        let own = if !header.is_encrypted {
            header.beginning_at(start).created(self.now)
        } else if header.first_lsn == start {
            *header
        } else {
            let first = header.first_lsn;
            let detail = format!(
                "of the encrypted log file that begins at LSN {first}, all before LSN {start} is missing"
            );
            return Err(Unusable::damaged(0, detail).into());
        };
        self.begin(LogPosition::Lsn(start))?;
        self.open = Some(Open::Two(*header));
        self.bytes += own.bytes().len() as u64;
        match &mut self.staging {
            Some(staging) => Ok(staging.write_log(own.bytes())?),
            None => Ok(()),
        }
    }

    fn begin(&mut self, start: LogPosition) -> std::result::Result<(), WalkError> {
        match &mut self.staging {
            Some(staging) => Ok(staging.begin_log_file(start)?),
            None => Ok(()),
        }
    }

    /// How many bytes the database has so far.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Publishes the database; returns how many bytes it has, and whom it belongs to, where that is
    /// somebody else.
    pub(crate) fn finish(self) -> Result<(u64, Option<Owner>)> {
        let owner = match self.staging {
            Some(staging) => staging.publish()?,
            None => None,
        };
        Ok((self.bytes, owner))
    }
}
