//! docs/cli.md has each key that the command prints, and no other one.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::files::{read, rust_files};
use super::findings::Findings;

const DOCUMENT: &str = "docs/cli.md";
const COMMAND: &str = "crates/apograph-cli/src";
/// The part of the document that has the keys.
const SECTION: &str = "## `--json`";
/// An object whose keys are the kinds of records in a log.
const KINDS: &str = "kinds";
const OF_DATA: &str = "\"kinds\":{";

pub(super) fn check(root: &Path, findings: &mut Findings) -> Result<()> {
    let mut sources = String::new();
    for file in rust_files(&root.join(COMMAND))? {
        let source = read(&file)?;
        // Tests stand at the end of a file.
        sources.push_str(source.split("\nmod tests {").next().unwrap_or_default());
    }
    compare(&read(&root.join(DOCUMENT))?, &sources, findings);
    Ok(())
}

fn compare(document: &str, sources: &str, findings: &mut Findings) {
    let section = document.split(SECTION).nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let printed = printed(sources);
    let shown = keys_of_objects(section);
    let told: BTreeSet<_> = spans(section).filter(|span| is_key(span)).collect();
    for key in printed.iter().filter(|key| !told.contains(*key)) {
        if !shown.contains(key) {
            findings.add(format!(
                "the command prints {key}, which {DOCUMENT} has not"
            ));
        }
    }
    // A word in code that has an underscore is no value.
    let claimed = told.into_iter().filter(|span| span.contains('_'));
    let claimed: BTreeSet<_> = claimed.chain(keys_of_table(section)).chain(shown).collect();
    for key in claimed.iter().filter(|key| !printed.contains(*key)) {
        findings.add(format!(
            "{DOCUMENT} has {key}, which the command does not print"
        ));
    }
}

/// The keys that the code of the command writes: in `json!`, into an object, or as text.
fn printed(sources: &str) -> BTreeSet<&str> {
    const BEFORE: [&str; 3] = ["put(\"", "put_path(&mut object, \"", "write_list(out, \""];
    const AFTER: [&str; 3] = ["\":", "\"] =", "\\\":"];
    let before = BEFORE.iter().flat_map(|before| {
        let rest = sources.split(before).skip(1);
        rest.filter_map(|rest| rest.split('"').next())
    });
    let after = AFTER.iter().flat_map(|after| {
        let pieces = sources.split(after);
        pieces.filter_map(|piece| piece.rsplit('"').next())
    });
    before.chain(after).filter(|key| is_key(key)).collect()
}

/// The keys of the objects in the text, and not those of the data in them.
fn keys_of_objects(section: &str) -> BTreeSet<&str> {
    let mut parts = section.split(OF_DATA);
    let first = parts.next().unwrap_or_default();
    let rest: Vec<_> = parts
        .map(|part| part.split_once('}').map_or("", |it| it.1))
        .collect();
    let kinds = (!rest.is_empty()).then_some(KINDS);
    let keys = std::iter::once(first).chain(rest).flat_map(|part| {
        let pieces = part.split("\":");
        pieces.filter_map(|piece| piece.rsplit('"').next())
    });
    keys.chain(kinds).filter(|key| is_key(key)).collect()
}

/// The keys in the last column of a table, as that of `inspect`.
fn keys_of_table(section: &str) -> impl Iterator<Item = &str> {
    let rows = section.lines().filter_map(|line| line.strip_suffix(" |"));
    let cells = rows.filter_map(|row| row.rsplit(" | ").next());
    cells.flat_map(spans).filter(|span| is_key(span))
}

fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_key(word: &str) -> bool {
    let is_part = |it: u8| it.is_ascii_lowercase() || it == b'_';
    word.bytes().all(is_part) && word.starts_with(|it: char| it.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
        json!({"command": "list", "holes": []});
        object["lsn"] = json!(7);
        facts.put("epoch", json!(1));
        write_list(out, "segments", all);
        write!(out, ",\"captured_until\":{}", time);
    "#;
    const TEXT: &str = "## Words\n\n`not_here`\n\n## `--json`\n\n```json\n\
        {\"command\":\"list\",\"kinds\":{\"create_node\":1},\"holes\":[]}\n```\n\n\
        `captured_until` is `null`.\n\n| `is` | keys |\n| --- | --- |\n| `x y` | `epoch`, `lsn` (2) |\n\n\
        `segments` has all.\n\n## Exit status\n\n`neither_here`\n";

    #[track_caller]
    fn check_one(text: &str, source: &str, expected: &[&str]) {
        let mut findings = Findings::default();
        compare(text, source, &mut findings);
        assert_eq!(findings.0, expected);
    }

    #[test]
    fn keys_are_printed_as_they_are_told() {
        let source = SOURCE.replace("\"holes\"", "\"kinds\": {}, \"holes\"");
        check_one(TEXT, &source, &[]);
        check_one(
            &TEXT.replace("`segments` has all.", ""),
            &source,
            &["the command prints segments, which docs/cli.md has not"],
        );
        check_one(
            &TEXT.replace("`lsn` (2)", "`lsn`, `nodes` (2)"),
            &source,
            &["docs/cli.md has nodes, which the command does not print"],
        );
        check_one(
            &TEXT.replace(
                "`captured_until` is",
                "`captured_until` and `looked_until` are",
            ),
            &source,
            &["docs/cli.md has looked_until, which the command does not print"],
        );
        check_one(
            &TEXT.replace("\"holes\"", "\"gaps\""),
            &source,
            &[
                "the command prints holes, which docs/cli.md has not",
                "docs/cli.md has gaps, which the command does not print",
            ],
        );
    }
}
