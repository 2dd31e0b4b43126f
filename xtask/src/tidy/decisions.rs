//! Each decision says what it is worth: a status, a day, an answer that is read at a glance.

use std::path::Path;

use anyhow::Result;

use super::files::read;
use super::findings::Findings;

const DOCUMENT: &str = "docs/decisions.md";
/// The most lines of an answer, of [`COLUMNS`] characters each.
const MOST_LINES: usize = 15;
const COLUMNS: usize = 100;

pub(super) fn check(root: &Path, findings: &mut Findings) -> Result<()> {
    check_text(&read(&root.join(DOCUMENT))?, findings);
    Ok(())
}

fn check_text(text: &str, findings: &mut Findings) {
    for entry in text.split("\n## ").skip(1) {
        // The heading of the next part of the document.
        let entry = entry.split("\n# ").next().unwrap_or(entry);
        let mut lines = entry.lines().filter(|line| !line.trim().is_empty());
        let question = lines.next().unwrap_or_default();
        if !lines.next().is_some_and(is_status) {
            findings.add(format!(
                "{DOCUMENT}: \"{question}\" does not begin with `*Accepted, YYYY-MM-DD.*` or \
                 `*Replaced by .., YYYY-MM-DD.*`"
            ));
        }
        let count: usize = lines
            .map(|line| line.chars().count().div_ceil(COLUMNS))
            .sum();
        if !(1..=MOST_LINES).contains(&count) {
            findings.add(format!(
                "{DOCUMENT}: the answer to \"{question}\" has {count} lines, not 1 to {MOST_LINES}"
            ));
        }
    }
}

/// `*Accepted, 2026-11-30.*`, or with what came in its place.
fn is_status(line: &str) -> bool {
    let inner = line.strip_prefix('*').and_then(|it| it.strip_suffix(".*"));
    inner
        .and_then(|inner| inner.rsplit_once(", "))
        .is_some_and(|(status, day)| {
            let is_known = status == "Accepted" || status.starts_with("Replaced by ");
            is_known && day.parse::<jiff::civil::Date>().is_ok()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_entry(entry: &str, expected: &[&str]) {
        let mut findings = Findings::default();
        check_text(&format!("# Decisions\n\n## Why?\n\n{entry}"), &mut findings);
        assert_eq!(findings.0.len(), expected.len(), "{findings:?}");
        for (finding, expected) in findings.0.iter().zip(expected) {
            assert!(finding.contains(expected), "{finding}");
        }
    }

    #[test]
    fn an_entry_has_a_status_a_day_and_a_short_answer() {
        let line = "x".repeat(COLUMNS);
        let short = [line.as_str(); MOST_LINES].join("\n");
        check_entry("*Accepted, 2026-11-30.*\n\nBecause.", &[]);
        check_entry("*Replaced by FORMAT.md, 2026-11-30.*\n\nBecause.", &[]);
        check_entry(&format!("*Accepted, 2026-11-30.*\n\n{short}"), &[]);
        check_entry("*Accepted, 2026-11-30.*\n\nSo.\n\n# Part\n\nA word.", &[]);
        check_entry("Because.\n\nOf that.", &["does not begin"]);
        check_entry("*Accepted, 2026-11-31.*\n\nBecause.", &["does not begin"]);
        check_entry("*Rejected, 2026-11-30.*\n\nBecause.", &["does not begin"]);
        check_entry("*Accepted, 2026-11-30.*\n", &["0 lines"]);
        let long = format!("*Accepted, 2026-11-30.*\n\n{short}x");
        check_entry(&long, &["16 lines"]);
    }
}
