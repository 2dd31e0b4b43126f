//! What is shown of a file, line by line or as an object.

use std::fmt::Write;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::list::write_list;
use crate::session::Report;
use crate::{display, output};

/// Facts about a file: each a key and a value, in the order they are shown.
pub(super) struct Facts(Map<String, Value>);

impl Facts {
    pub(super) fn of(what: &str, path: &Path, size_bytes: u64) -> Self {
        let mut facts = Self(Map::new());
        facts.put("command", json!("inspect"));
        display::put_path(&mut facts.0, "file", path);
        facts.put("is", json!(what));
        facts.put("size_bytes", json!(size_bytes));
        facts
    }

    pub(super) fn put(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (key, value) in self.0.iter().filter(|(key, _)| *key != "command") {
            let name = key.replace('_', " ");
            let _ = match value {
                Value::String(value) => writeln!(text, "{name:>20}  {}", display::plain(value)),
                Value::Null => writeln!(text, "{name:>20}  unknown"),
                Value::Array(items) => {
                    let _ = writeln!(text, "{name:>20}  {}", items.len());
                    items
                        .iter()
                        .try_for_each(|item| writeln!(text, "{:>20}  {}", "", in_line(item)))
                }
                other => writeln!(text, "{name:>20}  {}", in_line(other)),
            };
        }
        text
    }

    pub(super) fn report(self) -> Report {
        Report::answer(self.text(), Value::Object(self.0))
    }

    /// Writes the facts, and then segments one by one: their words take many times the memory that
    /// they do.
    pub(super) fn write_with(
        self,
        segments: impl ExactSizeIterator<Item = Value>,
        json: bool,
    ) -> Result<Report, Failure> {
        output::print(json, |out| {
            if json {
                self.write_object(segments, out)
            } else {
                self.write_text(segments, out)
            }
        })?;
        Ok(Report::written())
    }

    fn write_object(
        self,
        segments: impl Iterator<Item = Value>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let object = display::line(&Value::Object(self.0));
        write!(out, "{}", object.strip_suffix('}').unwrap_or_default())?;
        write_list(out, "segments", segments)?;
        writeln!(out, ",\"warnings\":[]}}")
    }

    fn write_text(
        self,
        segments: impl ExactSizeIterator<Item = Value>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let count = segments.len();
        writeln!(out, "{}{:>20}  {count}", self.text(), "segments")?;
        for segment in segments {
            writeln!(out, "{:>20}  {}", "", in_line(&segment))?;
        }
        Ok(())
    }
}

fn in_line(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let pairs: Vec<String> = object
                .iter()
                .map(|(key, value)| format!("{} {}", key.replace('_', " "), in_line(value)))
                .collect();
            pairs.join(", ")
        }
        Value::String(text) => display::plain(text).into_owned(),
        other => other.to_string(),
    }
}
