//! The segments of a report as the page's script reads them: a list for each column.
//!
//! A hundred thousand segments are told, so nothing is named for each of them. Times are in
//! milliseconds, and `null` where no calendar has them.

use apograph_format::{SegmentKind, Timeline, UnixMillis};
use apograph_manifest::{SegmentContent, Target};
use apograph_operate::{ReportedSegment, RepositoryReport};
use serde::Serialize;

use crate::{display, segments};

/// What the script is given.
#[derive(Debug, Default, Serialize)]
pub(super) struct Columns<'a> {
    /// The moment of the report.
    now: Option<u64>,
    /// Until when every commit is in the repository.
    until: Option<u64>,
    /// The words that restore a state, without the target.
    restore: String,
    file: Vec<&'a str>,
    /// 0: a full backup, 1: an increment, else how many captures were merged into it.
    kind: Vec<u64>,
    points: Vec<String>,
    /// The option that names the state at its end; empty where none does.
    target: Vec<String>,
    /// The timeline in which it begins; 0 where nothing tells.
    timeline: Vec<u64>,
    commits: Vec<Option<u64>>,
    records: Vec<Option<u64>>,
    bytes: Vec<u64>,
    stored: Vec<u64>,
    captured: Vec<Option<u64>>,
    committed: Vec<Option<[Option<u64>; 2]>>,
    verified: Vec<Option<u64>>,
    frames: Vec<Option<u64>>,
    checksum: Vec<String>,
    /// Why it cannot be used, in a word; empty where it can.
    state: Vec<&'static str>,
    /// Where the history does not go on: the segment in front of which, the kind, and the sentence.
    gaps: Vec<(usize, String, String)>,
    /// From which point on a timeline is another one: the index of its first segment, and that of
    /// the segment that has the point.
    branches: Vec<(usize, usize)>,
    pins: Vec<(usize, &'a str)>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(report: &'a RepositoryReport<'_>, restore: String) -> Self {
        let status = &report.status;
        let mut columns = Self {
            now: millis(status.now),
            until: status.captured_until.and_then(millis),
            restore,
            ..Self::default()
        };
        for segment in &report.segments {
            columns.add(segment);
        }
        for gap in &report.gaps {
            let kind = gap.gap.cause.kind().to_string();
            columns.gaps.push((gap.at, kind, segments::gap(&gap.gap)));
            columns.branches.extend(gap.from.map(|from| (gap.at, from)));
        }
        let pins = report.pins.iter();
        columns.pins = pins
            .filter_map(|pinned| Some((pinned.at?, pinned.pin.name.as_str())))
            .collect();
        columns
    }

    fn add(&mut self, segment: &ReportedSegment<'a>) {
        let entry = segment.entry;
        let told = &entry.segment;
        let increment = match &entry.content {
            Some(SegmentContent::Increment(increment)) => Some(increment),
            _ => None,
        };
        let captures = entry.captured().count() as u64;
        self.file.push(told.file.as_str());
        self.kind.push(match told.kind {
            SegmentKind::Full => 0,
            SegmentKind::Incremental => captures,
        });
        let points = segments::points(entry.content.as_ref(), entry.is_counted);
        self.points.push(points);
        self.target
            .push(segment.target.map_or_else(String::new, option));
        let timeline = segment.timeline.filter(|_| entry.is_counted);
        self.timeline.push(timeline.map_or(0, Timeline::get));
        self.commits.push(increment.map(|it| it.commits));
        let readable = increment.filter(|it| !it.is_encrypted());
        self.records.push(readable.map(|it| it.records));
        self.bytes.push(told.size_bytes);
        self.stored.push(segment.stored_bytes);
        self.captured.push(millis(told.created_at));
        let committed = increment.and_then(|it| it.committed());
        let span = committed.map(|span| [millis(span.first), millis(span.last)]);
        self.committed.push(span);
        let verified = segment.verified;
        self.verified.push(verified.and_then(|it| millis(it.at)));
        self.frames
            .push(verified.and_then(|it| millis(it.frames_at?)));
        self.checksum.push(told.checksum.to_string());
        self.state.push(segments::state(entry));
    }
}

fn millis(time: UnixMillis) -> Option<u64> {
    display::rfc3339(time).map(|_| time.get())
}

/// The option of `restore` that names a target.
fn option(target: Target) -> String {
    match target {
        Target::Point(name) => format!("--epoch {name}"),
        Target::Lsn(lsn) => format!("--lsn {lsn}"),
        _ => String::new(),
    }
}
