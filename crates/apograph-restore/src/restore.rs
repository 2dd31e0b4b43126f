//! One restore: the target's plan, and the attempts at it.

use std::path::Path;

use apograph_format::{Generation, WithCauses};
use apograph_io::{Context, Monitor};
use apograph_manifest::{ChainPlan, Target};
use apograph_repository::{Lease, Location, Repository};

use crate::error::{RestoreError, Result};
use crate::maker::Maker;
use crate::output::Output;
use crate::restored::Restored;
use crate::sink::{Form, Sink};
use crate::staging::Staging;

/// How to restore.
#[derive(Debug, Clone)]
pub struct Options {
    /// What to restore.
    pub target: Target,
    /// Verify everything and write nothing.
    pub dry_run: bool,
}

impl Options {
    /// A restore of `target`.
    pub const fn to(target: Target) -> Self {
        Self {
            target,
            dry_run: false,
        }
    }
}

/// Restores a database from a repository to `output`.
///
/// Every byte that is used is checked before the database appears. It appears whole, or not at all,
/// and takes the place of nothing.
///
/// # Errors
///
/// [`RestoreError`]; nothing was written then.
pub fn restore(
    repository: impl Into<Location>,
    output: &Path,
    options: &Options,
    context: Context<'_>,
) -> Result<Restored> {
    let place = Output::ready(output)?;
    let location = repository.into();
    let lease = Lease::take(&location, context);
    let context = lease.context();
    let mut repository = lease.narrow(Repository::open_unsummed(&location, context)?);
    let mut passed_over = Vec::new();
    loop {
        match restored(&repository, &place, output, options, context) {
            // Some file is another one than the manifest means, or may be.
            Err(RestoreError::Segment(_) | RestoreError::Chain(_))
                if repository.unsummed().next().is_some() =>
            {
                repository = repository.summed(context)?;
            }
            // What cannot be used is as if that had been seen when the repository was opened: other
            // segments may do, and if none do, the plan says how near others come.
            Err(RestoreError::Segment(segment)) => {
                repository = repository.without(&segment.file, segment.reason.clone());
                passed_over.push(segment);
            }
            Ok(restored) => {
                for segment in passed_over {
                    context.monitor.warn(&format!(
                        "{}; the state was restored without it",
                        WithCauses(&segment)
                    ));
                }
                return Ok(restored);
            }
            Err(error) => return Err(error),
        }
    }
}

/// One attempt, with what is known of the segments so far.
fn restored(
    repository: &Repository,
    place: &Output,
    output: &Path,
    options: &Options,
    context: Context<'_>,
) -> Result<Restored> {
    let plan = repository.chain().plan(&options.target)?;
    // A core is left to whoever writes.
    let beside_a_writer = context.threads.but_one();
    warn_of_file_times(repository, &plan, options, context.monitor);
    let maker = Maker::new(repository, &plan, context);
    let now = context.clock.now();
    let form = form_for(place);
    if options.dry_run {
        let mut restored = maker.made(output, Sink::counting(now, form))?;
        restored.bytes_free = Some(place.check_room(restored.bytes_written)?);
        return Ok(restored);
    }
    let mode = repository.mode_of(maker.full())?;
    let staging = Staging::begin(place.clone(), mode, context)?;
    maker
        .by(&beside_a_writer)
        .made(output, Sink::to(staging, now, form))
}

/// What the name of an output asks for.
pub(crate) fn form_for(place: &Output) -> Form {
    if place.is_for_folder() {
        Form::Folder
    } else {
        Form::File
    }
}

/// After a rebuild that found no record of it, when a segment of generation 1 was captured is known
/// from its file alone. That is never too early, so nothing later is in the state; but it can be
/// too late, and the state older than what was captured by then.
fn warn_of_file_times(
    repository: &Repository,
    plan: &ChainPlan,
    options: &Options,
    monitor: &dyn Monitor,
) {
    let Ok(Some(notes)) = repository.notes() else {
        return;
    };
    let (Target::Time(_), Some(through)) = (&options.target, &notes.file_times_through) else {
        return;
    };
    let entries = repository.chain().entries();
    let last = entries
        .iter()
        .position(|entry| entry.segment.file == *through);
    let reached = plan.increments.last().copied().unwrap_or(plan.full);
    let next = entries.get(reached.saturating_add(1));
    let is_first = next.is_none_or(|next| next.generation() != Some(Generation::Two));
    if is_first && last.is_some_and(|last| reached <= last) {
        monitor.warn(&format!(
            "when segments up to {through} were captured is known from their files alone, since a \
             rebuild: nothing later is in the state, but it may be older than what was captured by \
             then"
        ));
    }
}
