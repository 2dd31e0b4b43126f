//! What happens to vaults as days pass.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use apograph_format::SegmentKind;
use apograph_io::{Folder, Mode, RealDisk, SystemClock};
use apograph_manifest::{FileName, SegmentContent};
use apograph_store::FolderStore;
use apograph_vault::{Catalog, CatalogChange, CatalogSegment, Committed};

use super::World;
use crate::command::Apograph;
use crate::lives::report::FindingKind;
use crate::surroundings::{FakeClock, ProcessSurroundings};
use crate::traced::SystemCall;

/// How often a vault is made smaller, and how much later each time, in seconds.
const COMPACTED: u32 = 3;
const LATER: i64 = 3 * 24 * 60 * 60;
/// So much older its objects are then.
const AGE: Duration = Duration::from_hours(48);
/// So many changes make a whole version of a catalog due, after which old ones can be removed.
const CHANGES: usize = 40;
const WRITER: &str = "a life";

impl World {
    /// Every third time, makes a vault smaller, some days later by the command's clock. What could be
    /// restored still can.
    pub(super) fn compact_in_time(&mut self, repository: &str) {
        self.compactions += u32::from(self.is_in_vaults());
        if self.is_in_vaults() && self.compactions.is_multiple_of(COMPACTED) {
            self.compact_vault(repository, None);
        }
    }

    /// Makes a vault smaller, some days later, and the command is killed at a call or not.
    pub(crate) fn compact_vault(&mut self, repository: &str, killed_at: Option<SystemCall>) {
        let place = self.repository(repository);
        if !self.is_in_vaults() || !place.exists() {
            return;
        }
        pass_days(&place);
        let (command, words) = (self.days_later(), ["compact".as_ref(), place.as_os_str()]);
        let compacted = match killed_at {
            None => Some(command.run(words)),
            Some(at) => command.run_killed(words, at),
        };
        match compacted {
            None => self.report.killed += 1,
            Some(compacted) if compacted.exit == 0 => self.report.compacted(&compacted),
            Some(compacted) => {
                let detail = format!("{repository} is not made smaller: {}", compacted.json);
                return self.find(FindingKind::Wrong, detail);
            }
        }
        self.judge_offer(repository, &place, false);
        self.judge_soundness(repository, &place);
    }

    /// The command with a clock that is some days ahead, more each time.
    pub(super) fn days_later(&self) -> Apograph {
        let clock = FakeClock::at(&self.path("later"));
        if let Some(clock) = &clock {
            clock.set(LATER * i64::from(self.compactions + 1));
        }
        let later = ProcessSurroundings { clock, user: None };
        self.command().within(&later)
    }

    /// Others write down so much in a vault that its next versions need no older ones; days later these
    /// are removed.
    pub(crate) fn go_on_for_days(&mut self, repository: &str) {
        let place = self.repository(repository);
        let store = store(&place);
        let committed = Catalog::open(&store, &SystemClock, WRITER).and_then(|mut catalog| {
            for _ in 0..CHANGES {
                let nothing = CatalogChange::Verified { checks: Vec::new() };
                catalog.commit(vec![nothing], &mut |_| None)?;
            }
            Ok(())
        });
        if let Err(error) = committed {
            let detail = format!("{repository} cannot be added to: {error}");
            return self.find(FindingKind::Wrong, detail);
        }
        self.compact_vault(repository, None);
    }

    /// The oldest chain leaves a vault: a full backup, and what comes before the next one. What the
    /// rest holds stays restorable.
    pub(crate) fn prune(&mut self, repository: &str) {
        let place = self.repository(repository);
        if !self.is_in_vaults() || !place.exists() {
            return;
        }
        let pruned = match pruned(&place) {
            Ok(pruned) => pruned,
            Err(error) => {
                let detail = format!("{repository} is not pruned: {error}");
                return self.find(FindingKind::Wrong, detail);
            }
        };
        let Some(first) = pruned else {
            return;
        };
        self.report.pruned += 1;
        let before = self.stored(repository).points.clone();
        self.change(repository);
        self.judge_offer(repository, &place, false);
        let after = &self.stored(repository).points;
        // The first states after its base may be ones that its image has passed already.
        let first_left = after.first().unwrap_or(&first);
        let kept = before.range(first_left..);
        let kept = kept.chain(before.last());
        let lost: Vec<_> = kept.filter(|point| !after.contains(point)).collect();
        if !lost.is_empty() {
            let detail = format!("pruned up to {first:?}, no longer offered: {lost:?}");
            self.find(FindingKind::Lost, detail);
        }
        let after = &self.stored(repository).points;
        let new: Vec<_> = after.difference(&before).copied().collect();
        if !new.is_empty() {
            let detail = format!("pruned up to {first:?}, and offered since: {new:?}");
            self.find(FindingKind::Wrong, detail);
        }
        self.judge_soundness(repository, &place);
    }
}

/// Removes the oldest chain. Returns the point at which what is left begins; `None` where there is no
/// other chain, or another writer was faster.
fn pruned(place: &Path) -> apograph_vault::Result<Option<(u64, u64)>> {
    let store = store(place);
    let mut catalog = Catalog::open(&store, &SystemClock, WRITER)?;
    let mut segments = Vec::new();
    catalog.read(&mut |segment| {
        if let CatalogSegment::Live(segment) = segment {
            segments.push(segment.record);
        }
        Ok(())
    })?;
    let is_full = |index: &usize| segments[*index].segment.kind == SegmentKind::Full;
    let Some(second) = (1..segments.len()).find(is_full) else {
        return Ok(None);
    };
    let SegmentContent::Full(full) = &segments[second].content else {
        return Ok(None);
    };
    let first = (full.base.timeline.get(), full.base.epoch.get());
    let oldest = &segments[..second];
    let names: Vec<FileName> = oldest.iter().map(|it| it.segment.file.clone()).collect();
    let removed = CatalogChange::Removed {
        segments: names,
        until: None,
    };
    let committed = catalog.commit(vec![removed], &mut |_| None)?;
    Ok((committed != Committed::Dropped).then_some(first))
}

fn store(place: &Path) -> FolderStore<'static> {
    let folder = Folder::open(place).expect("a vault");
    FolderStore::new(&RealDisk, folder, Mode::PRIVATE)
}

/// Makes everything in a vault days older.
pub(super) fn pass_days(place: &Path) {
    for entry in fs::read_dir(place).expect("a vault") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            pass_days(&path);
            continue;
        }
        let older = || {
            let file = File::open(&path)?;
            let modified = file.metadata()?.modified()?;
            file.set_modified(modified - AGE)
        };
        // A writer that is at work may have renamed it.
        let _ = older();
    }
}
