//! Reading a restored database whole.

use apograph_format::{Epoch, Point, Timeline, WithCauses, log_folder};
use apograph_io::{Context, Folder, Steps};
use apograph_repository::{FullFile, SegmentDefect, check_end, read_log};
use apograph_restore::{RestoreError, Restored};
use apograph_wal::{LogFolder, TimelineState, WalError};

use crate::error::DrillError;

/// Reads the files that a restore wrote, as if nobody had checked them: headers and sections of the
/// database file, and every commit of its log. Tells in words what is not as it has to be.
///
/// # Errors
///
/// [`DrillError::Io`].
pub(crate) fn read_database(
    restored: &Restored,
    context: Context<'_>,
) -> Result<Result<(), String>, DrillError> {
    let (folder, name) = Folder::holding(&restored.output)?;
    let file = match FullFile::open(folder.at(name)) {
        Ok(file) => file,
        Err(defect) => return told(defect),
    };
    if let Err(defect) = file.check_sections(context) {
        return told(defect);
    }
    let checkpoint = file.image.checkpoint();
    let log = log_folder(&restored.output);
    let log = match LogFolder::open(&log, restored.generation()) {
        Ok(log) => log,
        Err(WalError::Io(error)) => return Err(error.into()),
        Err(error) => return Ok(Err(WithCauses(&error).to_string())),
    };
    let mut state = TimelineState::at(Point::new(Timeline::FIRST, checkpoint.epoch));
    let mut commits = 0;
    if let Some(log) = &log {
        let tail = match log.from(log.recovery_start(checkpoint.log_start)) {
            Ok(tail) => tail,
            Err(WalError::Io(error)) => return Err(error.into()),
            Err(error) => return Ok(Err(WithCauses(&error).to_string())),
        };
        let mut steps = Steps::untold(context.monitor);
        let read = read_log(&tail.parts, state, context.threads, |event| {
            steps.advance(event.bytes())
        })?;
        if let Err(reason) = check_end(read.end, &tail.parts) {
            return told(reason.into());
        }
        (commits, state) = (read.summary.commits(), read.state);
    }
    Ok(compare(restored, commits, state.point().epoch))
}

/// What was read is what was restored: as many commits, and none after the point. An epoch that was
/// rolled back has no commit, and neither has the beginning of a timeline.
fn compare(restored: &Restored, commits: u64, last: Epoch) -> Result<(), String> {
    let expected = restored.commits;
    if commits != expected {
        let words = format!("its log has {commits} commits, and {expected} were restored");
        return Err(words);
    }
    let point = restored
        .point
        .filter(|point| point.epoch != Epoch::default());
    match point.filter(|point| point.epoch < last) {
        Some(point) => Err(format!("it is at epoch {last}, and {point} was restored")),
        None => Ok(()),
    }
}

fn told(defect: SegmentDefect) -> Result<Result<(), String>, DrillError> {
    match defect {
        SegmentDefect::Io(error) => Err(RestoreError::Io(error).into()),
        SegmentDefect::Unusable(reason) => Ok(Err(WithCauses(&reason).to_string())),
    }
}
