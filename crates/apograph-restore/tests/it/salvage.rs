//! What is left of a repository, whatever bytes of it are destroyed: as much as is whole before the
//! first damage, and what is said of the rest is true.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use apograph_format::{Epoch, Point, RangeSet, SegmentKind, Timeline, UnixMillis, log_folder};
use apograph_io::{Context, Folder, RealDisk, Threads};
use apograph_manifest::{FileName, Target};
use apograph_repository::{IncrementFile, Pack, Repository, copy, init_vault, read_log};
use apograph_restore::wal::{PlacedEvent, Run, TimelineState};
use apograph_restore::{
    Commit, Logged, Options, RestoreError, Salvaged, VerifyOptions, commits, restore, salvage,
    verify_and_record,
};
use apograph_testing::clock::ManualClock;
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};
use tempfile::tempdir;

/// So many bytes are destroyed at a time.
const DAMAGE_BYTES: usize = 7;
/// The header of a segment, and that of a log file in it.
const HEADER_BYTES: usize = 96;

fn at(clock: &ManualClock) -> Context<'_> {
    Context {
        disk: &RealDisk,
        clock,
        ..Context::default()
    }
}

/// What a sound repository holds.
struct Sound {
    name: String,
    files: Vec<(String, SegmentKind)>,
    commits: Vec<Commit>,
    /// Where the groups of each file end in it, by where they begin.
    ends: Vec<BTreeMap<u64, usize>>,
    /// The index of the last full backup.
    base: usize,
}

impl Sound {
    fn of(name: &str, repository: &Path) -> Self {
        let opened = Repository::open(repository, Context::default()).expect("a repository");
        let entries = opened.chain().entries().iter();
        let files: Vec<_> = entries
            .map(|entry| (entry.segment.file.to_string(), entry.segment.kind))
            .collect();
        let ends = files.iter().map(|(name, kind)| match kind {
            SegmentKind::Full => BTreeMap::new(),
            SegmentKind::Incremental => ends_in(&repository.join(name)),
        });
        let ends = ends.collect();
        let mut all = Vec::new();
        commits(&opened, false, Context::default(), |logged| {
            if let Logged::Commit(commit) = logged {
                all.push(commit);
            }
            Ok::<(), RestoreError>(())
        })
        .expect("commits");
        let is_full = |(_, kind): &(String, SegmentKind)| *kind == SegmentKind::Full;
        let base = files.iter().rposition(is_full).expect("a full backup");
        Self {
            name: name.to_owned(),
            files,
            commits: all,
            ends,
            base,
        }
    }

    fn in_file(&self, index: usize) -> Vec<&Commit> {
        let (name, _) = &self.files[index];
        let commits = self.commits.iter();
        commits.filter(|it| it.segment.as_str() == name).collect()
    }

    /// How many commits the files from one to before another have.
    fn between(&self, from: usize, to: usize) -> u64 {
        (from..to)
            .map(|index| self.in_file(index).len() as u64)
            .sum()
    }

    /// The last full backup before one.
    fn base_before(&self, index: usize) -> Option<usize> {
        let before = self.files[..index].iter();
        before
            .clone()
            .rposition(|(_, kind)| *kind == SegmentKind::Full)
    }
}

/// Where the groups in an increment end, by where they begin.
fn ends_in(path: &Path) -> BTreeMap<u64, usize> {
    let (folder, name) = Folder::holding(path).expect("a folder");
    let file = IncrementFile::open(folder.at(name)).expect("an increment");
    let parts = file.parts(0);
    let mut ends = BTreeMap::new();
    let state = TimelineState::at(Point::new(Timeline::FIRST, Epoch::new(0)));
    read_log(&parts, state, &Threads::default(), |event| {
        if let PlacedEvent::Group(group, _) = event {
            let end = |run: Run| place(parts[run.part].file_offset) + run.end;
            let end = group.runs().map(end).max().expect("a run");
            ends.insert(group.file_offset(), end);
        }
        Ok(())
    })
    .expect("a log");
    ends
}

/// Salvages to a fresh place, and compares what comes with the state of the sound repository: each of
/// its files is the front of the file there.
fn salvaged(
    repository: &Path,
    sound: &Path,
    clock: &ManualClock,
) -> Result<(Salvaged, Vec<Commit>), RestoreError> {
    let folder = tempdir().expect("a folder");
    let output = folder.path().join("out.grafeo");
    let mut past = Vec::new();
    let salvaged = salvage(
        repository,
        &output,
        at(clock),
        |commit, _| {
            past.push(commit);
            Ok(())
        },
        |_| Ok(()),
    );
    let Ok(salvaged) = salvaged else {
        let left = fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0, "nothing is written where nothing is salvaged");
        return Err(salvaged.expect_err("no result"));
    };
    let same_base = fs::read(&output).ok() == fs::read(sound).ok();
    let files = |database: &Path| -> Vec<PathBuf> {
        let found = fs::read_dir(log_folder(database));
        let files = found
            .into_iter()
            .flatten()
            .map(|it| it.expect("a file").path());
        files.collect()
    };
    for file in files(&output).iter().filter(|_| same_base) {
        let whole = log_folder(sound).join(file.file_name().expect("a name"));
        let whole = fs::read(whole).expect("the same file");
        let bytes = fs::read(file).expect("a file");
        assert!(whole.starts_with(&bytes), "{}", file.display());
    }
    Ok((salvaged, past))
}

/// What is destroyed from a byte of a segment on.
fn check(
    sound: &Sound,
    index: usize,
    offset: usize,
    outcome: Result<(Salvaged, Vec<Commit>), RestoreError>,
) {
    let (name, kind) = &sound.files[index];
    let told = format!("{} {name}+{offset}", sound.name);
    let base = match kind {
        SegmentKind::Full if index == sound.base => {
            let Some(base) = sound.base_before(index) else {
                assert!(outcome.is_err(), "{told}: nothing to begin with");
                return;
            };
            base
        }
        _ => sound.base,
    };
    let (salvaged, past) = outcome.unwrap_or_else(|error| panic!("{told}: {error}"));
    let restored = &salvaged.restored;
    // Where the header of the increment after a full backup is lost, nothing says whether that is a
    // state by itself: an earlier one may be, or none.
    let before = sound
        .base_before(base)
        .map(|before| sound.files[before].0.as_str());
    let is_header = index == base + 1 && offset < HEADER_BYTES;
    if is_header && (before == Some(restored.full.file.as_str()) || !salvaged.is_exact) {
        return;
    }
    assert_eq!(restored.full.file.as_str(), sound.files[base].0, "{told}");
    if index < base {
        assert_eq!(salvaged.gap, None, "{told}");
        assert_eq!(
            restored.commits,
            sound.between(base, sound.files.len()),
            "{told}"
        );
        assert!(past.is_empty() && salvaged.left_out.is_empty(), "{told}");
        return;
    }
    let gap = salvaged
        .gap
        .as_ref()
        .unwrap_or_else(|| panic!("{told}: a gap"));
    assert_eq!(gap.after, restored.point, "{told}");
    let file = gap.cause.as_ref().and_then(|cause| cause.file());
    assert_eq!(file.map(FileName::as_str), Some(name.as_str()), "{told}");
    let before = sound.between(base, index);
    let own = sound.in_file(index);
    let kept = restored.commits - before;
    let first = own
        .first()
        .map_or(usize::MAX, |commit| place(commit.offset));
    if *kind == SegmentKind::Full {
        assert_eq!(kept, 0, "{told}");
    } else if offset >= first {
        let is_whole = |commit: &&&Commit| sound.ends[index][&commit.offset] <= offset;
        let whole: Vec<_> = own.iter().filter(is_whole).collect();
        assert_eq!(kept, whole.len() as u64, "{told}");
    }
    // Of the epochs up to its point none is missing, or it has no name.
    let mut epochs = RangeSet::new();
    for commit in own
        .iter()
        .take(place(kept))
        .filter(|commit| commit.own_epoch)
    {
        epochs.insert(commit.point.epoch.get());
    }
    let lowest = own
        .iter()
        .map(|commit| commit.point.epoch.get())
        .min()
        .unwrap_or_default();
    let is_whole = epochs
        .last()
        .is_none_or(|last| epochs.missing_in(lowest, last).next().is_none());
    assert!(salvaged.is_exact || !is_whole, "{told}");
    // Its last commit is the one that the sound repository has there.
    if let (Some(last), Some(point)) = (kept.checked_sub(1), restored.point) {
        let own = own[..=place(last)].iter().map(|commit| commit.point);
        assert_eq!(Some(point), own.max(), "{told}");
    }
    let left: Vec<_> = salvaged
        .left_out
        .iter()
        .map(|it| it.segment.file.as_str())
        .collect();
    let rest: Vec<_> = sound.files[index..]
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(left, rest, "{told}");
    assert_eq!(salvaged.left_out[0].kept, kept, "{told}");
    assert!(salvaged.left_out[0].unusable.is_some(), "{told}");
    // What comes after it is whole, and none of it is used.
    for (number, left) in salvaged.left_out.iter().enumerate().skip(1) {
        assert_eq!((left.kept, left.unusable.as_ref()), (0, None), "{told}");
        let count = sound.in_file(index + number).len() as u64;
        assert_eq!(left.intact, count, "{told}: {}", left.segment.file);
    }
    let intact: u64 = salvaged.left_out.iter().map(|it| it.intact).sum();
    assert_eq!(past.len() as u64, intact, "{told}");
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("a place")
}

/// Destroys the bytes of each segment, a few at a time, and puts them back.
fn matrix(fixtures: Fixtures, name: &str, is_recorded: bool) {
    let stage = Stage::of(fixtures, name);
    let repository = stage.repository();
    let truth = Sound::of(name, &repository);
    let clock = ManualClock::at(truth_time(&repository));
    if is_recorded {
        let options = VerifyOptions {
            only_new: true,
            ..VerifyOptions::default()
        };
        verify_and_record(&repository, &options, Context::default()).expect("verified");
    }
    let sound = stage.path("sound.grafeo");
    restore(
        &repository,
        &sound,
        &Options::to(Target::Latest),
        at(&clock),
    )
    .expect("restored");
    for (index, (file, kind)) in truth.files.iter().enumerate() {
        let path = repository.join(file);
        let bytes = fs::read(&path).expect("a segment");
        // A full backup is mostly padding.
        let step = match kind {
            SegmentKind::Full => bytes.len() / 3,
            SegmentKind::Incremental => (bytes.len() / 19).max(5),
        };
        for offset in (0..bytes.len()).step_by(step) {
            let mut damaged = bytes.clone();
            let end = (offset + DAMAGE_BYTES).min(damaged.len());
            damaged[offset..end]
                .iter_mut()
                .for_each(|byte| *byte ^= 0x5a);
            fs::write(&path, damaged).expect("written");
            check(&truth, index, offset, salvaged(&repository, &sound, &clock));
        }
        fs::remove_file(&path).expect("removed");
        check(&truth, index, 0, salvaged(&repository, &sound, &clock));
        fs::write(&path, bytes).expect("written");
    }
    let (whole, past) = salvaged(&repository, &sound, &clock).expect("salvaged");
    assert_eq!((whole.gap, past.len()), (None, 0));
}

fn truth_time(repository: &Path) -> UnixMillis {
    let opened = Repository::open(repository, Context::default()).expect("a repository");
    opened.chain().covered_until().expect("a time")
}

fn matrices(fixtures: Fixtures, names: &[&str]) {
    for name in names {
        for is_recorded in [false, true] {
            matrix(fixtures, name, is_recorded);
        }
    }
}

#[test]
fn whatever_is_destroyed_all_that_is_whole_before_it_comes_back() {
    matrices(
        V1,
        &[
            "02_chain40",
            "03_two_fulls",
            "12_crash_in_chain",
            "13_close_in_chain",
        ],
    );
}

/// Epochs out of order: what is whole may be no state that was.
#[test]
fn of_commits_out_of_order_it_is_said_that_lower_ones_are_missing() {
    matrices(V1, &["15_concurrent_incr"]);
}

#[test]
fn whatever_is_destroyed_of_generation_2_all_that_is_whole_before_it_comes_back() {
    matrices(
        V2,
        &[
            "02_chain40",
            "03_two_fulls",
            "12_crash_in_chain",
            "13_close_in_chain",
            "18_sync_markers",
        ],
    );
}

/// Of a vault whose objects are packed nothing is used of one that is damaged.
#[test]
fn a_vault_is_salvaged_up_to_the_damaged_object() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let vault = stage.path("vault");
        init_vault(&vault, Context::default()).expect("a vault");
        let folder = Repository::open(stage.repository(), Context::default()).expect("opened");
        copy(&folder, &vault, Pack::Best, Context::default()).expect("copied");
        let objects = vault.join("segments");
        let mut names: Vec<_> = fs::read_dir(&objects)
            .expect("a folder")
            .map(|it| it.expect("a file").path())
            .collect();
        names.sort();
        let third = names
            .iter()
            .find(|name| name.to_string_lossy().contains("3-incr"));
        let third = third.unwrap_or(&names[2]);
        let mut bytes = fs::read(third).expect("an object");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x5a;
        fs::write(third, bytes).expect("written");
        let output = stage.path("out.grafeo");
        let found = salvage(
            &vault,
            &output,
            Context::default(),
            |_, _| Ok(()),
            |_| Ok(()),
        )
        .expect("salvaged");
        assert!(found.gap.is_some());
        assert_eq!(found.left_out[0].kept, 0);
        assert!(output.exists());
    }
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let stage = Stage::new(V1);
    fs::remove_file(stage.repository().join(SEGMENTS[2])).expect("a file");
    let output = stage.path("out.grafeo");
    fs::write(&output, "mine").expect("written");
    let error = salvage(
        stage.repository(),
        &output,
        Context::default(),
        |_, _| Ok(()),
        |_| Ok(()),
    );
    assert_eq!(error.expect_err("refused").code().as_str(), "output-exists");
    assert_eq!(fs::read(&output).expect("a file"), b"mine");
}

/// Who does not want what came of it gets nothing.
#[test]
fn what_is_not_accepted_does_not_appear() {
    let stage = Stage::new(V1);
    let output = stage.path("out.grafeo");
    let refuse = |_: &Salvaged| Err(RestoreError::from(apograph_io::IoError::Interrupted));
    let refused = salvage(
        stage.repository(),
        &output,
        Context::default(),
        |_, _| Ok(()),
        refuse,
    );
    refused.expect_err("refused");
    assert!(!output.exists() && !log_folder(&output).exists());
}
