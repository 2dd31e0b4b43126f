//! What a retention policy promises comes back, what it does not need is gone, and an undo gives all of
//! it back.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use apograph_format::{Code, Epoch, Lsn, Point, PointName, SegmentKind, UnixMillis};
use apograph_io::{Context, Folder, Mode, RealDisk, SystemClock};
use apograph_manifest::{
    Chain, FileName, HISTORY_FILE_NAME, Level, MANIFEST_FILE_NAME, PinName, SegmentContent, Target,
};
use apograph_operate::{Policy, Prune, PruneError, pin_state, undo_prune};
use apograph_repository::vault::store::FolderStore;
use apograph_repository::vault::{
    CATALOG, Catalog, CatalogChange, CatalogSegment, Check, SEGMENTS,
};
use apograph_repository::{Location, Pack, Repository, Writer, copy, init_vault};
use apograph_restore::{Options, VerifyOptions, restore, verify, verify_and_record};
use apograph_testing::scratch::scratch;

use crate::answers::told;
use crate::derived::copy_files;
use crate::hash::hash_of;

const HOUR: u64 = 60 * 60 * 1000;
const DAY: u64 = 24 * HOUR;
/// 2026-01-01T00:00:00Z, a Thursday.
const BEGINNING: u64 = 1_767_225_600_000;

/// A policy, and a repository that it meets.
#[derive(Debug, Clone)]
pub struct PruneCase {
    /// The hours between a capture and the one before it.
    pub hours: Vec<u64>,
    /// The policy.
    pub policy: Policy,
    /// Which segments were verified, by the bits of their indexes.
    pub verified: u64,
    /// Which of the points that can be restored are pinned, by a number of any size.
    pub pinned: Vec<usize>,
    /// Whether it is a repository in a folder, all of which was verified; else it is a vault.
    pub in_folder: bool,
}

impl PruneCase {
    fn is_verified(&self, index: usize) -> bool {
        self.in_folder || self.verified >> (index % 64) & 1 == 1
    }
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneEnd {
    /// It was refused, for a reason.
    Refused(Code),
    /// So many segments went, and so many stayed.
    Pruned(usize, usize),
}

/// Tells the state of a restored database, by its path.
type Reading<'a> = dyn Fn(&Path) -> Result<String, String> + 'a;

/// Tells the bytes of a restored database and its log.
///
/// # Errors
///
/// That of the operating system.
pub fn read_bytes(database: &Path) -> Result<String, String> {
    hash_of(database.parent().unwrap_or(database)).map_err(told)
}

/// Copies a repository into a vault, and prunes that. `read` tells what was restored from it: the same
/// state need not have the same bytes, since another full backup can lead to it.
///
/// # Errors
///
/// What is not as it was promised.
pub fn check_pruned(
    repository: &Path,
    case: &PruneCase,
    read: &Reading<'_>,
) -> Result<PruneEnd, String> {
    let folder = scratch().map_err(told)?;
    let vault = folder.path().join("vault");
    init_vault(&vault, Context::default()).map_err(told)?;
    let from = Repository::open(repository, Context::default()).map_err(told)?;
    copy(&from, &vault, Pack::Best, Context::default()).map_err(told)?;
    spread(&vault, case)?;
    let place = if case.in_folder {
        let place = folder.path().join("repository");
        let from = opened(&Location::from(&vault))?;
        copy(&from, &place, Pack::Best, Context::default()).map_err(told)?;
        verify_and_record(&place, &VerifyOptions::default(), Context::default()).map_err(told)?;
        place
    } else {
        vault
    };
    let at = Location::from(&place);
    let before = opened(&at)?;
    let targets = targets(before.chain());
    if targets.is_empty() {
        return Ok(PruneEnd::Refused(Code::NoFullBackup));
    }
    // A position is not always one at which a commit ends.
    let states: Vec<_> = targets
        .iter()
        .map(|target| state_of(&at, *target, read))
        .collect();
    let mut known = states.iter().map(Result::is_ok);
    let mut targets = targets;
    targets.retain(|_| known.next().unwrap_or_default());
    let states: Vec<String> = states.into_iter().flatten().collect();
    let mut pins = BTreeSet::new();
    for (number, pinned) in case.pinned.iter().enumerate() {
        let target = targets[pinned % targets.len()];
        let name: PinName = format!("pin {number}").parse().map_err(told)?;
        pin_state(&at, &target, &name, Context::default()).map_err(told)?;
        pins.insert(pinned % targets.len());
    }
    // A pin names the state, and its name can need more than the target that it was found by.
    let pinned = opened(&at)?;
    let pinned = pinned.pins().iter().map(|pin| Target::from(pin.state));
    let expected = Expected::of(before.chain(), case, pinned);
    let prune = |grace| {
        let prune = Prune {
            policy: case.policy.clone(),
            grace,
            allow_stale: true,
        };
        prune.apply(&at, Context::default())
    };
    let removed = match prune(Duration::from_secs(24 * 60 * 60)) {
        Err(PruneError::Retention(error)) => {
            let expects_something = case.policy.keeps_something() && expected.is_some();
            return if expects_something {
                Err(told(error))
            } else {
                Ok(PruneEnd::Refused(error.code()))
            };
        }
        other => other.map_err(told)?,
    };
    let expected = expected.ok_or("nothing was verified, and it was pruned")?;
    let kept: Vec<_> = removed.plan.kept().map(|it| it.file.clone()).collect();
    let names = before.chain().entries().iter().map(|it| &it.segment.file);
    let names: Vec<_> = names.collect();
    let should: Vec<_> = expected.kept.iter().map(|it| names[*it].clone()).collect();
    if kept != should {
        return Err(format!("kept {kept:?}, not {should:?}"));
    }
    let promised = promised(before.chain(), &targets, &expected);
    let pins = pins.iter().map(|it| targets[*it].to_string());
    let promised: BTreeSet<_> = promised.into_iter().chain(pins).collect();
    let check_at = |at: &Location, when: &str| {
        let after = opened(at)?;
        let present = after.chain().entries().iter();
        let present: Vec<_> = present.map(|it| it.segment.file.clone()).collect();
        if present != should {
            return Err(format!("{when} there are {present:?}, not {should:?}"));
        }
        if after.chain().restorable() != removed.plan.restorable[1] {
            return Err(format!("{when} other points can be restored than was said"));
        }
        // What is offered is what it was, and what was promised is offered.
        for (target, state) in targets.iter().zip(&states) {
            match state_of(at, *target, read) {
                Ok(found) if found == *state => {}
                Ok(_) => return Err(format!("{when} {target} is another state")),
                Err(error) if promised.contains(&target.to_string()) => {
                    return Err(format!("{when} {target}: {error}"));
                }
                Err(_) => {}
            }
        }
        let verified = verify(at, &VerifyOptions::default(), Context::default()).map_err(told)?;
        let first = verified.problems.first();
        first.map_or(Ok(()), |it| Err(format!("{when} {}", it.detail)))
    };
    let check = |when: &str| {
        check_at(&at, when)?;
        if case.in_folder {
            check_derived(&place, &|copy, how| {
                check_at(&copy.into(), &format!("{when}, {how},"))
            })?;
        }
        Ok::<_, String>(())
    };
    check("pruned")?;
    let back = undo_prune(&at, Context::default()).map_err(told)?;
    let now = opened(&at)?;
    if back.segments.len() != removed.removal.segments.len()
        || files(&now) != files(&before)
        || now.chain().restorable() != before.chain().restorable()
        || self::states(&at, &targets, read)? != states
    {
        return Err("an undo does not give back what was there".to_owned());
    }
    prune(Duration::ZERO).map_err(told)?;
    check("deleted")?;
    let objects = files_of_segments(&place)?;
    if objects != should.len() {
        return Err(format!("{objects} objects of {} segments", should.len()));
    }
    match undo_prune(&at, Context::default()) {
        Err(PruneError::UndoTooLate) if !removed.removal.segments.is_empty() => {}
        Ok(back) if back.segments.is_empty() && removed.removal.segments.is_empty() => {}
        other => return Err(format!("an undo that came too late: {other:?}")),
    }
    Ok(PruneEnd::Pruned(names.len() - should.len(), should.len()))
}

fn files(repository: &Repository) -> Vec<FileName> {
    let entries = repository.chain().entries().iter();
    entries.map(|entry| entry.segment.file.clone()).collect()
}

/// How many files or objects of segments there are.
fn files_of_segments(place: &Path) -> Result<usize, String> {
    let objects = place.join(SEGMENTS);
    let folder = if objects.exists() { &objects } else { place };
    let names = std::fs::read_dir(folder).map_err(told)?.flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names
        .filter(|name| name.contains("full") || name.contains("incr"))
        .count())
}

/// Looks at a repository in a folder without `apograph.json`, and after a rebuild of its manifest.
fn check_derived(
    repository: &Path,
    check: &dyn Fn(&Path, &str) -> Result<(), String>,
) -> Result<(), String> {
    let folder = scratch().map_err(told)?;
    let copy = folder.path().join("copy");
    copy_files(repository, &copy).map_err(told)?;
    // It may not be there.
    let _ = std::fs::remove_file(copy.join(HISTORY_FILE_NAME));
    check(&copy, "without apograph.json")?;
    std::fs::remove_file(copy.join(MANIFEST_FILE_NAME)).map_err(told)?;
    let opened = Folder::open(&copy).map_err(told)?;
    Writer::lock(&opened, Context::default())
        .and_then(|writer| writer.rebuild())
        .map_err(told)?;
    check(&copy, "rebuilt")
}

fn opened(at: &Location) -> Result<Repository, String> {
    Repository::open(at, Context::default()).map_err(told)
}

/// Gives the segments of a vault the times of a case, and what it says of verifications.
fn spread(vault: &Path, case: &PruneCase) -> Result<(), String> {
    let folder = Folder::open(vault).map_err(told)?;
    let store = FolderStore::new(&RealDisk, folder, Mode::PRIVATE);
    let catalog = Catalog::open(&store, &SystemClock, "").map_err(told)?;
    let mut segments = Vec::new();
    let settings = catalog.read(&mut |segment| {
        if let CatalogSegment::Live(segment) = segment {
            segments.push(segment);
        }
        Ok(())
    });
    settings.map_err(told)?;
    let (mut at, mut before, mut hours) = (BEGINNING, None, case.hours.iter().cycle());
    for (index, segment) in segments.iter_mut().enumerate() {
        // What was captured at once stays so.
        let captured = segment.record.segment.created_at;
        if before != Some(captured) {
            at += hours.next().copied().unwrap_or(1) * HOUR;
        }
        before = Some(captured);
        segment.record.segment.created_at = UnixMillis::new(at);
        if case.is_verified(index) {
            segment.check = Some(Check::sound(UnixMillis::new(at), Level::Frames));
        }
    }
    std::fs::remove_dir_all(vault.join(CATALOG)).map_err(told)?;
    let changes = CatalogChange::additions(segments, None);
    Catalog::create(&store, &SystemClock, "", &changes).map_err(told)?;
    Ok(())
}

/// Every point that can be restored, or the ends of what can be.
fn targets(chain: &Chain) -> Vec<Target> {
    let points = chain.restorable().into_iter().flat_map(|range| {
        let epochs = range.from.get()..=range.to.get();
        epochs.map(move |epoch| Target::Point(Point::new(range.timeline, Epoch::new(epoch)).into()))
    });
    let ends = chain.restorable_lsns().into_iter();
    let ends = ends.flat_map(|range| [range.from, range.to]);
    // A position can be in several timelines.
    let ends = ends.map(|lsn: Lsn| Target::Lsn(lsn));
    let ends = ends.filter(|target| chain.plan(target).is_ok());
    points.chain(ends).collect()
}

fn states(at: &Location, targets: &[Target], read: &Reading<'_>) -> Result<Vec<String>, String> {
    targets
        .iter()
        .map(|target| state_of(at, *target, read))
        .collect()
}

/// What a target restores to.
fn state_of(at: &Location, target: Target, read: &Reading<'_>) -> Result<String, String> {
    let folder = scratch().map_err(told)?;
    let output = folder.path().join("out.grafeo");
    restore(at, &output, &Options::to(target), Context::default()).map_err(told)?;
    read(&output)
}

/// What stays, as the documents say it.
struct Expected {
    /// The entries.
    kept: BTreeSet<usize>,
    /// The first of those from which on all stay.
    all_from: usize,
}

impl Expected {
    /// What stays; `None` where nothing may go.
    fn of(chain: &Chain, case: &PruneCase, pins: impl Iterator<Item = Target>) -> Option<Self> {
        let entries = chain.entries();
        let all = entries.len();
        let time = |index: usize| entries[index].segment.created_at.get();
        let fulls: Vec<usize> = (0..all)
            .filter(|index| entries[*index].segment.kind == SegmentKind::Full)
            .filter(|index| chain.state_of(*index).is_some())
            .collect();
        let mut kept = BTreeSet::new();
        // A full backup leads to the newest commit where that can be restored without all before it.
        let latest = chain.plan(&Target::Latest).ok()?.point;
        let leads = |full: &&usize| {
            let alone = chain.keeping(|index| index >= **full);
            let plan = alone.plan(&Target::Latest);
            plan.is_ok_and(|plan| plan.point == latest && plan.full == 0)
                || alone.bases_of_latest().next() == Some(0)
        };
        let verified = fulls.iter().rev().filter(|full| case.is_verified(**full));
        let newest = verified.clone().find(leads)?;
        let mut all_from = *newest;
        let end = (0..all).map(time).max()?;
        if let Some(within) = case.policy.within {
            let window = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
            let from = end.saturating_sub(window);
            let first = (0..all).find(|index| time(*index) > from).unwrap_or(all);
            let before = fulls.iter().rev().find(|full| {
                let state = chain.state_of(**full).unwrap_or(0..usize::MAX);
                state.end <= first
            });
            all_from = all_from.min(before.copied().unwrap_or(0));
        }
        kept.extend(all_from..all);
        let month = |at: u64| {
            // 2026 and 2027 have the same months.
            let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            let mut day = (at - BEGINNING) / DAY;
            let months = lengths.iter().cycle().take_while(|length| {
                let is_over = day >= **length;
                day = day.saturating_sub(**length);
                is_over
            });
            months.count() as u64
        };
        let periods: [(usize, &dyn Fn(u64) -> u64); 3] = [
            (case.policy.daily, &|at| at / DAY),
            (case.policy.weekly, &|at| (at / DAY + 3) / 7),
            (case.policy.monthly, &month),
        ];
        let mut states: Vec<usize> = fulls.iter().rev().take(case.policy.last).copied().collect();
        for (count, period) in periods {
            let mut last: Vec<usize> = Vec::new();
            for full in fulls.iter().rev() {
                let of = period(time(*full));
                if last.iter().all(|other| period(time(*other)) != of) {
                    last.push(*full);
                }
            }
            states.extend(last.into_iter().take(count));
        }
        for full in states {
            kept.extend(chain.closed(chain.state_of(full)?));
        }
        for pin in pins {
            let plan = chain.plan(&pin).ok()?;
            let state = chain.state_of(plan.full)?;
            let end = plan
                .increments
                .last()
                .map_or(state.end, |last| state.end.max(last + 1));
            kept.extend(chain.closed(plan.full..end));
        }
        Some(Self { kept, all_from })
    }
}

/// What has to be restorable then: every state of the time in which all stays, and each full backup that
/// stays.
fn promised(chain: &Chain, targets: &[Target], expected: &Expected) -> BTreeSet<String> {
    let has = |index: usize, point: Point| match &chain.entries()[index].content {
        Some(SegmentContent::Increment(increment)) if !increment.repeats => {
            let mut spans = increment.stretches.iter();
            spans.any(|it| it.timeline == point.timeline && it.epochs.contains(point.epoch.get()))
        }
        _ => false,
    };
    let states = expected.kept.iter().filter_map(|full| {
        let state = chain.state_of(*full)?;
        chain
            .keeping(|index| state.contains(&index))
            .plan(&Target::Latest)
            .ok()?
            .point
    });
    let states: Vec<Point> = states.collect();
    let all = expected.all_from..chain.entries().len();
    // What an image may hold already is not asked of the log in front of it.
    let is_promised = |target: &&Target| match target {
        Target::Point(PointName {
            timeline: Some(timeline),
            epoch,
            ..
        }) => {
            let point = Point::new(*timeline, *epoch);
            states.contains(&point) || all.clone().skip(2).any(|index| has(index, point))
        }
        _ => false,
    };
    targets
        .iter()
        .filter(is_promised)
        .map(ToString::to_string)
        .collect()
}
