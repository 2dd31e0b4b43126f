//! `apograph compact`

use std::fmt::Write;

use apograph_repository::{Compaction, RepositoryError, compact};
use serde_json::{Map, Value, json};

use crate::args::Compact;
use crate::failure::Failure;
use crate::{Report, Session, display};

pub(crate) fn run(session: &Session<'_>, args: &Compact) -> Result<Report, Failure> {
    let at = args.recipients.write(&args.identity.open(&args.repo)?)?;
    let compacted = compact(at, session.context).map_err(|error| {
        let is_none = matches!(&error, RepositoryError::NotARepository { .. });
        let failure = Failure::from(error);
        if is_none {
            failure.hinting(
                "only a vault is compacted: `apograph init VAULT --vault` makes one, and \
                 `apograph copy REPO VAULT` fills it",
            )
        } else {
            failure
        }
    })?;
    let Compaction {
        merged,
        into,
        stored_bytes,
        deleted,
        deleted_bytes,
        versions,
        ..
    } = compacted;
    let path = args.repo.path();
    let mut object = Map::new();
    let mut put = |key: &str, value| object.insert(key.to_owned(), value);
    put("command", json!("compact"));
    put("merged", json!(merged));
    put("into", json!(into));
    put("stored_bytes", json!(stored_bytes));
    put("deleted", json!(deleted));
    put("deleted_bytes", json!(deleted_bytes));
    put("versions", json!(versions));
    display::put_path(&mut object, "repository", &path);
    let path = display::path(&path);
    let mut text = if merged == 0 {
        format!("Nothing to merge in {path}.\n")
    } else {
        let merged = display::count(merged, "increment");
        format!("Merged {merged} of {path} into {into}.\n")
    };
    if deleted > 0 {
        let (deleted, bytes) = (
            display::count(deleted, "object"),
            display::size(deleted_bytes),
        );
        let _ = writeln!(text, "Deleted {deleted} that nothing needs, {bytes}.");
    }
    Ok(Report::done(text, Value::Object(object)))
}
