//! `apograph pin`

use apograph_format::WithCauses;
use apograph_operate::{PinError, pin_state};
use apograph_repository::unpin;
use serde_json::json;

use crate::args::{PinOf, no_pin};
use crate::failure::Failure;
use crate::session::{Report, Session};

pub(crate) fn run(session: &Session<'_>, args: &PinOf) -> Result<Report, Failure> {
    let name = args.name.as_str();
    if args.remove {
        if !unpin(&args.repo, &args.name, session.context)? {
            return Err(no_pin(&args.name, &args.repo));
        }
        let json = json!({"command": "pin", "name": name, "state": null});
        return Ok(Report::done(format!("{name} is pinned no longer.\n"), json));
    }
    let target = args.target.find(&args.repo, session.context)?;
    let state = pin_state(&args.repo, &target, &args.name, session.context)?;
    let json = json!({"command": "pin", "name": name, "state": state.to_string()});
    Ok(Report::done(format!("Pinned {state} as {name}.\n"), json))
}

impl From<PinError> for Failure {
    fn from(error: PinError) -> Self {
        match error {
            PinError::Chain(error) => error.into(),
            PinError::Restore(error) => error.into(),
            PinError::Repository(error) => error.into(),
            _ => Self::new(error.code(), WithCauses(&error).to_string())
                .hinting("name it by `--lsn`: `apograph list` has the positions"),
        }
    }
}
