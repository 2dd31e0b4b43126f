//! The one walk over a log: each group is placed in its timeline, and counted.
//!
//! A capture walks over the end of a live log; opening, restore, verify and `inspect` over the log
//! in a segment. What they do with the groups differs, and who judges the end: a live log may end
//! torn, and a segment may not.

use apograph_io::{Context, IoError, Steps, Threads};
use apograph_wal::{LogEnd, LogPart, PlacedEvent, PlacedReader, TimelineState, read_ahead};

use crate::check::FileCheck;
use crate::segment::IncrementFile;
use crate::summary::Summary;

/// A log that was read to its end.
#[derive(Debug)]
pub struct LogRead {
    /// What is in it.
    pub summary: Summary,
    /// The timeline after it.
    pub state: TimelineState,
    /// Where its last whole group ends, and why; `None` for a log without a part.
    pub end: Option<LogEnd>,
}

/// Reads a log from the timeline before it on; `visit` sees every event in its order.
///
/// # Errors
///
/// That of `visit`, and that of the operating system. A log that ends in damage is no error here:
/// see [`LogRead::end`].
pub fn read_log(
    parts: &[LogPart<'_>],
    mut state: TimelineState,
    threads: &Threads,
    mut visit: impl FnMut(&PlacedEvent<'_>) -> Result<(), IoError>,
) -> Result<LogRead, IoError> {
    let mut summary = Summary::default();
    let end = read_ahead(parts, threads, |groups| {
        let mut reader = PlacedReader::of(groups, &mut state);
        while let Some(event) = reader.next() {
            let event = event?;
            summary.add(&event, reader.state());
            visit(&event)?;
        }
        Ok::<_, IoError>(reader.end())
    })?;
    Ok(LogRead {
        summary,
        state,
        end,
    })
}

impl IncrementFile {
    /// Reads the log in it from the timeline of the segment before it on, less the bytes at its
    /// front that repeat that segment. `check` and `steps` are told how far it is.
    ///
    /// # Errors
    ///
    /// As [`read_log`].
    pub fn read_log(
        &self,
        mut before: TimelineState,
        overlap_bytes: u64,
        context: Context<'_>,
        (check, steps): (&FileCheck<'_>, &mut Steps<'_>),
        mut visit: impl FnMut(&PlacedEvent<'_>) -> Result<(), IoError>,
    ) -> Result<LogRead, IoError> {
        if self.header.flags.reopened {
            before.end_process();
        }
        let parts = self.parts(overlap_bytes);
        read_log(&parts, before, context.threads, |event| {
            visit(event)?;
            event.runs().for_each(|run| check.passed(run, &parts));
            steps.advance(event.bytes())
        })
    }
}
