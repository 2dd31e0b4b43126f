//! `apograph copy`

use apograph_repository::{
    Copied, Lease, Location, Pack, Repository, RepositoryError, copy, recipients,
};
use serde_json::{Map, Value, json};

use crate::args::Copy;
use crate::failure::Failure;
use crate::{Report, Session, display};

pub(crate) fn run(session: &Session<'_>, args: &Copy) -> Result<Report, Failure> {
    let location = args.identity.open(&args.from)?;
    let lease = Lease::take(&location, session.context);
    let context = lease.context();
    let from = lease.narrow(Repository::open(&location, context)?);
    let pack = args.compress.map_or(Pack::Best, Pack::As);
    let to = args.to.path();
    let copied = copy(&from, args.recipients.write(&args.to)?, pack, context);
    let copied = copied.map_err(|error| {
        let is_none = matches!(&error, RepositoryError::NotARepository { path, .. } if *path == to);
        let failure = Failure::from(error);
        if is_none {
            failure.hinting(
                "`apograph init TO` makes a repository of an empty folder, `--vault` a vault",
            )
        } else {
            failure
        }
    })?;
    let Copied {
        segments,
        present,
        bytes,
        stored_bytes,
    } = copied;
    let is_encrypted = |location: &Location| {
        let found = recipients(location, context).ok().flatten();
        found.is_some()
    };
    let is_decrypted = segments > 0 && args.identity.is_given() && is_encrypted(&args.from);
    if is_decrypted && !is_encrypted(&args.to) {
        let to = display::path(&to);
        let message =
            format!("what was encrypted is not in {to}: whoever can read its place reads it");
        context.monitor.warn(&message);
    }
    let mut object = Map::new();
    let mut put = |key: &str, value| object.insert(key.to_owned(), value);
    put("command", json!("copy"));
    put("segments", json!(segments));
    put("present", json!(present));
    put("bytes", json!(bytes));
    put("stored_bytes", json!(stored_bytes));
    display::put_path(&mut object, "from", &args.from.path());
    display::put_path(&mut object, "to", &to);
    let to = display::path(&to);
    let text = if segments == 0 {
        let present = display::count(present, "segment");
        format!("Nothing to copy: {to} has {present}, all that there are.\n")
    } else {
        let stored = if stored_bytes == bytes {
            String::new()
        } else {
            format!(", stored in {}", display::size(stored_bytes))
        };
        let (segments, bytes) = (display::count(segments, "segment"), display::size(bytes));
        format!("Copied {segments} to {to}: {bytes}{stored}.\n")
    };
    Ok(Report::done(text, Value::Object(object)))
}
