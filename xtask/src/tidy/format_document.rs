//! FORMAT.md and the codec's golden tests are changed together.
//!
//! The last line of FORMAT.md has the checksum of those tests. Whoever changes a test has to write
//! it anew, and to read the document before.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::files::{read, rust_files};
use super::findings::Findings;

const TESTS: &str = "crates/apograph-format/tests/it";

pub(super) fn check(root: &Path, findings: &mut Findings) -> Result<()> {
    let mut hasher = crc32fast::Hasher::new();
    for file in rust_files(&root.join(TESTS))? {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        hasher.update(&bytes);
    }
    let expected = format!("<!-- codec-tests: {:08x} -->", hasher.finalize());
    let document = read(&root.join("FORMAT.md"))?;
    if document.lines().last() != Some(expected.as_str()) {
        findings.add(format!(
            "the codec's golden tests changed: reread FORMAT.md, then set its last line to {expected}"
        ));
    }
    Ok(())
}
