//! `apograph drill`

use std::env;
use std::fmt::Write;

use apograph_format::Lsn;
use apograph_operate::{CheckCommand, Drill, Drilled};
use serde_json::{Map, Value, json};

use crate::args::DrillOf;
use crate::failure::Failure;
use crate::session::{Report, Session};
use crate::{display, restore};

/// The exit status where what was restored is not right.
const UNPROVEN: u8 = 11;

pub(crate) fn run(session: &Session<'_>, args: &DrillOf) -> Result<Report, Failure> {
    let folder = args.dir.clone().unwrap_or_else(env::temp_dir);
    let check = args.exec.as_ref().map(|command| CheckCommand {
        words: command.0.clone(),
        expect: args.expect.clone(),
        timeout: args.timeout,
    });
    let location = args.identity.open(&args.repo)?;
    let drill = Drill {
        target: args.target.find(&location, session.context)?,
        folder: &folder,
        check,
        keep: args.keep,
    };
    let drilled = drill.run(location, session.context)?;
    let exit = if drilled.failure.is_none() {
        0
    } else {
        UNPROVEN
    };
    Ok(Report {
        exit,
        ..Report::done(text(&drilled), object(&drilled))
    })
}

fn object(drilled: &Drilled) -> Value {
    let restored = &drilled.restored;
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("command", json!("drill"));
    put("ok", json!(drilled.failure.is_none()));
    put("failure", json!(drilled.failure));
    put(
        "point",
        json!(restored.point.map(|point| point.to_string())),
    );
    put("lsn", json!(restored.lsn.map(Lsn::get)));
    put("commits", json!(restored.commits));
    put("bytes_read", json!(restored.bytes_read));
    put("bytes_written", json!(restored.bytes_written));
    let millis = u64::try_from(drilled.restored_in.as_millis()).unwrap_or(u64::MAX);
    put("restored_in_ms", json!(millis));
    put("exec_output", json!(drilled.output));
    if let Some(kept) = &drilled.kept {
        display::put_path(&mut object, "kept", kept);
    }
    Value::Object(object)
}

fn text(drilled: &Drilled) -> String {
    let restored = &drilled.restored;
    let at = restore::at(restored);
    let mut text = format!(
        "Restored to {at} in {:.1} s: {} read, {} written.\n",
        drilled.restored_in.as_secs_f64(),
        display::size(restored.bytes_read),
        display::size(restored.bytes_written),
    );
    for line in drilled.output.iter().flat_map(|output| output.lines()) {
        let _ = writeln!(text, "  {}", display::plain(line));
    }
    let _ = match (&drilled.failure, &drilled.output) {
        (Some(failure), _) => writeln!(text, "Not proven: {}.", display::plain(failure)),
        (None, Some(_)) => writeln!(text, "Proven: the command is content with it."),
        (None, None) => writeln!(
            text,
            "Proven: every section and all {} of the log were read.",
            display::count(restored.commits, "commit")
        ),
    };
    if let Some(kept) = &drilled.kept {
        let _ = writeln!(text, "It is {}.", display::path(kept));
    }
    text
}
