//! What a database holds, and what a repository can restore of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use apograph::format::v1::folder_base;
use apograph::format::{Epoch, Extent, FOLDER_LOG_NAME, Image, Point, log_folder};
use apograph::io::IoError;
use apograph::manifest::Target;
use apograph::repository::Repository;
use apograph::restore::{Options, RestoreError, restore};
use apograph::wal::{GroupReader, LogEndCause, LogEvent, LogFolder};
use apograph_testing::context::every_core;

use crate::scratch::scratch;

/// What a database holds, without an engine: all that is read of its image, and its commits byte
/// for byte.
///
/// Two databases with one state can differ in it where a checkpoint ran between them; none runs in
/// a [`FaultStage`](crate::stage::FaultStage).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseState {
    image: Image,
    sections: Vec<Vec<u8>>,
    commits: Vec<Vec<u8>>,
}

impl DatabaseState {
    /// Whether it is a state; a folder database has no image to compare.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        let has_image = !self.image.headers().are_of_folder();
        let is_same_image = self.image == other.image || !has_image;
        is_same_image && self.sections == other.sections && self.commits == other.commits
    }
}

/// Every state that a repository can restore, by its epoch.
///
/// # Errors
///
/// Where it cannot be opened, or a point that it names cannot be restored.
pub fn states(repository: &Path) -> Result<BTreeMap<u64, DatabaseState>> {
    let mut states = BTreeMap::new();
    for point in points(&Repository::open(repository, every_core())?) {
        let state = state_at(repository, Target::Point(point.into()))?;
        let state = state.with_context(|| format!("{point}"))?;
        // A chain whose evidence is lost goes on in another timeline, with the same states.
        if let Some(known) = states.insert(point.epoch.get(), state.clone()) {
            ensure!(known == state, "{point} is another state");
        }
    }
    Ok(states)
}

/// Every point that a repository says it can restore.
pub fn points(repository: &Repository) -> Vec<Point> {
    let ranges = repository.chain().restorable().into_iter();
    let points = ranges.flat_map(|range| {
        let epochs = range.from.get()..=range.to.get();
        epochs.map(move |epoch| Point::new(range.timeline, Epoch::new(epoch)))
    });
    points.collect()
}

/// The state that a repository restores, or the error of the restore.
///
/// # Errors
///
/// Where a database was restored and is damaged.
pub fn state_at(repository: &Path, target: Target) -> Result<Result<DatabaseState, RestoreError>> {
    let folder = scratch()?;
    let output = folder.path().join("out.grafeo");
    let options = Options::to(target);
    match restore(repository, &output, &options, every_core()) {
        Ok(_) => Ok(Ok(state_of(&output)?)),
        Err(error) => Ok(Err(error)),
    }
}

/// The state of a database that lies on disk.
///
/// # Errors
///
/// Where it is damaged.
pub fn state_of(database: &Path) -> Result<DatabaseState> {
    let is_folder = database.is_dir();
    let (bytes, log) = if is_folder {
        (folder_base(None), database.join(FOLDER_LOG_NAME))
    } else {
        (fs::read(database)?, log_folder(database))
    };
    let image = Image::parse(&bytes)?;
    image.check(&bytes)?;
    let section = |extent: &Extent| {
        let start = usize::try_from(extent.offset)?;
        let end = start + usize::try_from(extent.length)?;
        Ok(bytes[start..end].to_vec())
    };
    let sections = image.extents().iter().map(section).collect::<Result<_>>()?;
    let headers = image.headers();
    let (generation, start) = (headers.file.generation, headers.checkpoint.log_start);
    let mut commits = Vec::new();
    if let Some(log) = LogFolder::open(&log, generation)? {
        let tail = log.from(log.recovery_start(start))?;
        let mut groups = GroupReader::new(&tail.parts);
        for event in groups.by_ref() {
            if let LogEvent::Group(group) = event? {
                let runs = group.runs().map(|run| run.bytes(&tail.parts).read());
                let runs: Vec<_> = runs.collect::<Result<_, IoError>>()?;
                commits.push(runs.concat());
            }
        }
        let cause = groups.end().map(|end| end.cause);
        ensure!(cause == Some(LogEndCause::Clean), "its log ends {cause:?}");
    }
    Ok(DatabaseState {
        image,
        sections,
        commits,
    })
}
