//! `apograph verify`

use std::fmt::Write;

use apograph_restore::{Problem, Verified, VerifyOptions, verify_and_record};
use serde_json::{Value, json};

use crate::args::Verify;
use crate::display;
use crate::failure::{Failure, exit_status};
use crate::session::{Report, Session};

pub(crate) fn run(session: &Session<'_>, args: &Verify) -> Result<Report, Failure> {
    let options = VerifyOptions {
        level: args.level.into(),
        only_new: args.new,
    };
    let verified = verify_and_record(args.identity.open(&args.repo)?, &options, session.context)?;
    let exit = exit(&verified.problems);
    let json = object(&verified, args.level.name());
    Ok(Report {
        exit,
        ..Report::done(text(&verified), json)
    })
}

/// Damage weighs more than a missing link.
fn exit(problems: &[Problem]) -> u8 {
    let exits: Vec<u8> = problems
        .iter()
        .map(|problem| exit_status(problem.code))
        .collect();
    let worst = [3, 8, 4].into_iter().find(|exit| exits.contains(exit));
    worst.or(exits.first().copied()).unwrap_or(0)
}

fn object(verified: &Verified, level: &str) -> Value {
    let problem = |problem: &Problem| {
        json!({
            "code": problem.code.as_str(),
            "file": problem.file,
            "offset": problem.offset,
            "detail": problem.detail,
            "epochs": problem.epochs.map(|(from, to)| json!({"from": from.get(), "to": to.get()})),
        })
    };
    json!({
        "command": "verify",
        "level": level,
        "ok": verified.problems.is_empty(),
        "files": verified.files,
        "bytes": verified.bytes,
        "frames": verified.frames,
        "commits": verified.commits,
        "skipped": verified.skipped,
        "problems": verified.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

fn text(verified: &Verified) -> String {
    let mut text = String::new();
    for problem in &verified.problems {
        let file = problem.file.as_deref().unwrap_or("repository");
        let place = problem
            .offset
            .map_or(String::new(), |offset| format!(" at byte {offset}"));
        let _ = writeln!(text, "{}  {file}{place}: {}", problem.code, problem.detail);
        if let Some((from, to)) = problem.epochs {
            let _ = writeln!(
                text,
                "  by the manifest it has {}",
                display::epochs(from, to)
            );
        }
    }
    let seen = format!(
        "{}, {}, {}, {}",
        display::count(verified.files, "file"),
        display::size(verified.bytes),
        display::count(verified.frames, "frame"),
        display::count(verified.commits, "commit"),
    );
    let _ = match (verified.problems.len() as u64, verified.skipped) {
        (0, 0) => writeln!(text, "All sound: {seen}."),
        (0, _) => writeln!(text, "Sound: {seen}."),
        (problems, _) => writeln!(
            text,
            "{}; sound: {seen}.",
            display::count(problems, "problem")
        ),
    };
    if verified.skipped > 0 {
        let skipped = display::count(verified.skipped, "file");
        let _ = writeln!(text, "Verified before, and not read again: {skipped}.");
    }
    text
}
