//! Bytes that cannot be read: an error, and the process lives.
//!
//! An ext4 on a loop device that ends early, at each block of each file in turn: whatever lies from
//! there on is an I/O error. And the same after a FUSE file system, which answers a read call with
//! that error, as one does whose server is gone. Whoever had such a page mapped would die of a
//! SIGBUS.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::act::{Act, ActFolder};
use crate::check::{Ended, check};
use crate::command::{CommandRun, Programs};
use crate::database_state::state_of;
use crate::mount::{self, Mount, said_yes};
use crate::report::{RowOutcome, Tally};
use crate::scratch::scratch;
use crate::stage::{FaultStage, SMALL_FILES, contents, copy};

const IMAGE_BYTES: u64 = 8 << 20;
const BLOCK_BYTES: u64 = 4096;
/// The exit status of a salvage that lacks something.
const LOST: i32 = 12;
/// An increment of the stage.
const INCREMENT: &str = "backup_incr_0001.wal";

/// Lets each command meet a file of the database, or of the repository, that cannot be read.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run(programs: &Programs) -> Result<RowOutcome> {
    if let Err(why) = is_possible() {
        return Ok(RowOutcome::Skipped(why));
    }
    let mut tally = Tally::default();
    let behind = Behind::ALL.into_iter().filter(|behind| behind.is_there());
    for behind in behind {
        tally.note(behind.name());
        for generation in [1, 2] {
            let stage = FaultStage::new(generation)?;
            for reader in Reader::ALL {
                let disk = Disk::holding(&stage, reader)?;
                let faults = tally.faults;
                for end in disk.ends()? {
                    disk.struck(programs, behind, end, &mut tally)?;
                }
                let met = tally.faults - faults;
                ensure!(met > 0, "{reader:?} read nothing that was not there");
            }
        }
    }
    let control = None;
    Ok(RowOutcome::Ran { tally, control })
}

fn is_possible() -> Result<(), String> {
    mount::is_possible()?;
    let has = |program: &str| Command::new(program).arg("-V").output().is_ok();
    if has("mkfs.ext4") && has("debugfs") {
        return Ok(());
    }
    Err("the tools of ext4 are not there".to_owned())
}

/// What stands between a command and the device.
#[derive(Debug, Clone, Copy)]
enum Behind {
    Kernel,
    Fuse,
}

impl Behind {
    const ALL: [Self; 2] = [Self::Kernel, Self::Fuse];

    const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "on ext4",
            Self::Fuse => "on FUSE",
        }
    }

    /// Whether the machine has it. (Of ext4 that is known already.)
    fn is_there(self) -> bool {
        match self {
            Self::Kernel => true,
            Self::Fuse => {
                Path::new("/dev/fuse").exists()
                    && Command::new("bindfs").arg("--version").output().is_ok()
            }
        }
    }
}

/// A command that reads, and what of.
#[derive(Debug, Clone, Copy)]
enum Reader {
    /// An act, which is done in a sound repository, of a database that cannot be read.
    Database(Act),
    /// An act in a repository that cannot be read.
    Repository(Act),
    /// `list` of a repository without records.
    List,
    Log,
    /// `inspect` of an increment.
    Inspect,
}

impl Reader {
    const ALL: [Self; 13] = [
        Self::Database(Act::First),
        Self::Database(Act::Incremental),
        Self::Database(Act::Full),
        Self::Repository(Act::Adopting),
        Self::Repository(Act::Incremental),
        Self::Repository(Act::Restore),
        Self::Repository(Act::Rebuild),
        Self::Repository(Act::Verify),
        Self::Repository(Act::Salvage),
        Self::Database(Act::SalvageOfDatabase),
        Self::List,
        Self::Log,
        Self::Inspect,
    ];

    /// What its folder begins as.
    const fn act(self) -> Act {
        match self {
            Self::Database(act) | Self::Repository(act) => act,
            Self::List | Self::Log | Self::Inspect => Act::Verify,
        }
    }

    fn words(self, place: &ActFolder) -> Vec<String> {
        let (word, path) = match self {
            Self::Database(act) | Self::Repository(act) => return act.words(place),
            Self::List => ("list", place.repository()),
            Self::Log => ("log", place.repository()),
            Self::Inspect => ("inspect", place.repository().join(INCREMENT)),
        };
        vec![word.to_owned(), path.display().to_string()]
    }

    /// The folder that cannot be read.
    fn folder(self, place: &ActFolder) -> PathBuf {
        match self {
            Self::Database(_) => place.root().join("live"),
            _ => place.repository(),
        }
    }
}

/// A file system in a file, with what a command reads.
struct Disk<'a> {
    stage: &'a FaultStage,
    reader: Reader,
    folder: tempfile::TempDir,
}

impl<'a> Disk<'a> {
    fn holding(stage: &'a FaultStage, reader: Reader) -> Result<Self> {
        let folder = scratch()?;
        let disk = Self {
            stage,
            reader,
            folder,
        };
        let place = ActFolder::prepared(&disk.place(), stage, reader.act())?;
        if matches!(reader, Reader::List) {
            fs::remove_file(place.repository().join(SMALL_FILES[1]))?;
        }
        fs::File::create(disk.image())?.set_len(IMAGE_BYTES)?;
        let mut format = Command::new("mkfs.ext4");
        // A journal would lie after the files, and could not be written to.
        format.args(["-q", "-F", "-b", "4096", "-O", "^has_journal"]);
        said_yes(format.arg(disk.image()))?;
        let at = disk.folder.path().join("at");
        fs::create_dir(&at)?;
        let mount = Mount::of_image(&disk.image(), &at)?;
        fs::remove_dir(at.join("lost+found"))?;
        copy(&reader.folder(&place), &at)?;
        mount.end()?;
        Ok(disk)
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("place")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// The blocks in which files lie: at each the device ends once.
    fn ends(&self) -> Result<BTreeSet<u64>> {
        let folder = self.reader.folder(&ActFolder::at(&self.place()));
        let mut ends = BTreeSet::new();
        for path in contents(&folder)?.into_keys() {
            let asked = format!("blocks /{}", path.display());
            let mut command = Command::new("debugfs");
            let output = command.args(["-R", &asked]).arg(self.image()).output();
            let output = output.context("cannot start debugfs")?;
            let blocks = String::from_utf8_lossy(&output.stdout).into_owned();
            for block in blocks.split_whitespace() {
                ends.insert(block.parse().context(blocks.clone())?);
            }
        }
        Ok(ends)
    }

    /// Runs the command where the device ends at a block.
    fn struck(
        &self,
        programs: &Programs,
        behind: Behind,
        end: u64,
        tally: &mut Tally,
    ) -> Result<()> {
        let now = scratch()?;
        let image = now.path().join("image");
        fs::copy(self.image(), &image)?;
        let place = ActFolder::at(&now.path().join("place"));
        copy(&self.place(), place.root())?;
        let folder = self.reader.folder(&place);
        let device = now.path().join("device");
        fs::create_dir(&device)?;
        let at = match behind {
            Behind::Kernel => &folder,
            Behind::Fuse => &device,
        };
        let mount = Mount::of_image(&image, at)?;
        let fuse = match behind {
            Behind::Kernel => None,
            Behind::Fuse => Some(Mount::through_fuse(&device, &folder)?),
        };
        let bytes = end * BLOCK_BYTES;
        fs::File::options()
            .write(true)
            .open(&image)?
            .set_len(bytes)?;
        let words = self.reader.words(&place);
        let run = CommandRun::of(programs.command(None).args(&words).arg("--json"))?;
        fuse.map_or(Ok(()), Mount::end)?;
        mount.end()?;
        tally.runs += 1;
        if run.exit == Some(0) && !matches!(self.reader, Reader::Database(_)) {
            // It needed nothing that is not there.
            return Ok(());
        }
        let outcome = self.checked(&run, &place);
        let (generation, reader) = (self.stage.generation(), self.reader);
        tally.struck(
            || format!("generation {generation}, {reader:?}, {behind:?}, block {end}"),
            outcome,
        );
        Ok(())
    }

    /// A salvage takes what cannot be read for damage: what it made is the state that it says.
    fn checked_rest(&self, run: &CommandRun, place: &ActFolder) -> Result<()> {
        let epoch = run.json["recovered"]["epoch"]
            .as_u64()
            .context("an epoch")?;
        let truth = self.stage.truth().get(&epoch).context("such a state")?;
        let found = state_of(&place.output())?;
        ensure!(
            found.is_as(truth),
            "the database is another state than that of epoch {epoch}"
        );
        Ok(())
    }

    /// What must hold after it; what could not be read is there again.
    fn checked(&self, run: &CommandRun, place: &ActFolder) -> Result<()> {
        ensure!(run.exit.is_some(), "a signal ended it");
        if run.exit == Some(LOST) {
            return self.checked_rest(run, place);
        }
        if run.ended() == Ended::Failed {
            let code = run.code()?;
            ensure!(code == "io", "the error is {code:?}: {}", run.json);
        }
        match self.reader {
            Reader::Database(act) | Reader::Repository(act @ Act::Restore) => {
                check(self.stage, act, place, run.ended())
            }
            _ => Ok(()),
        }
    }
}
