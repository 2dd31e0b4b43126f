//! Files of a repository that changed while nobody wrote to them.
//!
//! Chains of either generation, those that the engine wrote and one that apograph did, are damaged
//! in one place at a time: a byte of any file, its length, a file lost, two swapped, one doubled,
//! one of another database in its place. Each time, every point is restored that the chain had or
//! that the damaged one claims to have. What comes out is one of three:
//!
//! - *detected*: `verify` names the file and the place in it, and each point is its own state or an
//!   error;
//! - *harmless*: `verify` has nothing to say, and each point is its own state;
//! - *wrong*: anything else, a state under a name that the chain never had included. It must not
//!   occur.
//!
//! A manifest of generation 1 has no checksum, and the file that it contradicts may be the right
//! one: damage in a small file counts as detected where any file is named.

mod chain;
mod damage;
mod forgery;

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use apograph::format::{Generation, SegmentName};
use apograph::io::{Context, Folder};
use apograph::manifest::read_manifest;
use apograph::repository::vault::Packing;
use apograph::repository::{Pack, Repository, Writer, copy, init_vault};
use apograph_testing::fixtures::{Fixtures, V1, V2};

use self::chain::{Chain, Sample, Verdict};
use self::damage::{Damage, Extents};
use crate::report::{Control, RowExtent, RowOutcome, Tally};
use crate::scratch::scratch;
use crate::stage::FaultStage;

/// The lives of one chain, each of which begins where timelines before it have to be counted: the
/// first has one that a crash began in the middle of its log.
const LIVES: [&str; 2] = ["14_torn_in_chain", "13_close_in_chain"];
/// The other chains of a long run: a log in several files, checkpoints in between, several fulls.
const LONG_FIXTURES: [&str; 5] = [
    "03_two_fulls",
    "04_rotation",
    "06_transactions",
    "11_checkpoints_cursor",
    "12_crash_in_chain",
];

/// Of the points of a chain, a quick run restores every fourth, each in turn, where a byte changed.
const QUICK_SAMPLE: usize = 4;

/// Damages every chain in every way, with a forger as the control, who makes the checksums right
/// again.
///
/// # Errors
///
/// Where a chain cannot be made.
pub fn run(extent: RowExtent) -> Result<RowOutcome> {
    let (mut tally, mut control) = (Tally::default(), Tally::default());
    for fixtures in [V1, V2] {
        let chains = chains(fixtures, extent)?;
        for (index, chain) in chains.iter().enumerate() {
            let other = &chains[(index + 1) % chains.len()];
            // The images of the chains after the first two are made as theirs are.
            let images = if index < 2 { extent } else { RowExtent::Quick };
            let others = extent;
            let extents = Extents { images, others };
            let damages = damage::of(chain.files(), other.files(), extents);
            tally.add(sweep(chain, &damages, &Damage::changes, extent)?);
        }
        let vaults = vaults(&chains)?;
        // A quick run takes a packed one and a plain one.
        let quick = |index: usize| index == usize::from(fixtures.generation() == Generation::Two);
        for (index, vault) in vaults.iter().enumerate() {
            if extent == RowExtent::Quick && !quick(index) {
                continue;
            }
            let other = &vaults[(index + 1) % vaults.len()];
            let extents = Extents {
                images: extent,
                others: extent,
            };
            let mut damages = damage::of(vault.files(), other.files(), extents);
            damages.retain(|damage| !is_newest_version(damage, vault));
            tally.add(sweep(vault, &damages, &Damage::changes, extent)?);
        }
        for chain in &chains[..1] {
            let flips = forgery::flips(chain.files())?;
            control.add(sweep(chain, &flips, &forgery::changes, extent)?);
        }
    }
    let what = "bytes of log frames that changed, and every checksum over them too";
    let control = Some(Control {
        what,
        tally: control,
    });
    Ok(RowOutcome::Ran { tally, control })
}

/// The chains in vaults, packed and plain.
fn vaults(chains: &[Chain]) -> Result<Vec<Chain>> {
    let packs = [Pack::Best, Pack::As(Packing::Plain)];
    let vaults = chains.iter().zip(packs).map(|(chain, pack)| {
        let folder = scratch()?;
        init_vault(folder.path(), Context::default())?;
        let from = Repository::open(chain.path(), Context::default())?;
        copy(&from, folder.path(), pack, Context::default())?;
        // It is written with every 32nd version.
        fs::write(folder.path().join("catalog/latest"), r#"{"number":2}"#)?;
        Chain::of("a vault", folder.path())
    });
    vaults.collect()
}

/// The version of a catalog that is the newest. Without it a vault is what it was before: nothing
/// tells that there was another one.
fn is_newest_version(damage: &Damage, chain: &Chain) -> bool {
    let Damage::Lost { file } = damage else {
        return false;
    };
    let versions = chain.files().keys();
    let versions = versions.filter(|file| file.starts_with("catalog/0"));
    versions.max() == Some(file)
}

/// Our own chain first, which has records of its segments.
fn chains(fixtures: Fixtures, extent: RowExtent) -> Result<Vec<Chain>> {
    let stage = FaultStage::new(fixtures.generation().number())?;
    let own = Chain::of("our own chain", &stage.path("newer"))?;
    let lives = scratch()?;
    join(fixtures, lives.path())?;
    let mut chains = vec![own, Chain::of("the engine's chain", lives.path())?];
    if extent == RowExtent::Long {
        for name in LONG_FIXTURES {
            chains.push(Chain::of(name, &golden(fixtures, name))?);
        }
    }
    Ok(chains)
}

fn golden(fixtures: Fixtures, name: &str) -> PathBuf {
    fixtures.root().join(name).join("backup")
}

/// Lays the segments of several lives one after the other, as if they were those of one database.
fn join(fixtures: Fixtures, folder: &Path) -> Result<()> {
    let mut index = 0;
    for life in LIVES {
        let manifest =
            read_manifest(&Folder::open(&golden(fixtures, life))?)?.context("no manifest")?;
        for segment in manifest.segments {
            let name = SegmentName {
                kind: segment.kind,
                index,
            };
            let source = golden(fixtures, life).join(segment.file.as_str());
            fs::copy(source, folder.join(name.to_string()))?;
            index += 1;
        }
    }
    Writer::lock(&Folder::open(folder)?, Context::default())?.rebuild()?;
    Ok(())
}

type Changes = dyn Fn(&Damage, &damage::Files) -> Result<damage::Changes> + Sync;

/// Judges the chain under each damage, on all cores.
fn sweep(chain: &Chain, damages: &[Damage], changes: &Changes, extent: RowExtent) -> Result<Tally> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let work = |first: usize| -> Result<Tally> {
        let chain = chain.copied()?;
        let mut tally = Tally::default();
        let damages = damages.iter().enumerate();
        for (index, damage) in damages.skip(first).step_by(workers) {
            tally.runs += 1;
            let step = match (extent, damage) {
                (RowExtent::Quick, Damage::Flip { .. } | Damage::Forged { .. }) => QUICK_SAMPLE,
                _ => 1,
            };
            let first = index / workers % step;
            let changes = changes(damage, chain.files())?;
            let verdict = chain.judge(damage, &changes, Sample { first, step })?;
            let (note, outcome) = match verdict {
                Verdict::Detected => ("detected", Ok(())),
                Verdict::Harmless => ("harmless", Ok(())),
                Verdict::Wrong(error) => ("wrong", Err(error)),
            };
            tally.note(note);
            tally.struck(|| format!("{chain}, {damage}"), outcome);
        }
        Ok(tally)
    };
    thread::scope(|scope| {
        let workers = (0..workers).map(|first| scope.spawn(move || work(first)));
        let workers: Vec<_> = workers.collect();
        let mut tally = Tally::default();
        for worker in workers {
            let swept = worker.join().map_err(|_| anyhow!("a worker panicked"))?;
            tally.add(swept?);
        }
        Ok(tally)
    })
}
