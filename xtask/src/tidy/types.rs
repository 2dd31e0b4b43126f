//! No type that a crate exports has the name of another one.
//!
//! Whoever reads a name should not have to ask which of them is meant. What belongs to one
//! generation is told apart by its module, `v1` or `v2`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::files::{entries, read, rust_files};
use super::findings::Findings;

/// Names that stand more than once, and why.
const ALLOWED: &[(&str, &str)] = &[
    (
        "Result",
        "each crate's own alias, which is known by its crate",
    ),
    (
        "Options",
        "of a capture and of a restore, as one names them",
    ),
    ("Repository", "the facade's holds the one below it"),
];
/// Modules that tell the generations apart.
const GENERATIONS: [&str; 4] = ["v1", "v2", "v1.rs", "v2.rs"];
const KINDS: [&str; 5] = ["struct ", "enum ", "trait ", "type ", "union "];

pub(super) fn check(root: &Path, findings: &mut Findings) -> Result<()> {
    let mut packages = entries(&root.join("crates"))?;
    packages.push(root.join("benches"));
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages {
        for file in rust_files(&package.join("src"))? {
            let name = file.strip_prefix(root).unwrap_or(&file);
            let mut parts = name.iter();
            if parts.any(|part| GENERATIONS.iter().any(|it| part == *it)) {
                continue;
            }
            for found in exported(&read(&file)?) {
                let place = name.display().to_string();
                places.entry(found.to_owned()).or_default().push(place);
            }
        }
    }
    check_places(&places, findings);
    Ok(())
}

fn check_places(places: &BTreeMap<String, Vec<String>>, findings: &mut Findings) {
    for (name, places) in places {
        let is_allowed = ALLOWED.iter().any(|(allowed, _)| allowed == name);
        match (places.len(), is_allowed) {
            (0 | 1, true) => findings.add(format!("tidy allows a second type {name} in vain")),
            (2.., false) => findings.add(format!(
                "the type name {name} stands in {}: call one of them otherwise",
                places.join(" and ")
            )),
            _ => {}
        }
    }
}

/// The types that a source file declares for everybody, at its outermost level.
fn exported(text: &str) -> impl Iterator<Item = &str> {
    let declared = text.lines().filter_map(|line| line.strip_prefix("pub "));
    declared.filter_map(|line| {
        let name = KINDS.iter().find_map(|kind| line.strip_prefix(kind))?;
        name.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_sees_is_found() {
        let text = "pub struct A<T>(T);\npub(crate) struct B;\nenum C {}\npub enum D {}\n\
                    pub type E = A<u8>;\n    pub struct F;\n// pub struct G;\npub fn h() {}\n";
        assert_eq!(exported(text).collect::<Vec<_>>(), ["A", "D", "E"]);
    }

    #[test]
    fn a_second_type_of_a_name_is_found() {
        let place = |name: &str, files: &[&str]| {
            let files = files.iter().map(|&file| file.to_owned());
            (name.to_owned(), files.collect())
        };
        let rows = [
            place("Stage", &["a.rs", "b.rs"]),
            place("Chain", &["a.rs"]),
            place("Result", &["a.rs", "b.rs", "c.rs"]),
            place("Options", &["a.rs"]),
        ];
        let mut findings = Findings::default();
        check_places(&BTreeMap::from(rows), &mut findings);
        let expected = [
            "tidy allows a second type Options in vain",
            "the type name Stage stands in a.rs and b.rs: call one of them otherwise",
        ];
        assert_eq!(findings.0, expected);
    }
}
