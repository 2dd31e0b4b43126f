//! Copies into a folder, as a repository that both engines read and write.
//!
//! Each backup is published as the one that captured it was. A copy that was cut off before its
//! manifest leaves whole segments that no entry names. They are no backup's, and so they are not
//! adopted, which would give them another time of capture: those that are the next segments of what
//! is copied are removed, and copied again. Whatever else is there is in the way.

use std::path::PathBuf;

use apograph_format::{SegmentName, UnixMillis};
use apograph_io::{Context, Folder, IoError, Mode, StagedFile, exists, random, sums};
use apograph_manifest::{
    Captures, ChainEntry, Evidence, Front, Notes, RepositoryId, Segment, SegmentContent,
};

use crate::addition::{Addition, NewSegment, evidence_for, next_name};
use crate::check::{Expected, check_file};
use crate::copy_target::{CheckedSegment, CopyTarget};
use crate::error::{RepositoryError, Result};
use crate::held::HeldRepository;
use crate::init::create;
use crate::location::Location;
use crate::place::check_outside_logs;
use crate::repository::Repository;
use crate::segment_defect::SegmentDefect;
use crate::writer::Writer;

/// The folder that is copied to; made a repository where nothing is.
pub(crate) fn find_or_create(to: &Location, context: Context<'_>) -> Result<Folder> {
    let path = to.path();
    let no_repository = |detail: &str| RepositoryError::NotARepository {
        path: path.clone(),
        detail: detail.to_owned(),
    };
    match Folder::find(&path) {
        Ok(Some(folder)) => {
            check_outside_logs(&folder, &path)?;
            Ok(folder)
        }
        Ok(None) if !exists(&path)? => {
            let (parent, name) = Folder::holding(&path)?;
            create(context.disk, &parent, name, Mode::PRIVATE)
        }
        Ok(None) | Err(IoError::NotAFolder { .. }) => Err(no_repository("it is no folder")),
        Err(error) => Err(error.into()),
    }
}

/// A folder that is copied to, whose lock is held.
pub(crate) struct FolderCopy<'w> {
    writer: &'w Writer<'w>,
    held: HeldRepository<'w>,
    put: Vec<NewSegment<'w>>,
    /// What stands in the manifest in the place of what is missing between those.
    placeholders: Vec<Segment>,
    /// What the notes say of those right before and behind that.
    fronts: Vec<Front>,
    /// How many numbers further on than the next the next segment has its own.
    ahead: u64,
    mode: Mode,
}

impl<'w> FolderCopy<'w> {
    /// Opens what is in a folder. What an earlier copy of the same repository left that no entry
    /// names goes.
    pub(crate) fn open(writer: &'w Writer<'w>, from: &Repository) -> Result<Self> {
        let held = writer.open_as_it_is()?;
        let held = if take_back(writer, &held, from)? {
            writer.open_as_it_is()?
        } else {
            held
        };
        writer.clear(held.repository())?;
        Ok(Self {
            writer,
            held,
            put: Vec::new(),
            placeholders: Vec::new(),
            fronts: Vec::new(),
            ahead: 0,
            mode: Mode::PRIVATE,
        })
    }

    /// What the notes say of the last segment so far, where nothing follows on it.
    fn last_front(&self) -> Option<Front> {
        if let Some(NewSegment { record, .. }) = self.put.last() {
            let front = Front::of(&record.segment.file, &record.content);
            return front.filter(|_| !record.is_uncounted);
        }
        let last = self.entries().last().filter(|last| last.is_counted)?;
        Front::of(&last.segment.file, last.content.as_ref()?)
    }

    fn notes(&self) -> Option<&Notes> {
        self.held.repository().notes().ok().flatten()
    }
}

/// Removes segments that an earlier copy left, the last first. Returns whether there were any.
fn take_back(writer: &Writer<'_>, held: &HeldRepository<'_>, from: &Repository) -> Result<bool> {
    let (context, folder) = (writer.context, &writer.folder);
    let mut left: Vec<SegmentName> = held.repository().unnamed().to_vec();
    left.sort_by_key(|name| name.index);
    let count = held.repository().chain().entries().len();
    let next = from.chain().entries().get(count..).unwrap_or_default();
    for name in &left {
        let at = folder.at(&name.to_string()).path();
        let found = sums(folder.at(&name.to_string()).source()?.bytes(), context)?;
        let mut next = next.iter();
        if !next.any(|entry| entry.hash == Some(found.blake3)) {
            return Err(RepositoryError::InTheWay { path: at });
        }
    }
    for name in left.iter().rev() {
        context.disk.remove_file(folder.at(&name.to_string()))?;
        context.disk.sync_folder(folder)?;
    }
    Ok(!left.is_empty())
}

impl CopyTarget for FolderCopy<'_> {
    fn path(&self) -> PathBuf {
        self.held.repository().path()
    }

    fn entries(&self) -> &[ChainEntry] {
        self.held.repository().chain().entries()
    }

    fn put(&mut self, segment: CheckedSegment<'_>) -> Result<u64> {
        let CheckedSegment {
            bytes,
            mut record,
            hole,
            mode,
        } = segment;
        let context = self.writer.context;
        let kind = record.segment.kind;
        if let Some(hole) = hole {
            self.fronts.extend(self.last_front());
            // What is missing has a number too.
            let missing = next_name(self.held.repository(), self.ahead, kind).into();
            let at = record.segment.created_at;
            self.placeholders
                .push(Segment::placeholder(missing, hole, at));
            self.ahead += 1;
        }
        let name = next_name(self.held.repository(), self.ahead, kind);
        self.ahead += 1;
        let text = name.to_string();
        let target = self.writer.folder.at(&text);
        let mut file = StagedFile::create(context.disk, target, mode)?;
        let mut written = Ok(());
        bytes.for_each(|piece| {
            if written.is_ok() {
                let is_let = context.monitor.go_on();
                written = is_let.and_then(|()| file.write(piece));
            }
        })?;
        written?;
        record.segment.file = name.into();
        if hole.is_some() && !record.is_uncounted {
            self.fronts
                .extend(Front::of(&record.segment.file, &record.content));
        }
        if let SegmentContent::Increment(increment) = &mut record.content {
            // Only a record could know them, and what that alone knows must not change an answer.
            increment.captures = Captures::default();
        }
        let expected = Expected {
            segment: &record.segment,
            hash: Some(record.hash),
        };
        let path = file.temporary().path();
        let checked = file.sync_and_read(|bytes| check_file(bytes, expected, context.again()))?;
        checked.map_err(|defect| match defect {
            SegmentDefect::Io(error) => error.into(),
            SegmentDefect::Unusable(reason) => RepositoryError::Unusable { path, reason },
        })?;
        let size_bytes = record.segment.size_bytes;
        self.mode = mode;
        self.put.push(NewSegment { file, record });
        Ok(size_bytes)
    }

    fn publish(&mut self, evidence: Option<&Evidence>) -> Result<()> {
        let segments = std::mem::take(&mut self.put);
        self.ahead = 0;
        let fronts = std::mem::take(&mut self.fronts);
        let notes = match self.held.repository().notes() {
            Ok(None) => Some(Notes::of(RepositoryId::new(random()?))),
            Ok(Some(notes)) if !fronts.is_empty() => Some(notes.clone()),
            _ => None,
        };
        let notes = notes.map(|mut notes| {
            let known = &mut notes.pruned.fronts;
            known.retain(|known| fronts.iter().all(|front| front.file != known.file));
            known.extend(fronts);
            notes
        });
        let last = segments.last().map(|it| &it.record);
        let evidence = evidence
            .zip(last)
            .map(|(evidence, last)| evidence_for(evidence, last));
        self.held.publish(Addition {
            segments,
            placeholders: std::mem::take(&mut self.placeholders),
            notes,
            evidence,
            looked_until: UnixMillis::default(),
            log: &(),
            mode: self.mode,
        })?;
        self.held = self.writer.open_as_it_is()?;
        Ok(())
    }

    fn note(
        &mut self,
        looked_until: Option<UnixMillis>,
        file_times_through: Option<usize>,
    ) -> Result<()> {
        // Notes that cannot be read are left to the next backup.
        let Some(notes) = self.notes() else {
            return Ok(());
        };
        let entries = self.held.repository().chain().entries();
        let through = file_times_through.and_then(|index| entries.get(index));
        let through = through.map(|entry| entry.segment.file.clone());
        let after = Notes {
            looked_until: looked_until.max(notes.looked_until),
            file_times_through: through.or(notes.file_times_through.clone()),
            ..notes.clone()
        };
        if after == *notes {
            return Ok(());
        }
        self.writer.write_notes(self.mode, &after)
    }
}
