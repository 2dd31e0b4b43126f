//! A disk without room, without inodes, or that cannot be written to.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Result, ensure};
use apograph::io::RealDisk;

use crate::act::{Act, ActFolder, code_of};
use crate::check::{Ended, check};
use crate::mount::{self, Mount};
use crate::mutant::{MutantDisk, Neglect};
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::stage::FaultStage;

const ROOMY: &str = "size=16M,nr_inodes=1000";
/// The file system gives room in pages of this size.
const PAGE_BYTES: u64 = 4096;

/// Gives each act every amount of room that is too little, of bytes and of inodes; and a file
/// system that is read-only.
///
/// # Errors
///
/// Where a stage cannot be made.
pub fn run() -> Result<RowOutcome> {
    if let Err(why) = mount::is_possible() {
        return Ok(RowOutcome::Skipped(why));
    }
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for generation in [1, 2] {
        let stage = FaultStage::new(generation)?;
        for act in Act::of_row(generation, RowExtent::Long) {
            tally.add(sweep(&stage, act, None)?);
        }
        control.add(sweep(&stage, Act::Full, Some(Neglect::Withdrawal))?);
    }
    let what = "a build that does not take back what it published";
    let control = Control::of(what, control);
    Ok(RowOutcome::Ran { tally, control })
}

/// What there is too little of.
#[derive(Debug, Clone, Copy)]
enum Lack {
    Pages(u64),
    Inodes(u64),
    Writing,
}

impl Lack {
    /// As mount options, where so many bytes and inodes are used already.
    fn options(self, (bytes, inodes): (u64, u64)) -> String {
        match self {
            Self::Pages(more) => format!("size={}", bytes + more * PAGE_BYTES),
            Self::Inodes(more) => format!("nr_inodes={}", inodes + more),
            Self::Writing => "ro".to_owned(),
        }
    }
}

fn sweep(stage: &FaultStage, act: Act, neglects: Option<Neglect>) -> Result<Tally> {
    let mut tally = Tally::default();
    struck(stage, act, neglects, Lack::Writing, &mut tally)?;
    for kind in [Lack::Pages, Lack::Inodes] {
        for more in 0.. {
            if struck(stage, act, neglects, kind(more), &mut tally)? == Ended::Acknowledged {
                break;
            }
        }
    }
    Ok(tally)
}

fn struck(
    stage: &FaultStage,
    act: Act,
    neglects: Option<Neglect>,
    lack: Lack,
    tally: &mut Tally,
) -> Result<Ended> {
    let folder = scratch()?;
    let mount = Mount::in_memory(folder.path(), ROOMY)?;
    let place = ActFolder::prepared(folder.path(), stage, act)?;
    mount.remount(&lack.options(used(folder.path())?))?;
    let outcome = match neglects {
        Some(neglect) => act.perform(&MutantDisk::new(&RealDisk, neglect), &place),
        None => act.perform(&RealDisk, &place),
    };
    mount.remount(&format!("rw,{ROOMY}"))?;
    tally.runs += 1;
    let (ended, is_clear) = match &outcome {
        Ok(()) => (Ended::Acknowledged, Ok(())),
        Err(error) => (Ended::Failed, check_code(error)),
    };
    // Also where there was just enough room: something less important may have had none.
    let outcome = is_clear.and_then(|()| check(stage, act, &place, ended));
    let what = || format!("generation {}, {act:?}, {lack:?}", stage.generation());
    tally.struck(what, outcome);
    mount.end()?;
    Ok(ended)
}

fn check_code(error: &anyhow::Error) -> Result<()> {
    let code = code_of(error);
    ensure!(code == Some("io"), "the error is {code:?}: {error}");
    Ok(())
}

/// The bytes, in pages, and the inodes that are used below a folder, with it.
fn used(folder: &Path) -> Result<(u64, u64)> {
    let (mut bytes, mut inodes) = (0, 1);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let (more_bytes, more_inodes) = used(&entry.path())?;
            bytes += more_bytes;
            inodes += more_inodes;
        } else {
            bytes += entry.metadata()?.size().next_multiple_of(PAGE_BYTES);
            inodes += 1;
        }
    }
    Ok((bytes, inodes))
}
