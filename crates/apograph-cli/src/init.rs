//! `apograph init`

use apograph_repository::vault::HEAD;
use apograph_repository::{Initialized, init, init_vault};
use serde_json::{Map, Value, json};

use crate::args::Init;
use crate::display;
use crate::failure::Failure;
use crate::session::{Report, Session};

pub(crate) fn run(session: &Session<'_>, args: &Init) -> Result<Report, Failure> {
    let recipients = args.recipients.recipients()?;
    // What is a vault already needs no word for it.
    let folder = args.repo.as_folder();
    let folder = folder.filter(|folder| !args.vault && !folder.join(HEAD).exists());
    let (initialized, kind) = match (folder, recipients) {
        (Some(_), Some(_)) => {
            let message = "a vault is encrypted, and no other repository";
            return Err(Failure::usage(message).hinting("`--vault` makes a vault"));
        }
        (Some(folder), None) => (init(folder, session.context)?, "repository"),
        (None, None) => (init_vault(&args.repo, session.context)?, "vault"),
        (None, Some(recipients)) => {
            let location = args.repo.clone().with_recipients(recipients);
            (init_vault(location, session.context)?, "vault")
        }
    };
    let place = args.repo.path();
    let path = display::path(&place);
    let (outcome, text) = match initialized {
        Initialized::Created => ("created", format!("Made {path}, a {kind}.\n")),
        Initialized::Adopted => ("initialized", format!("{path} is a {kind} now.\n")),
        Initialized::Present => ("unchanged", format!("{path} is a {kind} already.\n")),
    };
    let mut object = Map::new();
    object.insert("command".to_owned(), json!("init"));
    display::put_path(&mut object, "repository", &place);
    object.insert("outcome".to_owned(), json!(outcome));
    Ok(Report::done(text, Value::Object(object)))
}
