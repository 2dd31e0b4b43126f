//! The verification of a whole repository: the walk of a restore, without output.

use std::path::Path;

use apograph_format::{Epoch, SegmentKind};
use apograph_io::{At, Disk, Monitor, Pace, Threads, now};
use apograph_manifest::{FileStamp, HoleCause, Level, Unusable, Verification};
use apograph_repository::{Mark, Repository, StoredFile, check_file_at_pace, mark};

use crate::error::{Result, code_of};
use crate::walk::{Walk, WalkError, total_bytes};

/// How to verify.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// How deep to look.
    pub level: Level,
    /// Pass over what `apograph.json` says was verified as deep, and has not changed since.
    pub only_new: bool,
    /// How many threads check what is read.
    pub threads: Threads,
    /// How fast segments are read.
    pub pace: Pace,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// How many segment files were read.
    pub files: u64,
    /// How many bytes they have.
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
    pub code: &'static str,
    /// The file that it is about.
    pub file: Option<String>,
    /// Where in the file, in bytes.
    pub offset: Option<u64>,
    /// What is wrong, in words.
    pub detail: String,
    /// The epochs that the file has by the manifest.
    pub epochs: Option<(Epoch, Epoch)>,
}

/// Verifies the repository in `folder`, and writes nothing.
///
/// # Errors
///
/// [`RestoreError`](crate::RestoreError) where the repository cannot be opened at all. Damage and
/// missing links are no errors here but [`Verified::problems`].
pub fn verify(folder: &Path, options: &VerifyOptions, monitor: &dyn Monitor) -> Result<Verified> {
    let repository = Repository::open_with(folder, options.threads, &options.pace)?;
    verified(&repository, options, monitor, None)
}

/// The same, and notes in `apograph.json` which segments were found sound, and when.
///
/// A repository that has no such file, or a damaged one, gets one only where
/// [`VerifyOptions::only_new`] asks for what it would say. That nothing could be noted, because
/// another command writes to the repository or nobody may, is told to the monitor and is no error.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_and_mark(
    disk: &dyn Disk,
    folder: &Path,
    options: &VerifyOptions,
    monitor: &dyn Monitor,
) -> Result<Verified> {
    let repository = Repository::open_with(folder, options.threads, &options.pace)?;
    let mut marks = Vec::new();
    let verified = verified(&repository, options, monitor, Some(&mut marks))?;
    if repository.has_history() || options.only_new {
        mark(disk, &repository, &marks).unwrap_or_else(|error| {
            monitor.warn(&format!("what was verified is not recorded: {error}"));
        });
    }
    Ok(verified)
}

fn verified<'a>(
    repository: &'a Repository,
    options: &VerifyOptions,
    monitor: &dyn Monitor,
    mut marks: Option<&mut Vec<Mark<'a>>>,
) -> Result<Verified> {
    let entries = repository.chain().entries();
    let is_known = |index: usize| {
        let verification = repository.verified(index);
        options.only_new && verification.is_some_and(|it| it.covers(options.level))
    };
    let new = entries.iter().enumerate();
    let new = new.filter(|(index, _)| !is_known(*index));
    monitor.phase(
        "verifying",
        total_bytes(new.map(|(_, entry)| entry.segment.size_bytes)),
    );
    let mut verified = Verified::default();
    let mut walk = Walk::from(repository, 0, options.threads, monitor).at_pace(&options.pace);
    for (index, entry) in entries.iter().enumerate() {
        if is_known(index) {
            verified.skipped += 1;
            continue;
        }
        let segment = &entry.segment;
        let stamp = marks
            .as_ref()
            .and_then(|_| settled_stamp(repository.file_of(segment)));
        let at = now();
        let read = match (options.level, segment.kind) {
            (Level::Files, _) => check_whole(repository, index, options, monitor),
            (Level::Frames, SegmentKind::Full) => {
                walk.full(index).map(|file| (file.bytes().len(), None))
            }
            (Level::Frames, SegmentKind::Incremental) => walk
                .increment(index, |_| {})
                .map(|(file, walked)| (file.bytes().len(), Some(walked))),
        };
        if let Some(marks) = &mut marks {
            let found = stamp.map(|stamp| Verification::new(stamp, options.level, at));
            // A file of which it would not show that it was changed again has no mark.
            if read.is_err() || found.is_some() {
                marks.push(Mark {
                    segment,
                    verification: found.filter(|_| read.is_ok()),
                });
            }
        }
        match read {
            Ok((bytes, walked)) => {
                verified.files += 1;
                verified.bytes += bytes as u64;
                verified.commits += walked.map_or(0, |walked| walked.commits);
                verified.frames += walked.map_or(0, |walked| walked.frames);
            }
            Err(WalkError::Io(error)) => return Err(error.into()),
            Err(WalkError::Output(error)) => return Err(*error),
            Err(WalkError::Unusable(reason)) => verified.problems.push(Problem::with(
                segment.file.as_str(),
                &reason,
                (segment.start_epoch, segment.end_epoch),
            )),
        }
    }
    if options.level == Level::Frames {
        verified.problems.extend(missing_links(repository));
    }
    verified
        .problems
        .extend(repository.unnamed().iter().map(|name| Problem {
            code: "corrupt-manifest",
            file: Some(name.to_string()),
            offset: None,
            detail: "no entry of the manifest names it".to_owned(),
            epochs: None,
        }));
    Ok(verified)
}

/// The stamp of a file that is about to be read, once a change from then on would show in it.
fn settled_stamp(at: At<'_>) -> Option<FileStamp> {
    let settled = || {
        let metadata = at.metadata().ok()??;
        Some(FileStamp::from(&metadata)).filter(|stamp| stamp.is_settled(now()))
    };
    settled().or_else(|| {
        // The clock here has milliseconds, and cuts off what is less.
        std::thread::sleep(2 * FileStamp::GRAIN);
        settled()
    })
}

type Read = (usize, Option<crate::walk::Walked>);

fn check_whole(
    repository: &Repository,
    index: usize,
    options: &VerifyOptions,
    monitor: &dyn Monitor,
) -> std::result::Result<Read, WalkError> {
    let entry = repository
        .chain()
        .entries()
        .get(index)
        .ok_or(Unusable::Missing)?;
    let bytes = StoredFile::open(repository.file_of(&entry.segment))?;
    check_file_at_pace(&bytes, &entry.segment, options.threads, &options.pace)?;
    monitor.advance(bytes.len() as u64);
    Ok((bytes.len(), None))
}

/// The holes that are no part of a normal life. A database that was closed between two backups
/// leaves a hole that says so in `list`; damaged and missing files are problems already.
fn missing_links(repository: &Repository) -> Vec<Problem> {
    let holes = repository.chain().holes();
    let problems = holes.filter(|hole| match &hole.cause {
        HoleCause::NotContinued { .. }
        | HoleCause::Damaged { .. }
        | HoleCause::MissingFile { .. }
        | HoleCause::Unsupported { .. } => false,
        // Late commits may still come, or were lost in a crash before they were logged.
        HoleCause::EpochsMissing { is_late, .. } => !is_late,
        _ => true,
    });
    let problem = |hole: apograph_manifest::Hole| Problem {
        code: hole.cause.code(),
        file: hole.cause.file().map(ToString::to_string),
        offset: None,
        detail: hole.cause.to_string(),
        epochs: None,
    };
    problems.map(problem).collect()
}

impl Problem {
    fn with(file: &str, reason: &Unusable, epochs: (Epoch, Epoch)) -> Self {
        let (offset, detail) = match reason {
            Unusable::Damaged { offset, detail } => (Some(*offset), detail.clone()),
            Unusable::Unsupported { detail } => (None, detail.clone()),
            _ => (None, "it is missing".to_owned()),
        };
        let code = code_of(reason);
        Self {
            code,
            file: Some(file.to_owned()),
            offset,
            detail,
            epochs: Some(epochs),
        }
    }
}
