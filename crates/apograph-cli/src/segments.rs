//! Segments as the commands show them.

use apograph_format::{Epoch, Point, PointName, WithCauses};
use apograph_manifest::{
    Chain, ChainEntry, FileName, Gap, GapKind, LsnRange, PointRange, Segment, SegmentContent,
    TimelineSpan, Unusable,
};
use serde_json::{Map, Value, json};

use crate::display;

/// What the manifest says of a segment, and its counts where they are known.
pub(crate) fn json(segment: &Segment, content: Option<&SegmentContent>) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("kind", json!(segment.kind.to_string()));
    put("file", json!(segment.file.as_str()));
    put("start_epoch", json!(segment.start_epoch.get()));
    put("end_epoch", json!(segment.end_epoch.get()));
    if let Some(SegmentContent::Increment(increment)) = content {
        put("commits", json!(increment.commits));
        let records = (!increment.is_encrypted()).then_some(increment.records);
        put("records", json!(records));
        if let Some(committed) = increment.committed() {
            let (from, to) = (
                display::rfc3339(committed.first),
                display::rfc3339(committed.last),
            );
            put("committed", json!({"from": from, "to": to}));
        }
    }
    if let Some(end) = segment.end_lsn {
        put("end_lsn", json!(end.get()));
    }
    put("size_bytes", json!(segment.size_bytes));
    put("checksum", json!(segment.checksum.to_string()));
    put("created_at", json!(display::rfc3339(segment.created_at)));
    object
}

/// The points of a segment in words: `1:4 to 1:6, 2:1 to 2:2`; `?:4 to ?:6` where its timelines are
/// not counted.
pub(crate) fn points(content: Option<&SegmentContent>, is_counted: bool) -> String {
    named_points(content, |point| display::point_name(point, is_counted))
}

/// The same of a segment of a chain: where more commits of an epoch may come, with its number.
pub(crate) fn lasting_points(chain: &Chain, entry: &ChainEntry) -> String {
    let of_image = match &entry.content {
        Some(SegmentContent::Full(full)) => full.further,
        _ => None,
    };
    named_points(entry.content.as_ref(), |point| {
        let lasting = chain.lasting_name(point);
        let lasting = PointName {
            further: lasting.further.map(|last| of_image.unwrap_or(last)),
            ..lasting
        };
        if entry.is_counted {
            lasting.to_string()
        } else {
            display::point_name(point, false)
        }
    })
}

fn named_points(content: Option<&SegmentContent>, name: impl Fn(Point) -> String) -> String {
    match content {
        Some(SegmentContent::Full(full)) => format!("at {}", name(full.base)),
        Some(SegmentContent::Increment(increment)) if increment.is_encrypted() => {
            "encrypted".to_owned()
        }
        Some(SegmentContent::Increment(increment)) => ranges(&increment.stretches, name),
        None => "unknown".to_owned(),
    }
}

/// The points of a log in words.
pub(crate) fn points_in(spans: &[TimelineSpan], is_encrypted: bool) -> String {
    if is_encrypted {
        return "encrypted".to_owned();
    }
    ranges(spans, |point| display::point_name(point, true))
}

fn ranges(spans: &[TimelineSpan], name: impl Fn(Point) -> String) -> String {
    let ranges = spans.iter().filter_map(|span| {
        let epochs = span.epochs.ranges();
        let (&(first, _), &(_, last)) = (epochs.first()?, epochs.last()?);
        let name = |epoch: u64| name(Point::new(span.timeline, Epoch::new(epoch)));
        Some(if first == last {
            name(first)
        } else {
            format!("{} to {}", name(first), name(last))
        })
    });
    let ranges: Vec<String> = ranges.collect();
    if ranges.is_empty() {
        "no epoch".to_owned()
    } else {
        ranges.join(", ")
    }
}

/// How a segment's file is, in a word.
pub(crate) fn state(entry: &ChainEntry) -> &'static str {
    match entry.unusable.as_deref() {
        None => "",
        Some(Unusable::Missing) => "MISSING",
        Some(Unusable::Unsupported { .. }) => "UNKNOWN VERSION",
        Some(Unusable::NoIdentity { .. }) => "NO KEY",
        Some(_) => "DAMAGED",
    }
}

/// What a chain can restore.
pub(crate) fn restorable(chain: &Chain) -> String {
    let name = |range: &PointRange| {
        let [from, to] = ends(chain, range);
        if range.from == range.to {
            to.to_string()
        } else {
            format!("{from} to {to}")
        }
    };
    let ranges: Vec<String> = chain.restorable().iter().map(name).collect();
    either(&ranges, &chain.restorable_lsns())
}

/// The same of the points and the positions that can be restored.
pub(crate) fn restorable_in(points: &[PointRange], lsns: &[LsnRange]) -> String {
    let ranges: Vec<String> = points.iter().map(PointRange::to_string).collect();
    either(&ranges, lsns)
}

fn either(ranges: &[String], lsns: &[LsnRange]) -> String {
    let positions = |range: &LsnRange| format!("LSN {} to {}", range.from, range.to);
    if !ranges.is_empty() {
        ranges.join(", ")
    } else if !lsns.is_empty() {
        let lsns: Vec<String> = lsns.iter().map(positions).collect();
        format!("{} (encrypted: its epochs cannot be read)", lsns.join(", "))
    } else {
        "nothing".to_owned()
    }
}

/// The names of the first and the last state of a range.
pub(crate) fn ends(chain: &Chain, range: &PointRange) -> [PointName; 2] {
    [range.from, range.to].map(|epoch| chain.lasting_name(Point::new(range.timeline, epoch)))
}

/// Where the history does not go on, and why.
pub(crate) fn gap(gap: &Gap) -> String {
    let name = |point: Option<Point>| point.map_or("?".to_owned(), |point| point.to_string());
    let (after, before) = (name(gap.after), name(gap.before));
    let what = match gap.cause.kind() {
        GapKind::Branch => "Branch",
        GapKind::Pruned => "Pruned",
        _ => "Gap",
    };
    let cause = WithCauses(&gap.cause);
    format!("{what} between {after} and {before}: {cause}")
}

/// So much of a random number is shown, with the dash before it.
const SHOWN_DIGITS: usize = 9;

/// A segment's file without what all have in common, so that a line fits a terminal.
pub(crate) fn short_name(file: &FileName) -> &str {
    let file = file.as_str();
    if let Some(name) = file.strip_prefix("backup_") {
        return name.split_once('.').map_or(name, |(stem, _)| stem);
    }
    // Of a vault: the zeros in front and the end of its random number say nothing.
    let name = file.trim_start_matches('0');
    let end = name
        .rfind('-')
        .map_or(name.len(), |dash| dash + SHOWN_DIGITS);
    name.get(..end).unwrap_or(name)
}
