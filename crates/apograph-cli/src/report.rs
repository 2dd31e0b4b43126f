//! `apograph report`

mod columns;
mod facts;
mod html;
mod page;

use std::io::{self, Read};
use std::path::Path;

use apograph_format::Code;
use apograph_io::{At, Context, Folder, IoError, Mode, StagedFile, replace_file};
use apograph_operate::{RepositoryReport, Status};
use apograph_repository::{Repository, check_no_repository, check_outside_logs};
use serde_json::{Map, Value, json};

use self::page::Page;
use crate::args::ReportOf;
use crate::display;
use crate::failure::Failure;
use crate::session::{Report, Session};

pub(crate) fn run(session: &Session<'_>, args: &ReportOf) -> Result<Report, Failure> {
    let context = session.context;
    let repository = Repository::open(args.identity.open(&args.repo)?, context)?;
    let repository = repository.without_damaged();
    let status = Status::of(&repository, None, context)?;
    let report = RepositoryReport::of(&repository, status);
    let segments = report.segments.len() as u64;
    let html = Page::of(&report, &args.repo).html();
    write(&args.output, html.as_bytes(), args.force, context)?;
    let mut object = Map::new();
    object.insert("command".to_owned(), json!("report"));
    display::put_path(&mut object, "output", &args.output);
    let mut object = Value::Object(object);
    object["segments"] = json!(segments);
    object["bytes_written"] = json!(html.len());
    let text = format!(
        "Wrote {}: {}, {}.\n",
        display::path(&args.output),
        display::count(segments, "segment"),
        display::size(html.len() as u64),
    );
    Ok(Report::done(text, object))
}

/// Writes the page, whole or not at all. What is there is replaced where it is a report, and where
/// that is wanted.
fn write(path: &Path, html: &[u8], replaces: bool, context: Context<'_>) -> Result<(), Failure> {
    let (folder, name) = Folder::holding(path)?;
    check_no_repository(&folder, path)?;
    check_outside_logs(&folder, path)?;
    let at = folder.at(name);
    if at.exists()? {
        return match (replaces, is_report(at)?) {
            (true, true) => Ok(replace_file(context.disk, at, Mode::SHOWN, html)?),
            (false, true) => Err(exists(path).hinting("`--force` replaces an earlier report")),
            (_, false) => Err(exists(path)),
        };
    }
    let mut staged = StagedFile::create(context.disk, at, Mode::SHOWN)?;
    staged.write(html)?;
    staged.publish().map_err(|error| {
        if error.is_already_exists() {
            exists(path)
        } else {
            error.into()
        }
    })
}

fn is_report(at: At<'_>) -> Result<bool, Failure> {
    let failed = |source: io::Error| IoError::Failed {
        operation: "read",
        path: at.path(),
        source,
    };
    let mut head = Vec::new();
    let file = at.open()?;
    let read = file.take(page::HEAD.len() as u64).read_to_end(&mut head);
    read.map_err(failed)?;
    Ok(head == page::HEAD.as_bytes())
}

fn exists(path: &Path) -> Failure {
    Failure::new(Code::OutputExists, format!("{} exists", path.display())).about(path)
}
