//! `apograph salvage`

mod of_database;
mod of_repository;
mod told;

use std::ffi::OsString;
use std::fmt::Write as _;

use std::path::{Path, PathBuf};

use apograph_format::{Code, FOLDER_LOG_NAME, log_folder};
use apograph_io::{Context, Folder, IoError, Mode, StagedFile};
use apograph_manifest::MANIFEST_FILE_NAME;
use apograph_repository::Location;
use apograph_restore::{Commit, FoundRecords, RestoreError, salvage, salvage_database};
use serde_json::{Value, json};

use self::told::Told;
use crate::args::SalvageOf;
use crate::failure::Failure;
use crate::session::{Report, Session};
use crate::{display, log, output, records};

/// The exit status where something was lost.
const LOST: u8 = 12;

pub(crate) fn run(session: &Session<'_>, args: &SalvageOf) -> Result<Report, Failure> {
    let statement = statement_of(&args.output);
    check_free(&statement)?;
    let mut past = Past::of(args);
    let (context, mut told) = (session.context, None);
    let see = |commit: Commit, records: FoundRecords<'_, '_>| past.add(&commit, records);
    let mut tell = |found: Told| {
        write(&statement, &found.object, context)?;
        told = Some(found);
        Ok(())
    };
    let salvaged = match database_in(&args.from) {
        Some(path) => salvage_database(path, &args.output, context, see, |salvaged| {
            tell(of_database::told(salvaged))
        })
        .map(drop),
        None => salvage(
            args.identity.open(&args.from)?,
            &args.output,
            context,
            see,
            |salvaged| tell(of_repository::told(salvaged)),
        )
        .map(drop),
    };
    salvaged.inspect_err(|_| {
        if told.is_some() {
            // The error that led here is the one to report.
            let _ = remove(&statement, context);
        }
    })?;
    let Told {
        mut object,
        text,
        is_complete,
    } = told.unwrap_or_default();
    if let Some(failure) = past.unwritten {
        return Err(failure.hinting("OUTPUT is there, and so is what says what it lacks"));
    }
    let text = if args.json_lines {
        format!("{}\n", display::line(&object))
    } else {
        with_past(text, &statement, &past.lines)
    };
    if args.past_gaps {
        object["past_gaps"] = json!(past.objects);
    }
    let exit = if is_complete { 0 } else { LOST };
    Ok(Report {
        exit,
        ..Report::done(text, object)
    })
}

/// The database that is named, and not a repository: a file, a folder with a log in it, or a name beside
/// which a log is left alone.
fn database_in(location: &Location) -> Option<&Path> {
    let path = location.as_folder()?;
    let is_folder =
        || path.join(FOLDER_LOG_NAME).is_dir() && !path.join(MANIFEST_FILE_NAME).exists();
    let is_lost = || !path.exists() && log_folder(path).is_dir();
    (path.is_file() || is_folder() || is_lost()).then_some(path)
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

fn with_past(mut text: String, statement: &Path, past: &[String]) -> String {
    let _ = writeln!(text, "All of that is in {}.", display::path(statement));
    if !past.is_empty() {
        text.push_str("Whole commits after the gap, none of which is in it:\n");
    }
    for line in past {
        let _ = writeln!(text, "{}", display::plain(line));
    }
    text
}
