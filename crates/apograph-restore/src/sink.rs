//! Where the bytes of a restored database go.

use std::sync::Arc;

use apograph_format::v2::WalSegmentHeader;
use apograph_format::{LogPosition, LogSequence, Lsn, UnixMillis};
use apograph_io::Owner;
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
                runs.try_for_each(|run| self.log(file, &parts, *run))
            }
        }
    }

    /// Writes the database file, after which the log begins, and the embeddings beside it.
    fn image(&mut self, full: &FullFile) -> Result<()> {
        if self.form == Form::Folder && full.image.headers().are_of_folder() {
            return self.staging.as_mut().map_or(Ok(()), Staging::make_folder);
        }
        let length = full.image_bytes();
        self.bytes += length;
        self.end = full.log_start();
        if let Some(staging) = &mut self.staging {
            staging.set_image(full.file(), length)?;
        }
        for (file, range) in full.spilled() {
            self.bytes += file.size_bytes;
            if let Some(staging) = &mut self.staging {
                staging.copy_spilled(&file.name, full.file(), range.start, file.size_bytes)?;
            }
        }
        Ok(())
    }

    /// Appends a run of the log in an increment.
    fn log(
        &mut self,
        file: &IncrementFile,
        parts: &[LogPart<'_>],
        run: Run,
    ) -> std::result::Result<(), WalkError> {
        let Some(part) = parts.get(run.part) else {
            return Ok(());
        };
        match (part.position(run.start), file.wal_header(run.part)) {
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
                Ok(staging.copy_log(file.file(), offset, length)?)
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
