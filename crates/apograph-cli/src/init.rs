//! `apograph init`

use apograph_repository::{Initialized, init};
use serde_json::{Map, Value, json};

use crate::args::Init;
use crate::failure::Failure;
use crate::{Report, Session, display};

pub(crate) fn run(session: &Session<'_>, args: &Init) -> Result<Report, Failure> {
    let initialized = init(&args.repo, session.context)?;
    let path = display::path(&args.repo);
    let (outcome, text) = match initialized {
        Initialized::Created => ("created", format!("Made {path}, a repository.\n")),
        Initialized::Adopted => ("initialized", format!("{path} is a repository now.\n")),
        Initialized::Present => ("unchanged", format!("{path} is a repository already.\n")),
    };
    let mut object = Map::new();
    object.insert("command".to_owned(), json!("init"));
    display::put_path(&mut object, "repository", &args.repo);
    object.insert("outcome".to_owned(), json!(outcome));
    Ok(Report::done(text, Value::Object(object)))
}
