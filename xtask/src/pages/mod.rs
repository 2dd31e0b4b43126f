//! `cargo xtask pages`: the pages of `apograph report`, looked at by a browser.
//!
//! Each repository is reported on, and its page is opened in a headless Chromium, in several widths,
//! light and dark. `checks.mjs` compares what is to be read there with `list --json`, moves through it
//! by keys, mouse and finger, and leaves a picture of each in `target/pages`, for people to look at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::metadata::target_folder;
use crate::run::{cargo, root, run};

/// What the browser is called on several systems.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// The repositories of engines, and those that a program makes up, by how many segments they have.
const GOLDENS: [&str; 4] = [
    "v1/13_close_in_chain",
    "v1/15_concurrent_incr",
    "v2/02_chain40",
    "v2/03_two_fulls",
];
const INVENTED: [u32; 3] = [12, 640, 100_000];

pub(crate) fn pages() -> Result<()> {
    let Some(browser) = browser() else {
        println!("0 passed, 0 failed, 1 skipped: there is no Chromium, and it cannot be installed");
        return Ok(());
    };
    if !is_there("node") {
        println!("0 passed, 0 failed, 1 skipped: there is no Node");
        return Ok(());
    }
    run(&mut cargo([
        "build",
        "-p",
        "apograph-cli",
        "--bin",
        "apograph",
    ]))?;
    let maker = ["-p", "apograph-testing", "--bin", "invented-repository"];
    run(cargo(["build"]).args(maker))?;
    let target = target_folder()?;
    let folder = target.join("pages");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("cannot remove earlier pages")?;
    }
    fs::create_dir_all(&folder).context("cannot make the folder of the pages")?;
    let maker = Maker {
        programs: target.join("debug"),
        folder,
    };
    for golden in GOLDENS {
        let repository = root().join("testdata").join(golden).join("backup");
        maker.make(&golden.replace('/', "-"), &repository)?;
    }
    for count in INVENTED {
        let repository = maker.folder.join(format!("repository-{count}"));
        let program = maker.programs.join("invented-repository");
        run(Command::new(program)
            .arg(&repository)
            .arg(count.to_string()))?;
        maker.make(&format!("invented-{count}"), &repository)?;
    }
    maker.make_vault()?;
    maker.make_empty()?;
    let checks = root().join("xtask/src/pages/checks.mjs");
    let mut node = Command::new("node");
    let looked = node.arg(checks).arg(browser).arg(&maker.folder).status();
    if !looked.context("cannot run node")?.success() {
        bail!("a page is not what it should be");
    }
    Ok(())
}

/// Makes pages, and beside each what `list` says.
struct Maker {
    programs: PathBuf,
    folder: PathBuf,
}

impl Maker {
    fn apograph(&self) -> Command {
        Command::new(self.programs.join("apograph"))
    }

    fn make(&self, name: &str, repository: &Path) -> Result<()> {
        println!("==> {name}");
        let page = self.folder.join(format!("{name}.html"));
        run(self
            .apograph()
            .arg("report")
            .arg(repository)
            .arg("-o")
            .arg(page))?;
        let listed = self
            .apograph()
            .arg("list")
            .arg(repository)
            .arg("--json")
            .output();
        let listed = listed.context("cannot run apograph")?;
        fs::write(self.folder.join(format!("{name}.json")), listed.stdout)
            .context("cannot write what is listed")
    }

    /// A vault with merged increments, of which some is verified and a state is pinned.
    fn make_vault(&self) -> Result<()> {
        let golden = root().join("testdata/v1/15_concurrent_incr/backup");
        let vault = self.folder.join("vault");
        run(self.apograph().arg("init").arg(&vault).arg("--vault"))?;
        run(self.apograph().arg("copy").arg(golden).arg(&vault))?;
        run(self.apograph().arg("compact").arg(&vault))?;
        run(self.apograph().arg("verify").arg(&vault))?;
        run(self
            .apograph()
            .arg("pin")
            .arg(&vault)
            .arg("<b>&amp;</script>"))?;
        run(self.apograph().arg("drill").arg(&vault))?;
        self.make("in-vault", &vault)
    }

    fn make_empty(&self) -> Result<()> {
        let empty = self.folder.join("empty");
        run(self.apograph().arg("init").arg(&empty))?;
        self.make("empty", &empty)
    }
}

/// The browser; installed where the system's packages have it and this may install them.
fn browser() -> Option<&'static str> {
    let find = || BROWSERS.into_iter().find(|name| is_there(name));
    find().or_else(|| {
        println!("==> installing chromium");
        let mut install = Command::new("apt-get");
        let _ = run(install.args([
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "chromium",
        ]));
        find()
    })
}

fn is_there(program: &str) -> bool {
    let version = Command::new(program).arg("--version").output();
    version.is_ok_and(|version| version.status.success())
}
