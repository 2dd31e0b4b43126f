//! `apograph recipients`

use apograph_repository::vault::wrap::Recipients;
use apograph_repository::{RecipientChange, change_recipients, recipients};
use serde_json::{Map, Value, json};

use crate::args::{RecipientAction, RecipientsOf};
use crate::display;
use crate::failure::Failure;
use crate::session::{Report, Session};

pub(crate) fn run(session: &Session<'_>, args: &RecipientsOf) -> Result<Report, Failure> {
    let change = |change: RecipientChange<'_>| {
        let changed = change_recipients(&args.repo, change, session.context);
        changed.map(Some)
    };
    let (found, is_change) = match &args.action {
        None => (recipients(&args.repo, session.context)?, false),
        Some(RecipientAction::Add { keys }) => {
            (change(RecipientChange::Add(&Recipients::of(keys)?))?, true)
        }
        Some(RecipientAction::Remove { keys }) => (
            change(RecipientChange::Remove(&Recipients::of(keys)?))?,
            true,
        ),
    };
    let keys = found.as_ref().map(Recipients::keys).unwrap_or_default();
    let place = args.repo.path();
    let mut object = Map::new();
    let mut put = |key: &str, value| object.insert(key.to_owned(), value);
    put("command", json!("recipients"));
    put("recipients", json!(keys));
    display::put_path(&mut object, "repository", &place);
    let object = Value::Object(object);
    let lines = keys.join("\n");
    let path = display::path(&place);
    Ok(if is_change {
        let text = format!(
            "What is added to {path} from now on is encrypted for\n{lines}\n\
             What is there already stays as it is: those who could read it still can.\n"
        );
        Report::done(text, object)
    } else if keys.is_empty() {
        let text = format!("{path} is not encrypted: whoever can read its place reads it.\n");
        Report::answer(text, object)
    } else {
        Report::answer(format!("{lines}\n"), object)
    })
}
