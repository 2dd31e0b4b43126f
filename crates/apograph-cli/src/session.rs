//! What a command is given, and what comes of it.

use apograph_io::Context;
use apograph_repository::Location;
use apograph_repository::vault::store::Traffic;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::progress::Terminal;
use crate::{display, output};

/// The result of a command, for a person and for a program.
pub(crate) struct Report {
    pub(crate) text: String,
    pub(crate) json: Value,
    pub(crate) exit: u8,
    /// Whether the result is what the command is for; else it tells that something was done.
    pub(crate) is_answer: bool,
}

impl Report {
    /// Something was done.
    pub(crate) fn done(text: String, json: Value) -> Self {
        Self {
            text,
            json,
            exit: 0,
            is_answer: false,
        }
    }

    /// Something was asked.
    pub(crate) fn answer(text: String, json: Value) -> Self {
        Self {
            is_answer: true,
            ..Self::done(text, json)
        }
    }

    /// The result is written already.
    pub(crate) fn written() -> Self {
        Self::done(String::new(), Value::Null)
    }
}

/// What every command is given.
pub(crate) struct Session<'a> {
    pub(crate) context: Context<'a>,
    /// The monitor of the context.
    pub(crate) terminal: &'a Terminal<'a>,
    pub(crate) json: bool,
    pub(crate) is_quiet: bool,
    /// The repositories that the command is about.
    pub(crate) locations: Vec<Location>,
}

impl Session<'_> {
    /// What the command asked of object stores so far; `None` where it asked none.
    pub(crate) fn traffic(&self) -> Option<Value> {
        let told: Vec<_> = self
            .locations
            .iter()
            .filter_map(Location::traffic)
            .collect();
        let sum = |field: fn(&Traffic) -> u64| told.iter().map(field).sum::<u64>();
        let value = json!({
            "puts": sum(|it| it.puts),
            "posts": sum(|it| it.posts),
            "gets": sum(|it| it.gets),
            "heads": sum(|it| it.heads),
            "lists": sum(|it| it.lists),
            "deletes": sum(|it| it.deletes),
            "sent_bytes": sum(|it| it.sent_bytes),
            "received_bytes": sum(|it| it.received_bytes),
        });
        (!told.is_empty()).then_some(value)
    }

    pub(crate) fn print(&self, report: &Report) -> Result<(), Failure> {
        let printed = if self.json && !report.json.is_null() {
            let mut object = report.json.clone();
            if let Some(traffic) = self.traffic() {
                object["traffic"] = traffic;
            }
            object["warnings"] = json!(self.terminal.warnings());
            output::print(true, |out| writeln!(out, "{}", display::line(&object)))
        } else {
            output::print(false, |out| write!(out, "{}", report.text))
        };
        printed.map_err(|failure| {
            if report.is_answer {
                failure
            } else {
                failure.hinting("the command was done; its result alone is lost")
            }
        })
    }
}
