//! What a program does with a repository.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use apograph::{
    Backup, CancellationToken, Captured, GapKind, Monitor, Point, PointName, Repository, Target,
    Timeline,
};
use apograph_testing::fixtures::{Fixtures, V1, V2};
use apograph_testing::stage::Stage;

fn in_both_generations(test: fn(Fixtures)) {
    test(V1);
    test(V2);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_point_of_each_range_is_restored() {
    in_both_generations(|fixtures| {
        let stage = Stage::new(fixtures);
        let repository = Repository::open(stage.repository()).unwrap();
        let ranges = repository.restorable();
        let words: Vec<_> = ranges.iter().map(ToString::to_string).collect();
        assert_eq!(words, ["1:7 to 1:40"]);
        assert_eq!(repository.gaps().count(), 0);
        assert_eq!(repository.location().path(), stage.repository());
        for range in ranges {
            let name: PointName = format!("{}:{}", range.timeline, range.to).parse().unwrap();
            let output = stage.path("copy.grafeo");
            let restored = repository
                .restore(Target::Before(name))
                .to(&output)
                .unwrap();
            let point = restored.point.unwrap();
            assert_eq!(point.timeline, Timeline::FIRST);
            assert_eq!(point.epoch.get(), 39);
            assert!(output.exists());
        }
    });
}

#[test]
fn a_dry_run_writes_nothing() {
    in_both_generations(|fixtures| {
        let stage = Stage::new(fixtures);
        let repository = Repository::open(stage.repository()).unwrap();
        let before = names(&stage.path(""));
        let restore = repository.restore(Target::Latest).dry_run();
        let restored = restore.to(stage.path("copy.grafeo")).unwrap();
        assert!(restored.bytes_written > 0);
        assert_eq!(names(&stage.path("")), before);
    });
}

#[test]
fn a_gap_is_told_with_its_cause() {
    in_both_generations(|fixtures| {
        let stage = Stage::new(fixtures);
        fs::remove_file(stage.repository().join("backup_incr_0002.wal")).unwrap();
        let repository = Repository::open(stage.repository()).unwrap();
        let causes: Vec<_> = repository.gaps().map(|gap| gap.cause.to_string()).collect();
        let is_named = |cause: &String| cause.contains("backup_incr_0002.wal");
        assert!(causes.iter().any(is_named), "{causes:?}");
        let verified = repository.verify().run().unwrap();
        assert!(!verified.problems.is_empty());
    });
}

#[test]
fn a_verification_looks_as_deep_as_it_is_told() {
    in_both_generations(|fixtures| {
        let stage = Stage::new(fixtures);
        let repository = Repository::open(stage.repository()).unwrap();
        let verified = repository.verify().run().unwrap();
        assert!(verified.problems.is_empty());
        assert_eq!(verified.commits, 33);
        let verified = repository.verify().checksums_only().run().unwrap();
        assert!(verified.problems.is_empty());
        assert_eq!(verified.commits, 0);
        let first = repository.verify().only_new().record().run().unwrap();
        let second = repository.verify().only_new().record().run().unwrap();
        assert_eq!((first.skipped, second.files), (0, 0));
        assert_eq!(second.skipped, first.files);
    });
}

#[test]
fn what_is_cancelled_leaves_nothing() {
    in_both_generations(|fixtures| {
        let stage = Stage::new(fixtures);
        let before = names(&stage.path(""));
        let token = CancellationToken::default();
        let other = token.clone();
        std::thread::spawn(move || other.cancel()).join().unwrap();

        let repository = Repository::open(stage.repository()).unwrap();
        let restore = repository.restore(Target::Latest).monitor(&token);
        let error = restore.to(stage.path("copy.grafeo")).unwrap_err();
        assert_eq!(error.code(), "interrupted");
        let error = repository.verify().monitor(&token).run().unwrap_err();
        assert_eq!(error.code(), "interrupted");

        let database = stage.repository().join("backup_full_0000.grafeo");
        let backup = Backup::new(database, stage.path("backups")).monitor(&token);
        assert_eq!(backup.run().unwrap_err().code(), "interrupted");
        assert_eq!(names(&stage.path("")), before);
    });
}

/// Counts what it is told of.
#[derive(Default)]
struct Counted(AtomicU64);

impl Monitor for Counted {
    fn advance(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[test]
fn a_closed_database_is_backed_up_and_comes_back() {
    in_both_generations(|fixtures| {
        let stage = Stage::new(fixtures);
        let database = stage.path("people.grafeo");
        fs::copy(
            stage.repository().join("backup_full_0000.grafeo"),
            &database,
        )
        .unwrap();
        let counted = Counted::default();
        let backup = Backup::new(&database, stage.path("backups"));
        let error = backup.clone().existing().run().unwrap_err();
        assert_eq!(error.code(), "not-a-repository");
        let error = backup.clone().incremental().run().unwrap_err();
        assert_eq!(error.code(), "no-full-backup");
        let captured = backup.clone().full().monitor(&counted).run().unwrap();
        let Captured::Added { segments, .. } = captured else {
            panic!("a first backup adds a segment");
        };
        assert!(!segments.is_empty());
        assert!(counted.0.into_inner() > 0);
        let captured = backup.existing().run().unwrap();
        assert!(matches!(captured, Captured::UpToDate { .. }));
        let repository = Repository::open(stage.path("backups")).unwrap();
        assert!(repository.captured_until().is_some());
        assert_eq!(repository.chain().entries().len(), segments.len());
        let output = stage.path("copy.grafeo");
        repository.restore(Target::Latest).to(&output).unwrap();
        assert_eq!(fs::read(output).unwrap(), fs::read(database).unwrap());
    });
}

/// A restore in place: the next backup begins a new timeline, and says from where on it is one.
#[test]
fn a_database_that_was_restored_in_place_is_a_branch() {
    in_both_generations(|fixtures| {
        let stage = Stage::new(fixtures);
        let database = stage.path("people.grafeo");
        let source = Repository::open(stage.repository()).unwrap();
        source.restore(Target::Latest).to(&database).unwrap();
        let backup = Backup::new(&database, stage.path("backups"));
        backup.run().unwrap();
        let repository = Repository::open(stage.path("backups")).unwrap();
        assert_eq!(repository.gaps().count(), 0);
        let ranges = repository.restorable();
        let image = Point::new(ranges[0].timeline, ranges[0].from);
        let last = ranges[ranges.len() - 1];

        fs::remove_file(&database).unwrap();
        fs::remove_dir_all(stage.path("people.grafeo.wal")).unwrap();
        let name: PointName = format!("{}:{}", last.timeline, last.to).parse().unwrap();
        let restore = repository.restore(Target::Before(name));
        restore.to(&database).unwrap();
        let captured = backup.run().unwrap();
        assert!(matches!(captured, Captured::Added { why: Some(_), .. }));

        let repository = Repository::open(stage.path("backups")).unwrap();
        let gaps: Vec<_> = repository.gaps().collect();
        let [gap] = &gaps[..] else {
            panic!("{gaps:?}");
        };
        assert_eq!(gap.cause.kind(), GapKind::Branch);
        assert_eq!(gap.cause.branched_from(), Some(image));
        assert_eq!(gap.after, Some(Point::new(last.timeline, last.to)));
        assert!(repository.verify().run().unwrap().problems.is_empty());
        assert!(matches!(backup.run().unwrap(), Captured::UpToDate { .. }));
    });
}
