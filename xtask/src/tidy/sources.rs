//! What may not stand in a source file, and what some test has to name.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::files::{entries, read, rust_files};
use super::findings::Findings;
use crate::driver;
use crate::metadata::Package;

/// What no source file has, and what to do instead.
const FORBIDDEN: &[(&str, &str)] = &[
    ("#[allow(", "write #[expect(.., reason = \"..\")]"),
    ("#![allow(", "write #![expect(.., reason = \"..\")]"),
    ("todo!", "do it"),
    ("unimplemented!", "do it"),
    ("#[ignore", "a test that is not run tests nothing"),
];

/// What no published source file has but [`CLOCK`].
const OF_THE_SYSTEM: [&str; 3] = ["SystemTime::now", "Instant::now", "thread::sleep"];
/// Where the time of the system is asked for, and waited by.
const CLOCK: &str = "crates/apograph-io/src/clock.rs";

pub(super) fn check(root: &Path, packages: &[Package], findings: &mut Findings) -> Result<()> {
    let crates = entries(&root.join("crates"))?;
    let driver = root.join(driver::NEWER);
    check_lines(root, &[&crates[..], &[driver]].concat(), findings)?;
    check_times(root, packages, findings)?;
    check_fixtures(root, &crates, findings)
}

fn check_lines(root: &Path, crates: &[PathBuf], findings: &mut Findings) -> Result<()> {
    for folder in crates {
        let mut files = rust_files(&folder.join("src"))?;
        files.extend(rust_files(&folder.join("tests"))?);
        for file in files {
            let name = file
                .strip_prefix(root)
                .unwrap_or(&file)
                .display()
                .to_string();
            for (line, number) in read(&file)?.lines().zip(1..) {
                let code = line.split("//").next().unwrap_or_default();
                if code
                    .split('"')
                    .step_by(2)
                    .any(|code| has_word(code, "unsafe"))
                {
                    findings.add(format!("{name}:{number}: unsafe code lives nowhere"));
                }
                for (text, instead) in FORBIDDEN.iter().filter(|(text, _)| code.contains(text)) {
                    findings.add(format!("{name}:{number}: {text} {instead}"));
                }
            }
        }
    }
    Ok(())
}

/// A time that no test can set has no test.
fn check_times(root: &Path, packages: &[Package], findings: &mut Findings) -> Result<()> {
    for package in packages.iter().filter(|package| package.is_published()) {
        for file in rust_files(&package.folder().join("src"))? {
            let name = file.strip_prefix(root).unwrap_or(&file);
            if name == Path::new(CLOCK) {
                continue;
            }
            let source = read(&file)?;
            for text in OF_THE_SYSTEM.iter().filter(|text| source.contains(**text)) {
                let name = name.display();
                findings.add(format!(
                    "{name}: {text} is for {CLOCK} alone: ask the clock of the context"
                ));
            }
        }
    }
    Ok(())
}

/// A fixture that no test names is tested by nobody.
fn check_fixtures(root: &Path, crates: &[PathBuf], findings: &mut Findings) -> Result<()> {
    let mut tests = String::new();
    for folder in crates {
        for file in rust_files(&folder.join("tests"))? {
            tests.push_str(&read(&file)?);
        }
    }
    for folder in ["testdata/v1", "testdata/v2", "testdata/clients"] {
        let fixtures = entries(&root.join(folder))?;
        ensure!(!fixtures.is_empty(), "there are no fixtures in {folder}");
        for fixture in fixtures.iter().filter_map(|path| path.file_name()) {
            let name = fixture.to_string_lossy();
            if !has_word(&tests, &name) {
                findings.add(format!(
                    "the fixture {folder}/{name} is named by no test in crates/*/tests"
                ));
            }
        }
    }
    Ok(())
}

/// Whether a word stands in a text with no letter, digit or underscore beside it.
fn has_word(text: &str, word: &str) -> bool {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|it| it.is_ascii_alphanumeric() || *it == b'_');
    let bytes = text.as_bytes();
    text.match_indices(word).any(|(start, _)| {
        let before = start.checked_sub(1).and_then(|index| bytes.get(index));
        !is_part(before) && !is_part(bytes.get(start + word.len()))
    })
}
