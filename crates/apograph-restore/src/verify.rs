//! The verification of a whole repository: the walk of a restore, without output.
//!
//! What a segment is checked against is known from the records of those before it. So segments need
//! not be checked in their order: the large ones come first, each by all threads; then the others
//! side by side, by one thread each.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use apograph_format::{Code, Epoch, SegmentKind, SegmentName, WithCauses};
use apograph_io::{At, Clock, Context};
use apograph_manifest::{FileStamp, GapCause, Level, Segment, Unusable};
use apograph_repository::{Lease, Location, Repository, VerificationRecord};

use crate::error::{RestoreError, Result};
use crate::walk::{Step, Walk, WalkError, Walked, total_bytes};

/// To share a segment of this size among threads pays.
const LARGE_BYTES: u64 = 4 << 20;

/// How to verify.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// How deep to look.
    pub level: Level,
    /// Pass over what is noted to be sound at this level or a deeper one, and has not changed since.
    pub only_new: bool,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// How many segments were read, and are sound.
    pub files: u64,
    /// How many bytes they have; of a vault at [`Level::Objects`], their objects.
    pub bytes: u64,
    /// How many log frames were checked.
    pub frames: u64,
    /// How many commit groups.
    pub commits: u64,
    /// How many segments were passed over, since they were verified before.
    pub skipped: u64,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Something that is wrong with a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The code of the error that a restore of the epochs would be.
    pub code: Code,
    /// The file that it is about.
    pub file: Option<String>,
    /// Where in the file, in bytes.
    pub offset: Option<u64>,
    /// What is wrong, in words.
    pub detail: String,
    /// The epochs that the file has by the manifest.
    pub epochs: Option<(Epoch, Epoch)>,
}

/// Verifies a repository, and writes nothing.
///
/// # Errors
///
/// [`RestoreError`](crate::RestoreError) where the repository cannot be opened at all. Damage and
/// missing links are no errors here but [`Verified::problems`].
pub fn verify(
    repository: impl Into<Location>,
    options: &VerifyOptions,
    context: Context<'_>,
) -> Result<Verified> {
    let location = repository.into();
    let lease = Lease::take(&location, context);
    let context = lease.context();
    let repository = lease.narrow(Repository::open(&location, context)?);
    Ok(verified(&repository, options, context, false)?.0)
}

/// The same, and notes in `apograph.json`, or in the catalog of a vault, which segments were found
/// sound, and when.
///
/// A folder that has no such file, or a damaged one, gets one only where
/// [`VerifyOptions::only_new`] asks for what it would say. That nothing could be noted, because
/// another command writes to the repository or nobody may, is told to the monitor and is no error.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_and_record(
    repository: impl Into<Location>,
    options: &VerifyOptions,
    context: Context<'_>,
) -> Result<Verified> {
    let location = repository.into();
    let lease = Lease::take(&location, context);
    let context = lease.context();
    let repository = lease.narrow(Repository::open(&location, context)?);
    let (verified, marks) = verified(&repository, options, context, true)?;
    let folder = repository.folder().cloned();
    if folder.is_none() || repository.has_history() || options.only_new {
        let recorded = repository.record_verifications(marks, context);
        recorded.unwrap_or_else(|error| {
            let (monitor, error) = (context.monitor, WithCauses(&error));
            monitor.warn(&format!("what was verified is not recorded: {error}"));
        });
        if let Some(folder) = folder {
            folder.tell_lacks(context.monitor);
        }
    }
    Ok(verified)
}

fn verified(
    repository: &Repository,
    options: &VerifyOptions,
    context: Context<'_>,
    notes: bool,
) -> Result<(Verified, Vec<VerificationRecord>)> {
    let entries = repository.chain().entries();
    let is_known = |index: usize| repository.is_verified(index, options.level);
    let is_new = |index: &usize| !(options.only_new && is_known(*index));
    let bytes = |index: usize| repository.bytes_at(index, options.level);
    // The hash of an object is made by one thread.
    let is_shared = options.level > Level::Objects || repository.folder().is_some();
    let is_large = |index: &usize| is_shared && bytes(*index) >= LARGE_BYTES;
    let new = || (0..entries.len()).filter(is_new);
    context
        .monitor
        .phase("verifying", total_bytes(new().map(bytes)));
    let check = Check {
        repository,
        level: options.level,
        notes,
        context,
        found: Mutex::default(),
    };
    let mut walk = Walk::from(repository, 0, context);
    for index in new().filter(is_large) {
        check.segment(index, walk.step(index));
    }
    let small = || new().filter(|index| !is_large(index));
    let alone = Walk::from(repository, 0, context.by_one_thread());
    let ahead = Mutex::new((alone, small()));
    context.threads.for_each(small().count(), |_| {
        let mut ahead = ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let (walk, indexes) = &mut *ahead;
        if let Some(index) = indexes.next() {
            let step = walk.step(index);
            drop(ahead);
            check.segment(index, step);
        }
    });
    let found = check.found.into_inner();
    let (mut verified, marks) = found.unwrap_or_else(PoisonError::into_inner).in_order()?;
    verified.skipped = (entries.len() - new().count()) as u64;
    if options.level == Level::Frames {
        verified.problems.extend(missing_links(repository));
    }
    tell_unnamed(repository, context);
    let unnamed = repository.unnamed().iter();
    let (unfinished, unnamed): (Vec<_>, Vec<&SegmentName>) =
        unnamed.partition(|name| repository.is_unfinished(**name));
    for name in unfinished {
        context.monitor.warn(&format!(
            "{name} is of a backup that was not finished; the next one makes it part of the chain"
        ));
    }
    verified
        .problems
        .extend(unnamed.into_iter().map(|name| Problem {
            code: Code::CorruptManifest,
            file: Some(name.to_string()),
            offset: None,
            detail: "no entry of the manifest names it".to_owned(),
            epochs: None,
        }));
    Ok((verified, marks))
}

/// Tells of what is in a vault and belongs to nothing that its catalog names.
fn tell_unnamed(repository: &Repository, context: Context<'_>) {
    let told = match repository.unnamed_objects(context) {
        Ok(unnamed) => unnamed.last().map(|last| {
            let count = unnamed.len();
            format!(
                "{count} segments have objects that the catalog does not name, the last is {last}: a \
                 command is at work or was killed, or the newest versions of the catalog are lost"
            )
        }),
        Err(error) => Some(format!(
            "whether there are objects that the catalog does not name is not known: {}",
            WithCauses(&error)
        )),
    };
    if let Some(told) = told {
        context.monitor.warn(&told);
    }
}

/// The check of segments, in whatever order they come.
struct Check<'a> {
    repository: &'a Repository,
    level: Level,
    notes: bool,
    context: Context<'a>,
    found: Mutex<Found>,
}

/// What was found so far; what is told in order has the number of its entry.
#[derive(Default)]
struct Found {
    verified: Verified,
    problems: Vec<(usize, Problem)>,
    marks: Vec<VerificationRecord>,
    failed: BTreeMap<usize, RestoreError>,
}

impl Check<'_> {
    fn segment(&self, index: usize, step: Step<'_>) {
        let Some(entry) = self.repository.chain().entries().get(index) else {
            return;
        };
        // The first error is the one to report, whatever is checked first.
        if self.found().failed.range(..index).next().is_some() {
            return;
        }
        if let Err(error) = self.context.monitor.go_on() {
            self.found().failed.insert(index, error.into());
            return;
        }
        let segment = &entry.segment;
        let file = self.repository.file_of(segment);
        let is_file = file.is_some();
        let file = file.filter(|_| self.notes);
        let stamp = file.and_then(|file| settled_stamp(file, self.context.clock));
        let at = self.context.clock.now();
        let read = self.read(step, segment);
        let mut found = self.found();
        let unusable = match &read {
            Err(WalkError::Unusable(reason)) => Some(Box::new(reason.clone())),
            _ => None,
        };
        // A file of which it would not show that it was changed again has no record.
        if self.notes && (read.is_err() || stamp.is_some() || !is_file) {
            found.marks.push(VerificationRecord {
                index,
                at,
                level: self.level,
                stamp,
                unusable,
            });
        }
        let error = match read {
            Ok((bytes, walked)) => {
                found.verified.files += 1;
                found.verified.bytes += bytes;
                found.verified.commits += walked.commits;
                found.verified.frames += walked.frames;
                return;
            }
            Err(WalkError::Unusable(reason)) => {
                let epochs = (segment.start_epoch, segment.end_epoch);
                let problem = Problem::with(segment.file.as_str(), &reason, epochs);
                found.problems.push((index, problem));
                return;
            }
            Err(WalkError::Io(error)) => error.into(),
            Err(WalkError::Output(error)) => *error,
        };
        found.failed.insert(index, error);
    }

    fn read(
        &self,
        step: Step<'_>,
        segment: &Segment,
    ) -> std::result::Result<(u64, Walked), WalkError> {
        if self.level == Level::Objects
            && let Some(bytes) = self.repository.check_objects(segment, self.context)?
        {
            return Ok((bytes, Walked::default()));
        }
        let (length, walked) = match (self.level, segment.kind) {
            (Level::Objects | Level::Files, _) => (step.file()?.bytes().len(), Walked::default()),
            (Level::Frames, SegmentKind::Full) => {
                let full = step.full()?;
                full.check()?;
                (full.file.bytes().len(), Walked::default())
            }
            (Level::Frames, SegmentKind::Incremental) => {
                let increment = step.increment()?;
                let length = increment.file.bytes().len();
                (length, increment.check(|_| Ok(()))?)
            }
        };
        Ok((length as u64, walked))
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    /// The same in the order of the entries.
    fn in_order(mut self) -> Result<(Verified, Vec<VerificationRecord>)> {
        if let Some((_, error)) = self.failed.pop_first() {
            return Err(error);
        }
        self.problems.sort_by_key(|(index, _)| *index);
        self.marks.sort_by_key(|mark| mark.index);
        let problems = self.problems.into_iter().map(|(_, problem)| problem);
        self.verified.problems = problems.collect();
        Ok((self.verified, self.marks))
    }
}

/// The stamp of a file that is about to be read, once a change from then on would show in it.
fn settled_stamp(at: At<'_>, clock: &dyn Clock) -> Option<FileStamp> {
    let settled = || {
        let metadata = at.metadata().ok()??;
        Some(FileStamp::from(&metadata)).filter(|stamp| stamp.is_settled(clock.now()))
    };
    settled().or_else(|| {
        // The clock here has milliseconds, and cuts off what is less.
        clock.wait(2 * FileStamp::GRAIN);
        settled()
    })
}

/// The gaps that are no part of a normal life. A database that was closed between two backups
/// leaves a gap that says so in `list`, and so does a prune; damaged and missing files are problems already.
fn missing_links(repository: &Repository) -> Vec<Problem> {
    let gaps = repository.chain().gaps();
    let problems = gaps.filter(|gap| match &gap.cause {
        GapCause::NotContinued { .. } | GapCause::Unusable(_) | GapCause::Pruned { .. } => false,
        // Commits out of order may still come, or were lost in a crash before they were logged.
        GapCause::EpochsMissing {
            is_out_of_order, ..
        } => !is_out_of_order,
        _ => true,
    });
    let problem = |gap: apograph_manifest::Gap| Problem {
        code: gap.cause.code(),
        file: gap.cause.file().map(ToString::to_string),
        offset: None,
        detail: WithCauses(&gap.cause).to_string(),
        epochs: None,
    };
    problems.map(problem).collect()
}

impl Problem {
    fn with(file: &str, reason: &Unusable, epochs: (Epoch, Epoch)) -> Self {
        Self {
            code: reason.code(),
            file: Some(file.to_owned()),
            offset: reason.offset(),
            detail: reason.detail().to_string(),
            epochs: Some(epochs),
        }
    }
}
