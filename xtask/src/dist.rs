//! What a package of the command ships.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::run::{cargo, describe, run};

/// Builds the command, and puts it into a folder beside its man pages, its completions and the
/// documents that go with it.
pub(crate) fn dist(out: &Path) -> Result<()> {
    let mut install = cargo(["install", "--locked", "--path", "crates/apograph-cli"]);
    install.args(["--no-track", "--force", "--root"]).arg(out);
    println!("==> {}", describe(&install));
    run(&mut install)?;
    let mut pages = cargo(["run", "--quiet", "--package", "apograph-cli"]);
    pages.args(["--example", "package_files", "--"]).arg(out);
    println!("==> {}", describe(&pages));
    run(&mut pages)?;
    for document in ["README.md", "LICENSE", "CHANGELOG.md", "docs/cli.md"] {
        let name = Path::new(document).file_name().unwrap_or_default();
        let copied = fs::copy(document, out.join(name));
        copied.with_context(|| format!("{document} cannot be copied"))?;
    }
    Ok(())
}
