//! No public item is there for tests alone.
//!
//! What a published crate shows is used: by another crate, by an example, in the documentation, or
//! by its own code. Names are compared, not what they mean: a name that is used anywhere counts.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Result;

use super::files::{read, rust_files};
use super::findings::Findings;
use super::workspace::{comment_of, words};
use crate::metadata::Package;

/// The table of Grafeo's names, which is there for those who look for them.
const NAMES_OF_GRAFEO: &str = "crates/apograph/src/grafeo.rs";
/// Items that only tests use, and why they are there.
const ALLOWED: &[(&str, &str)] = &[
    (
        "checksums_only",
        "a setter of the facade, beside those that its examples use",
    ),
    ("epoch_range", "as the engine's own manifest has it"),
    ("incrementals_after", "as the engine's own manifest has it"),
    (
        "write_history",
        "the counterpart of `read_history`, with which a file is made whole",
    ),
    (
        "may_spill_vectors",
        "one of the engines' traits, all of which can be asked for",
    ),
    (
        "read_chunks",
        "reads a short log in several chunks, which only a test wants",
    ),
    (
        "traits",
        "the engines' traits themselves, which a test holds to a table",
    ),
];
const KINDS: [&str; 8] = [
    "fn", "struct", "enum", "trait", "type", "const", "static", "union",
];

pub(super) fn check(root: &Path, packages: &[Package], findings: &mut Findings) -> Result<()> {
    let mut items = Items::default();
    for package in packages.iter().filter(|it| !it.is_for_tests()) {
        for folder in ["src", "examples", "benches"] {
            for file in rust_files(&package.folder().join(folder))? {
                let name = file.strip_prefix(root).unwrap_or(&file);
                let is_shown =
                    package.is_published() && folder == "src" && !name.ends_with(NAMES_OF_GRAFEO);
                if !name.ends_with("tests.rs") {
                    items.add(&name.display().to_string(), &read(&file)?, is_shown);
                }
            }
        }
    }
    items.check(findings);
    Ok(())
}

/// What is declared for everybody, and how often each word is used.
#[derive(Debug, Default)]
struct Items {
    /// By name: where.
    declared: HashMap<String, Vec<String>>,
    used: HashMap<String, usize>,
}

impl Items {
    fn add(&mut self, file: &str, source: &str, is_shown: bool) {
        let (mut is_example, mut is_found, mut is_import) = (false, false, false);
        for line in source.lines() {
            // Tests stand at the end of a file.
            if line.starts_with("mod tests {") {
                break;
            }
            let code = match comment_of(line) {
                Some(said) if said.starts_with("```") => {
                    is_example = !is_example;
                    continue;
                }
                Some(said) if is_example => said,
                Some(_) => continue,
                None => line,
            };
            is_found |= code.contains("#[doc(alias");
            // To hand a name on is not to use it.
            is_import |= code.starts_with("use ") || code.starts_with("pub use ");
            if is_import {
                is_import = !code.ends_with(';');
                continue;
            }
            let name = declared(code);
            if let Some(name) = name.filter(|_| is_shown && !is_found) {
                let places = self.declared.entry(name.to_owned()).or_default();
                places.push(file.to_owned());
            }
            for word in used(code) {
                *self.used.entry(word.to_owned()).or_default() += 1;
            }
            is_found &= name.is_none();
        }
    }

    fn check(&self, findings: &mut Findings) {
        let mut found: Vec<_> = self.declared.iter().collect();
        found.sort();
        for (name, places) in found {
            let is_used = self.used.get(name).is_some_and(|used| *used > places.len());
            let is_allowed = ALLOWED.iter().any(|(allowed, _)| allowed == name);
            match (is_used, is_allowed) {
                (false, false) => findings.add(format!(
                    "{name} in {} is public, and used by no code but tests",
                    places.join(" and ")
                )),
                (true, true) => findings.add(format!("tidy allows the unused {name} in vain")),
                _ => {}
            }
        }
    }
}

/// The words that a line uses. What is quoted is only named, but for `{name}`.
fn used(code: &str) -> impl Iterator<Item = &str> {
    code.split('"').enumerate().flat_map(|(index, part)| {
        let is_quoted = index % 2 == 1;
        let pieces = part.split('{').skip(usize::from(is_quoted));
        pieces.flat_map(move |piece| words(piece).take(if is_quoted { 1 } else { usize::MAX }))
    })
}

/// The name that a line declares for everybody.
fn declared(code: &str) -> Option<&str> {
    let rest = code.trim_start().strip_prefix("pub ")?;
    let mut given = words(rest).skip_while(|word| matches!(*word, "async" | "unsafe"));
    let kind = given.next().filter(|kind| KINDS.contains(kind))?;
    let name = given.next()?;
    if kind == "const" && name == "fn" {
        return given.next();
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_use_is_found() {
        let library = "pub use a::{\n    Lone,\n};\npub struct Lone;\npub const fn used() {}\n\
                       #[doc(alias = \"Theirs\")]\npub struct Ours;\npub fn shown() {}\n\
                       /// ```\n/// shown();\n/// ```\n/// Of `told`.\npub fn told() {}\n\
                       pub(crate) fn inner() {}\n#[cfg(test)]\nmod tests {\n    told();\n}\n";
        let mut items = Items::default();
        items.add("a.rs", library, true);
        items.add(
            "examples/b.rs",
            "fn main() { used(); \"told {Lone:?}\"; }",
            false,
        );
        let mut findings = Findings::default();
        items.check(&mut findings);
        let expected = "told in a.rs is public, and used by no code but tests";
        assert_eq!(findings.0, [expected]);
    }
}
