//! What is said of a salvage, of a repository or of a database.

use std::fmt::Write as _;

use apograph_format::{Point, RangeSet};
use serde_json::{Value, json};

use crate::display;

/// What came of a salvage.
#[derive(Default)]
pub(super) struct Told {
    pub(super) object: Value,
    pub(super) text: String,
    /// Whether nothing is missing.
    pub(super) is_complete: bool,
}

/// What is left out of a segment or a log file.
pub(super) struct Left<'a> {
    pub(super) file: &'a str,
    pub(super) kept: u64,
    pub(super) kept_epochs: &'a RangeSet,
    pub(super) intact: u64,
    pub(super) captured: Option<u64>,
    pub(super) points: Option<(Point, Point)>,
    pub(super) offset: Option<u64>,
    pub(super) why: String,
}

impl Left<'_> {
    /// Why it is left out where nothing is wrong with it.
    pub(super) const AFTER_GAP: &'static str = "it comes after the gap";

    /// `of` has what its kind of file has alone.
    pub(super) fn object(&self, of: Value) -> Value {
        let name = |point: Point| point.to_string();
        let mut object = json!({"file": self.file});
        let rest = json!({
            "captured_commits": self.captured,
            "kept_commits": self.kept,
            "kept_epochs": self.kept_epochs.ranges(),
            "intact_commits": self.intact,
            "from": self.points.map(|(first, _)| name(first)),
            "to": self.points.map(|(_, last)| name(last)),
            "offset": self.offset,
            "why": self.why,
        });
        if let (Value::Object(object), Value::Object(of), Value::Object(rest)) =
            (&mut object, of, rest)
        {
            object.extend(of);
            object.extend(rest);
        }
        object
    }

    fn line(&self) -> String {
        let kept = match self.kept {
            0 => String::new(),
            kept => format!("{} kept, ", display::count(kept, "commit")),
        };
        let captured = self
            .captured
            .map_or_else(String::new, |captured| format!(" of {captured}"));
        let points = self
            .points
            .map_or_else(String::new, |(first, last)| format!(" ({first} to {last})"));
        format!(
            "  {}: {kept}{}{captured} whole and left out{points}; {}\n",
            self.file,
            display::count(self.intact, "commit"),
            display::plain(&self.why),
        )
    }
}

/// The end of what was salvaged; `why` is the cause and the file that is to blame.
pub(super) fn gap_object(
    (after, before): (Option<Point>, Option<Point>),
    file: Option<&str>,
    cause: Option<&str>,
) -> Value {
    let name = |point: Option<Point>| point.map(|point| point.to_string());
    json!({
        "after": name(after),
        "before": name(before),
        "file": file,
        "cause": cause,
    })
}

/// What came of it for a person: `made` is what it is made of.
pub(super) fn sentences(
    made: &str,
    is_exact: bool,
    lost: Option<&str>,
    left: &[Left<'_>],
) -> String {
    let mut text = format!("{made}.\n");
    if !is_exact {
        text.push_str("It is no state that was: some of what was committed before its last commit is missing, or may be.\n");
    }
    match lost {
        None => text.push_str("Nothing was lost.\n"),
        Some(cause) => {
            let _ = writeln!(text, "It ends there: {}.", display::plain(cause));
        }
    }
    text.extend(left.iter().map(Left::line));
    text
}
