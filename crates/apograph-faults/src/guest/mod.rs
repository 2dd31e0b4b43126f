//! Another kernel: a Linux guest under qemu, on the files of this machine.
//!
//! Its root is the root of this machine, which it cannot change: below are the programs that this
//! machine lacks ([`packages`]), above a layer in memory. So a program that was built here is there
//! at the same path, with what it needs. What it finds out it writes line by line into a file that
//! both see: where the guest hangs or dies, what it told before counts.

mod packages;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use self::packages::Parts;

/// The environment variable that says, in a guest, where to tell.
pub(crate) const TOLD: &str = "APOGRAPH_TOLD";
/// The file that is told into, as a guest sees it.
const TOLD_INSIDE: &str = "/run/told/lines";

const QEMU: &str = "qemu-system-x86_64";
/// What runs the guest, and how long the first process may take to have its root. Where the first
/// is there and does not work, most guests stand still before their first word.
const ACCELERATORS: [(&str, Duration); 2] = [
    ("kvm", Duration::from_secs(30)),
    ("tcg", Duration::from_mins(5)),
];
/// A guest that tells nothing for so long hangs.
const SILENCE: Duration = Duration::from_mins(10);
const PAUSE: Duration = Duration::from_millis(100);
/// How much of its last words an error shows.
const LAST_LINES: usize = 12;

/// A guest that can be started.
pub(crate) struct Guest {
    parts: Parts,
}

/// What came out of a guest.
pub(crate) struct Told {
    /// What was told, a line each.
    pub(crate) lines: Vec<String>,
    /// How it ended, and its last words.
    pub(crate) end: String,
}

impl Guest {
    /// A guest whose parts are kept in a folder.
    ///
    /// # Errors
    ///
    /// Where this machine has no qemu, or the parts cannot be had.
    pub(crate) fn prepared(folder: &Path) -> Result<Self> {
        ensure!(
            cfg!(target_arch = "x86_64"),
            "the guest is of x86-64, this machine is not"
        );
        let found = Command::new(QEMU).arg("--version").output();
        ensure!(
            found.is_ok_and(|it| it.status.success()),
            "{QEMU} is not there (Debian: qemu-system-x86)"
        );
        let parts = Parts::brought(folder)?;
        Ok(Self { parts })
    }

    /// Runs a command in it, with some variables in its environment.
    ///
    /// # Errors
    ///
    /// Where no guest comes up.
    pub(crate) fn run(&self, words: &[&str], variables: &[(&str, &str)]) -> Result<Told> {
        let mut ends = String::new();
        for (accelerator, patience) in ACCELERATORS {
            let mut running = self.start(accelerator, words, variables)?;
            if running.is_up(patience)? {
                return running.told();
            }
            running.stop()?;
            write!(ends, "; {accelerator}: {}", running.last_words())?;
        }
        bail!("no guest comes up{ends}")
    }

    fn start(
        &self,
        accelerator: &str,
        words: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Running> {
        let folder = tempfile::Builder::new()
            .prefix("apograph-guest")
            .tempdir()?;
        let mut command = String::new();
        for (name, value) in variables.iter().chain([&(TOLD, TOLD_INSIDE)]) {
            writeln!(command, "export {name}={}", quoted(value))?;
        }
        let words: Vec<String> = words.iter().map(|it| quoted(it)).collect();
        writeln!(command, "{} >/dev/console 2>&1", words.join(" "))?;
        fs::write(folder.path().join("command"), command)?;
        let console = folder.path().join("console");
        // It ends with this process, however that ends.
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", QEMU, "-accel", accelerator]);
        // Two processors that wait for one another are slower than one.
        qemu.args(["-cpu", "max", "-smp", "1", "-m", "1536"]);
        qemu.args(["-nodefaults", "-display", "none", "-no-reboot"]);
        qemu.arg("-kernel").arg(self.parts.kernel());
        qemu.arg("-initrd").arg(self.parts.initial());
        qemu.args(["-append", "console=ttyS0 quiet panic=-1 mitigations=off"]);
        qemu.arg("-serial")
            .arg(format!("file:{}", console.display()));
        let shared = [
            ("host", Path::new("/"), ",readonly=on"),
            ("more", &self.parts.root(), ",readonly=on"),
            ("told", folder.path(), ""),
        ];
        for (tag, path, how) in shared {
            // A comma is doubled, as qemu wants it.
            let path = path.display().to_string().replace(',', ",,");
            let local = format!("local,path={path},mount_tag={tag},security_model=none");
            qemu.args(["-virtfs", &format!("{local},multidevs=remap{how}")]);
        }
        let said = fs::File::create(folder.path().join("qemu"))?;
        qemu.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        let child = qemu.spawn().context("cannot start setpriv")?;
        Ok(Running { folder, child })
    }
}

/// A word as the shell takes it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A guest that runs, until it is dropped.
struct Running {
    folder: TempDir,
    child: Child,
}

impl Running {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whether its first process gets its root.
    fn is_up(&mut self, patience: Duration) -> Result<bool> {
        let begun = Instant::now();
        while begun.elapsed() < patience && self.child.try_wait()?.is_none() {
            if self.path("started").exists() {
                return Ok(true);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(self.path("started").exists())
    }

    /// What it tells to its end, or until it tells nothing for too long.
    fn told(mut self) -> Result<Told> {
        let (mut length, mut last) = (0, Instant::now());
        let ended = loop {
            if let Some(status) = self.child.try_wait()? {
                break Some(status);
            }
            let now = fs::metadata(self.path("lines")).map_or(0, |it| it.len());
            if now != length {
                (length, last) = (now, Instant::now());
            }
            if last.elapsed() > SILENCE {
                break None;
            }
            std::thread::sleep(PAUSE);
        };
        let how = ended.map_or_else(
            || format!("was stopped, since it told nothing for {SILENCE:?}"),
            |status| format!("ended with {status}"),
        );
        self.stop()?;
        let end = format!("the guest {how}: {}", self.last_words());
        let lines = fs::read_to_string(self.path("lines")).unwrap_or_default();
        let lines = lines.lines().map(str::to_owned).collect();
        Ok(Told { lines, end })
    }

    fn stop(&mut self) -> Result<ExitStatus> {
        // One that has ended needs no signal.
        let _ = self.child.kill();
        Ok(self.child.wait()?)
    }

    /// What qemu and the guest said last.
    fn last_words(&self) -> String {
        let mut words = String::new();
        for name in ["qemu", "console"] {
            let said = fs::read(self.path(name)).unwrap_or_default();
            words.push_str(&String::from_utf8_lossy(&said));
        }
        let lines: Vec<&str> = words
            .lines()
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .collect();
        let first = lines.len().saturating_sub(LAST_LINES);
        lines[first..].join(" | ")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}
