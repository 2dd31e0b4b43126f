//! The power goes, on a file system of its own that is shut down under a command.
//!
//! ext4 on a loop device, and the kernel's own way to stop it at once: what was not synced is gone,
//! as the journal finds it when the file system is mounted again.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::act::{Act, ActFolder};
use crate::check::check;
use crate::command::{CommandRun, Programs};
use crate::mount::{self, Mount, said_yes};
use crate::mutant::Neglect;
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::stage::{FaultStage, copy};
use crate::strace::{self, Injection};

const IMAGE_BYTES: u64 = 16 << 20;
/// The calls at which the command is killed, right before the file system stops.
const CALLS: &[&str] = &["fsync", "renameat2"];
const MORE_CALLS: &[&str] = &["openat", "write", "copy_file_range", "unlinkat", "mkdirat"];
const KILL: &str = "signal=KILL";

/// Stops the file system after each act, and in the middle of it.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(programs: &Programs, extent: RowExtent) -> Result<RowOutcome> {
    if let Err(why) = is_possible() {
        return Ok(RowOutcome::Skipped(why));
    }
    let more = match extent {
        RowExtent::Quick => &[],
        RowExtent::Long => MORE_CALLS,
    };
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        for act in Act::of_generation(generation) {
            let device = Device::prepared(&stage, act)?;
            device.cut(programs, None, None, &mut tally)?;
            for call in CALLS.iter().chain(more) {
                for number in 1.. {
                    let kill = Injection {
                        call,
                        fault: KILL,
                        number,
                    };
                    if !device.cut(programs, None, Some(kill), &mut tally)? {
                        break;
                    }
                }
            }
            device.cut(programs, Some(Neglect::Syncs), None, &mut control)?;
        }
    }
    let what = "a build that skips every sync";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

fn is_possible() -> Result<(), String> {
    mount::is_possible()?;
    if !strace::is_possible() {
        return Err("strace is not there, or may not trace".to_owned());
    }
    let tried = scratch().map_err(anyhow::Error::from).and_then(|folder| {
        let image = formatted(folder.path())?;
        let at = folder.path().join("at");
        fs::create_dir(&at)?;
        let mount = Mount::of_image(&image, &at)?;
        stop(&at)?;
        mount.end()
    });
    tried.map_err(|error| format!("no file system can be stopped: {error:#}"))
}

/// A file system in a file, with what an act begins from, all of it durable.
struct Device<'a> {
    stage: &'a FaultStage,
    act: Act,
    folder: tempfile::TempDir,
}

impl<'a> Device<'a> {
    fn prepared(stage: &'a FaultStage, act: Act) -> Result<Self> {
        let folder = scratch()?;
        let device = Self { stage, act, folder };
        let image = formatted(device.folder.path())?;
        fs::create_dir(device.at())?;
        let mount = Mount::of_image(&image, &device.at())?;
        ActFolder::prepared(&device.at().join("place"), stage, act)?;
        mount.end()?;
        Ok(device)
    }

    fn at(&self) -> std::path::PathBuf {
        self.folder.path().join("at")
    }

    /// Runs the act, up to a kill if there is one, stops the file system, and looks at what is
    /// there when it is mounted again. Tells whether there was such a call to kill it at.
    fn cut(
        &self,
        programs: &Programs,
        neglects: Option<Neglect>,
        kill: Option<Injection<'_>>,
        tally: &mut Tally,
    ) -> Result<bool> {
        let image = self.folder.path().join("now");
        fs::copy(self.folder.path().join("image"), &image)?;
        let mount = Mount::of_image(&image, &self.at())?;
        let words = self.act.words(&ActFolder::at(&self.at().join("place")));
        let ended = if let Some(kill) = kill {
            let trace = self.folder.path().join("trace");
            strace::run(programs, neglects, &words, kill, &trace)?.map(|(ended, _)| ended)
        } else {
            let run = CommandRun::of(programs.command(neglects).args(&words).arg("--json"))?;
            Some(run.ended())
        };
        tally.runs += 1;
        let Some(ended) = ended else {
            mount.end()?;
            return Ok(false);
        };
        stop(&self.at())?;
        mount.end()?;
        let mount = Mount::of_image(&image, &self.at())?;
        let found = scratch()?;
        copy(&self.at().join("place"), found.path())?;
        mount.end()?;
        let outcome = check(self.stage, self.act, &ActFolder::at(found.path()), ended);
        let (generation, act) = (self.stage.generation(), self.act);
        tally.struck(
            || format!("generation {generation}, {act:?}, {kill:?}"),
            outcome,
        );
        Ok(true)
    }
}

fn formatted(folder: &Path) -> Result<std::path::PathBuf> {
    let image = folder.join("image");
    fs::File::create(&image)?.set_len(IMAGE_BYTES)?;
    said_yes(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
    Ok(image)
}

/// Stops a file system, without a word to its journal.
fn stop(folder: &Path) -> Result<()> {
    said_yes(
        Command::new("xfs_io")
            .args(["-x", "-c", "shutdown"])
            .arg(folder),
    )
}
