//! What a document or a comment names is there: files, and headings of documents.

use std::path::Path;

use super::findings::Findings;
use super::workspace::{Text, Workspace};

/// Files of ours end so. What a database or a repository holds has other names.
const ENDINGS: [&str; 6] = ["rs", "md", "toml", "py", "mjs", "yml"];
/// Files that there are not: one of which a document says why, and the configuration, which users write.
const NOT_HERE: [&str; 2] = ["rust-toolchain.toml", "apograph.toml"];

pub(super) fn check(root: &Path, workspace: &Workspace, findings: &mut Findings) {
    for text in &workspace.texts {
        let name = text.file.display();
        if text.is_document() {
            let path = root.join(&text.file);
            let folder = path.parent().unwrap_or(root);
            for (file, anchor) in links(&text.content) {
                if !file.is_empty() && !folder.join(file).exists() {
                    findings.add(format!("{name} has a link to {file}, which is not there"));
                } else if !anchor.is_empty() && !leads_to(workspace, text, file, anchor) {
                    findings.add(format!(
                        "{name} has a link to #{anchor}, which no heading has"
                    ));
                }
            }
        }
        if text.is_of_the_past() {
            continue;
        }
        for file in file_names(text).filter(|file| !workspace.has_file(file)) {
            findings.add(format!("{name} names {file}, which is not there"));
        }
        for (document, heading) in headings_named(&text.content) {
            let mut documents = workspace.documents(document);
            if !documents.any(|it| headings(&it.content).any(|found| found == heading)) {
                findings.add(format!(
                    "{name} names the heading \"{heading}\", which {document} has not"
                ));
            }
        }
    }
}

/// Whether a heading of the document, or of the one that is linked to, has an anchor.
fn leads_to(workspace: &Workspace, text: &Text, file: &str, anchor: &str) -> bool {
    let has = |document: &Text| headings(&document.content).any(|it| slug(&it) == anchor);
    if file.is_empty() {
        return has(text);
    }
    let file = file.trim_start_matches("../");
    workspace.documents(file).any(has)
}

/// The targets of links into the repository: a file, and the place in it.
fn links(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split([')', ' ']).next());
    let targets = targets.filter(|target| !target.contains(':'));
    targets.map(|target| target.split_once('#').unwrap_or((target, "")))
}

/// The names of our files that stand in code spans.
fn file_names(text: &Text) -> impl Iterator<Item = &str> {
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte);
    let is_ours = |span: &str| {
        let ending = Path::new(span).extension().and_then(|it| it.to_str());
        let is_elsewhere = NOT_HERE.contains(&span.rsplit('/').next().unwrap_or_default());
        ending.is_some_and(|it| ENDINGS.contains(&it)) && !is_elsewhere
    };
    // `NAME.rs` is any name.
    let spans = text.spans().filter(|span| !span.contains("NAME"));
    spans.filter(move |span| is_ours(span) && span.bytes().all(is_path))
}

/// Documents whose heading is named: the document, a comma or a bracket, and the heading in
/// quotation marks.
fn headings_named(text: &str) -> impl Iterator<Item = (&str, String)> {
    text.match_indices(".md").filter_map(|(at, ending)| {
        let (before, after) = text.split_at(at + ending.len());
        let begin = before.rfind(|letter: char| letter.is_whitespace() || "([`\"".contains(letter));
        let document = before.get(begin.map_or(0, |begin| begin + 1)..)?;
        let after = after.trim_start_matches([',', '`', ')']);
        let after = after.trim_start().trim_start_matches('(');
        let heading = after.strip_prefix('"')?.split('"').next()?;
        Some((document, plain(heading)))
    })
}

fn headings(document: &str) -> impl Iterator<Item = String> {
    let lines = document.lines().filter(|line| line.starts_with('#'));
    lines.map(|line| plain(line.trim_start_matches('#')))
}

/// A heading without marks, and with single spaces.
fn plain(heading: &str) -> String {
    let words: Vec<_> = heading.split_whitespace().collect();
    words.join(" ").replace('`', "")
}

/// What a heading is called in a link.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a text beside a document that has a heading "First part".
    #[track_caller]
    fn check_one(file: &str, content: &str, expected: &[&str]) {
        let mut workspace = Workspace {
            files: vec!["docs/a.md".into(), "crates/c/src/d.rs".into()],
            ..Workspace::default()
        };
        workspace.add("docs/a.md".into(), "# A\n\n## First `part`\n".into());
        if file.ends_with("rs") {
            workspace.add_source(file.into(), content);
        } else {
            workspace.add(file.into(), content.into());
        }
        let mut findings = Findings::default();
        check(Path::new("/nowhere"), &workspace, &mut findings);
        assert_eq!(findings.0, expected);
    }

    #[test]
    fn a_file_that_is_not_there_is_found() {
        let here = "See `src/d.rs`, `docs/a.md`, `*.rs`, `NAME.rs`, `backup.json` and `e`.";
        check_one("b.md", here, &[]);
        check_one(
            "b.md",
            "See `c/e.rs`.",
            &["b.md names c/e.rs, which is not there"],
        );
        check_one(
            "x.rs",
            "// As in\n// `e.rs`.\n",
            &["x.rs names e.rs, which is not there"],
        );
        check_one(
            "b.md",
            "See [e](e.md), [f](https://f.example).",
            &["b.md has a link to e.md, which is not there"],
        );
    }

    #[test]
    fn a_heading_that_is_not_there_is_found() {
        check_one("b.md", "(docs/a.md, \"First part\", says so)", &[]);
        check_one("x.rs", "/// In a.md (\"First\n/// part\").\n", &[]);
        check_one(
            "b.md",
            "docs/a.md, \"Second part\".",
            &["b.md names the heading \"Second part\", which docs/a.md has not"],
        );
        check_one(
            "b.md",
            "# B\n[here](#b), [there](#c)",
            &["b.md has a link to #c, which no heading has"],
        );
    }
}
