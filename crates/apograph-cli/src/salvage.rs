//! `apograph salvage`

use std::ffi::OsString;
use std::fmt::Write as _;

use std::path::{Path, PathBuf};

use apograph_format::{Code, Point, WithCauses};
use apograph_io::{Context, Folder, IoError, Mode, StagedFile};
use apograph_manifest::{FileName, Unusable};
use apograph_restore::{
    Commit, FoundRecords, LeftOut, RestoreError, SalvageGap, Salvaged, salvage,
};
use serde_json::{Value, json};

use crate::args::SalvageOf;
use crate::failure::Failure;
use crate::session::{Report, Session};
use crate::{display, log, output, records, restore};

/// The exit status where something was lost.
const LOST: u8 = 12;

pub(crate) fn run(session: &Session<'_>, args: &SalvageOf) -> Result<Report, Failure> {
    let repo = args.way.identity.open(&args.way.repo)?;
    let statement = statement_of(&args.way.output);
    check_free(&statement)?;
    let mut past = Past::of(args);
    let (context, mut told) = (session.context, None);
    let salvaged = salvage(
        repo,
        &args.way.output,
        context,
        |commit, records| past.add(&commit, records),
        |salvaged| {
            let object = object(salvaged);
            write(&statement, &object, context)?;
            told = Some(object);
            Ok(())
        },
    );
    let salvaged = salvaged.inspect_err(|_| {
        if told.is_some() {
            // The error that led here is the one to report.
            let _ = remove(&statement, context);
        }
    })?;
    let mut object = told.unwrap_or_default();
    if let Some(failure) = past.unwritten {
        return Err(failure.hinting("OUTPUT is there, and so is what says what it lacks"));
    }
    let text = if args.json_lines {
        format!("{}\n", display::line(&object))
    } else {
        text(&salvaged, &statement, &past.lines)
    };
    if args.past_gaps {
        object["past_gaps"] = json!(past.objects);
    }
    let exit = if salvaged.gap.is_some() { LOST } else { 0 };
    Ok(Report {
        exit,
        ..Report::done(text, object)
    })
}

/// The commits after the gap, as they are shown.
struct Past<'a> {
    args: &'a SalvageOf,
    lines: Vec<String>,
    objects: Vec<Value>,
    /// Why they are not printed any more.
    unwritten: Option<Failure>,
}

impl<'a> Past<'a> {
    const fn of(args: &'a SalvageOf) -> Self {
        Self {
            args,
            lines: Vec::new(),
            objects: Vec::new(),
            unwritten: None,
        }
    }

    fn add(
        &mut self,
        commit: &Commit,
        mut found: FoundRecords<'_, '_>,
    ) -> Result<(), RestoreError> {
        if !self.args.past_gaps {
            return Ok(());
        }
        let (mut object, mut changes) = (log::object(commit), Vec::new());
        let mut lines = vec![log::line(&name(commit), commit)];
        if !commit.is_encrypted {
            found.for_each(|seen| {
                changes.push(records::object(seen));
                lines.push(format!("{:>12}{}", "", records::line(seen)));
                Ok::<(), RestoreError>(())
            })?;
        }
        object["changes"] = json!(changes);
        if self.args.json_lines {
            let line = display::line(&object);
            let printed = output::print(true, |out| writeln!(out, "{line}"));
            self.unwritten = self.unwritten.take().or(printed.err());
        } else {
            self.lines.append(&mut lines);
            self.objects.push(object);
        }
        Ok(())
    }
}

/// A point without more is a name of a commit that is left out only where its timeline is counted.
fn name(commit: &Commit) -> String {
    commit.exact().map_or_else(
        || display::point_name(commit.point, commit.is_counted),
        |exact| exact.to_string(),
    )
}

/// Where it is said what an output lacks.
fn statement_of(output: &Path) -> PathBuf {
    let mut name = OsString::from(output);
    name.push(".salvage.json");
    name.into()
}

fn check_free(statement: &Path) -> Result<(), Failure> {
    match Folder::holding(statement) {
        Ok((folder, name)) if folder.at(name).exists()? => Err(exists(statement)),
        // That there is no such folder is told of the output.
        _ => Ok(()),
    }
}

fn exists(statement: &Path) -> Failure {
    let message = format!("{} exists already", statement.display());
    Failure::new(Code::OutputExists, message).about(statement)
}

fn write(statement: &Path, object: &Value, context: Context<'_>) -> Result<(), IoError> {
    let (folder, name) = Folder::holding(statement)?;
    let mut staged = StagedFile::create(context.disk, folder.at(name), Mode::PRIVATE)?;
    staged.write(display::line(object).as_bytes())?;
    staged.write(b"\n")?;
    staged.publish()
}

fn remove(statement: &Path, context: Context<'_>) -> Result<(), IoError> {
    let (folder, name) = Folder::holding(statement)?;
    context.disk.remove_file(folder.at(name))
}

fn object(salvaged: &Salvaged) -> Value {
    let mut object = json!({
        "command": "salvage",
        "complete": salvaged.gap.is_none(),
        "exact": salvaged.is_exact,
        "recovered": recovered(salvaged),
        "gap": salvaged.gap.as_ref().map(gap),
        "left_out": salvaged.left_out.iter().map(left_out).collect::<Vec<_>>(),
    });
    if let Some(object) = object.as_object_mut() {
        display::put_path(object, "output", &salvaged.restored.output);
    }
    object
}

/// As `restore` tells it.
fn recovered(salvaged: &Salvaged) -> Value {
    let mut object = restore::object(&salvaged.restored, false);
    if let Some(object) = object.as_object_mut() {
        for key in ["command", "output"] {
            object.shift_remove(key);
        }
    }
    object
}

fn gap(gap: &SalvageGap) -> Value {
    let name = |point: Option<Point>| point.map(|point| point.to_string());
    let cause = gap.cause.as_ref();
    json!({
        "after": name(gap.after),
        "before": name(gap.before),
        "file": cause.and_then(|cause| cause.file()).map(FileName::as_str),
        "cause": cause.map(|cause| WithCauses(cause).to_string()),
    })
}

fn left_out(segment: &LeftOut) -> Value {
    let reason = segment.unusable.as_ref().map(|unusable| &unusable.reason);
    json!({
        "file": segment.segment.file.as_str(),
        "kind": segment.segment.kind.to_string(),
        "start_epoch": segment.segment.start_epoch.get(),
        "end_epoch": segment.segment.end_epoch.get(),
        "created_at": display::rfc3339(segment.segment.created_at),
        "captured_commits": segment.captured,
        "kept_commits": segment.kept,
        "kept_epochs": segment.kept_epochs.ranges(),
        "intact_commits": segment.intact,
        "from": segment.points.map(|(first, _)| first.to_string()),
        "to": segment.points.map(|(_, last)| last.to_string()),
        "offset": reason.and_then(Unusable::offset),
        "why": why(segment),
    })
}

/// Why its commits are not in the database.
fn why(segment: &LeftOut) -> String {
    match &segment.unusable {
        Some(unusable) => WithCauses(unusable).to_string(),
        None => "it comes after the gap".to_owned(),
    }
}

fn text(salvaged: &Salvaged, statement: &Path, past: &[String]) -> String {
    let restored = &salvaged.restored;
    let mut text = String::new();
    let at = match (restored.point, restored.lsn) {
        (Some(point), _) => point.to_string(),
        (None, Some(lsn)) => format!("LSN {lsn}"),
        (None, None) => "its last commit".to_owned(),
    };
    let _ = writeln!(
        text,
        "Salvaged {} at {at}: {} and {}, {}.",
        display::path(&restored.output),
        restored.full.file,
        display::count(restored.increments.len() as u64, "increment"),
        display::count(restored.commits, "commit"),
    );
    if !salvaged.is_exact {
        text.push_str("It is no state that was: some of what was committed before its last commit is missing, or may be.\n");
    }
    match &salvaged.gap {
        None => text.push_str("Nothing was lost.\n"),
        Some(gap) => text.push_str(&lost(salvaged, gap)),
    }
    let _ = writeln!(text, "All of that is in {}.", display::path(statement));
    if !past.is_empty() {
        text.push_str("Whole commits after the gap, none of which is in it:\n");
    }
    for line in past {
        let _ = writeln!(text, "{}", display::plain(line));
    }
    text
}

fn lost(salvaged: &Salvaged, gap: &SalvageGap) -> String {
    let mut text = String::new();
    let cause = gap.cause.as_ref();
    let cause = cause.map_or_else(
        || "the log does not go on".to_owned(),
        |cause| WithCauses(cause).to_string(),
    );
    let _ = writeln!(text, "It ends there: {}.", display::plain(&cause));
    for segment in &salvaged.left_out {
        let kept = match segment.kept {
            0 => String::new(),
            kept => format!("{} kept, ", display::count(kept, "commit")),
        };
        let captured = segment
            .captured
            .map_or_else(String::new, |captured| format!(" of {captured}"));
        let points = segment
            .points
            .map_or_else(String::new, |(first, last)| format!(" ({first} to {last})"));
        let _ = writeln!(
            text,
            "  {}: {kept}{}{captured} whole and left out{points}; {}",
            segment.segment.file,
            display::count(segment.intact, "commit"),
            display::plain(&why(segment)),
        );
    }
    text
}
