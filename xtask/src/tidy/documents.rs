//! What a document names is there: source files, and what its links lead to.

use std::path::Path;

use anyhow::Result;

use super::{Findings, entries, read, rust_files};

/// Tells what was, so it may name what is no more.
const OF_THE_PAST: &str = "CHANGELOG.md";
/// Where source files lie.
const SOURCES: [&str; 4] = ["crates", "benches", "fuzz", "xtask"];

pub(super) fn check(root: &Path, findings: &mut Findings) -> Result<()> {
    let mut sources = Vec::new();
    for folder in SOURCES {
        sources.extend(rust_files(&root.join(folder))?);
    }
    let mut documents = entries(root)?;
    documents.extend(entries(&root.join("docs"))?);
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    for document in documents {
        let name = document.strip_prefix(root).unwrap_or(&document).display();
        let text = read(&document)?;
        let folder = document.parent().unwrap_or(root);
        for link in links(&text).filter(|link| !folder.join(link).exists()) {
            findings.add(format!("{name} has a link to {link}, which is not there"));
        }
        if document.ends_with(OF_THE_PAST) {
            continue;
        }
        for file in source_names(&text) {
            if !sources.iter().any(|source| source.ends_with(file)) {
                findings.add(format!("{name} names {file}, which is not there"));
            }
        }
    }
    Ok(())
}

/// The targets of links into the repository, without the place in the file.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split([')', '#', ' ']).next());
    targets.filter(|target| !target.is_empty() && !target.contains(':'))
}

/// The names of source files that stand in code spans.
fn source_names(text: &str) -> impl Iterator<Item = &str> {
    let spans = text.split('`').skip(1).step_by(2);
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte);
    let is_source = |span: &str| Path::new(span).extension().is_some_and(|it| it == "rs");
    spans.filter(move |span| is_source(span) && span.bytes().all(is_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_names_are_found() {
        let text = "See [a](docs/a.md#part), [b](https://b.example), `c/d.rs`, `*.rs` and `e`.";
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/a.md"]);
        assert_eq!(source_names(text).collect::<Vec<_>>(), ["c/d.rs"]);
    }
}
