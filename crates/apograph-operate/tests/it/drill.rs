//! A drill proves what it says, and leaves nothing behind.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use apograph_operate::{CheckCommand, Context, Drill, Drilled, Repository, Status};
use apograph_repository::manifest::Target;
use apograph_repository::{Pack, copy, init_vault};
use apograph_testing::ended_after::EndedAfter;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::Stage;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

fn drill<'a>(folder: &'a Path, words: &[&str], expect: Option<&str>) -> Drill<'a> {
    let check = (!words.is_empty()).then(|| CheckCommand {
        words: words.iter().map(|&word| word.to_owned()).collect(),
        expect: expect.map(str::to_owned),
        timeout: Duration::from_secs(20),
    });
    Drill {
        target: Target::Latest,
        folder,
        check,
        keep: false,
    }
}

fn run(drill: &Drill<'_>, repository: &Path) -> Drilled {
    drill.run(repository, Context::default()).expect("a drill")
}

/// A folder and a vault of ours, and a folder for drills.
fn places(stage: &Stage) -> [std::path::PathBuf; 3] {
    let [own, vault, place] = [stage.path("own"), stage.path("vault"), stage.path("drills")];
    let from = Repository::open(stage.repository(), Context::default()).expect("opened");
    init_vault(&vault, Context::default()).expect("a vault");
    for to in [&own, &vault] {
        copy(&from, to, Pack::Best, Context::default()).expect("copied");
    }
    fs::create_dir(&place).expect("a folder");
    [own, vault, place]
}

#[test]
fn every_point_of_the_goldens_is_proven_and_nothing_stays() {
    let mut points = 0;
    for fixtures in [V1, V2] {
        for name in [
            "02_chain40",
            "06_transactions",
            "12_crash_in_chain",
            "14_torn_in_chain",
        ] {
            let stage = Stage::of(fixtures, name);
            let [own, vault, place] = places(&stage);
            for repository in [own, vault] {
                let opened = Repository::open(&repository, Context::default()).expect("opened");
                for range in opened.chain().restorable() {
                    for epoch in [range.from, range.to] {
                        let point = apograph_repository::format::Point::new(range.timeline, epoch);
                        let drill = Drill {
                            target: Target::Point(point.into()),
                            ..drill(&place, &[], None)
                        };
                        let drilled = run(&drill, &repository);
                        assert_eq!(drilled.failure, None, "{name} {point}");
                        let opened = Repository::open(&repository, Context::default());
                        let opened = opened.expect("opened");
                        let noted = opened.drilled().expect("a note");
                        assert_eq!((noted.point, &noted.failure), (Some(point), &None));
                        points += 1;
                    }
                }
                assert_eq!(names(&place), [""; 0]);
            }
        }
    }
    assert!(points > 30, "{points}");
}

#[test]
fn a_command_that_fails_or_says_something_else_proves_nothing_and_is_noted() {
    let stage = Stage::of(V2, "03_two_fulls");
    let [own, vault, place] = places(&stage);
    let shell = |script: &'static str| ["sh", "-c", script];
    for repository in [own, vault] {
        let check = |script: &'static str, expect: Option<&str>, failure: Option<&str>| {
            let drilled = run(&drill(&place, &shell(script), expect), &repository);
            let told = drilled.failure.as_deref();
            match failure {
                None => assert_eq!(told, None, "{script}"),
                Some(part) => assert!(told.is_some_and(|it| it.contains(part)), "{told:?}"),
            }
            let opened = Repository::open(&repository, Context::default()).expect("opened");
            assert_eq!(opened.drilled().expect("a note").failure.as_deref(), told);
            let status = Status::of(&opened, None, Context::default()).expect("a status");
            let violations = status.violations(&apograph_operate::Limits::default());
            let is_told = violations.iter().any(|it| it.name() == "drill");
            assert_eq!(is_told, failure.is_some());
            assert_eq!(names(&place), [""; 0]);
        };
        check("test -s '{}'", None, None);
        check("echo 4711 nodes", Some("4711"), None);
        check(
            "echo 4711 nodes",
            Some("4712"),
            Some("does not have `4712`"),
        );
        check(
            "echo it does not open >&2; exit 3",
            None,
            Some("it does not open"),
        );
        check("kill -9 $$", None, Some("signal: 9"));
        // More than a pipe holds.
        let many = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 1";
        check(many, None, Some("failed"));
    }
}

#[test]
fn a_command_that_does_not_end_is_killed_with_all_it_started() {
    let stage = Stage::of(V1, "03_two_fulls");
    let [own, _, place] = places(&stage);
    let said = stage.path("said");
    let script = format!("(sleep 1; echo late > '{}') & sleep 100", said.display());
    let mut drill = drill(&place, &["sh", "-c", &script], None);
    if let Some(check) = &mut drill.check {
        check.timeout = Duration::from_millis(200);
    }
    let drilled = run(&drill, &own);
    let told = drilled.failure.expect("a failure");
    assert!(told.contains("had not ended"), "{told}");
    thread::sleep(Duration::from_millis(1500));
    assert!(!said.exists(), "what it started was killed too");
}

#[test]
fn what_is_kept_no_later_drill_removes_and_what_a_killed_one_left_does() {
    let stage = Stage::of(V1, "03_two_fulls");
    let [own, _, place] = places(&stage);
    let mut first = drill(&place, &[], None);
    first.keep = true;
    let kept = run(&first, &own).kept.expect("a database");
    assert!(kept.exists());
    let left = place.join("apograph-drill-Left1x");
    fs::create_dir(&left).expect("a folder");
    fs::write(left.join("drill.grafeo"), b"left").expect("written");
    run(&drill(&place, &[], None), &own);
    assert!(kept.exists() && !left.exists());
    assert_eq!(names(&place).len(), 1);
}

#[test]
fn damage_that_keeps_a_restore_from_its_end_is_noted() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "03_two_fulls");
        let [own, _, place] = places(&stage);
        let file = own.join("backup_incr_0004.wal");
        let mut bytes = fs::read(&file).expect("a segment");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&file, bytes).expect("damaged");
        let error = drill(&place, &[], None)
            .run(&own, Context::default())
            .expect_err("damage");
        assert_eq!(error.code().as_str(), "corrupt-segment");
        let opened = Repository::open(&own, Context::default()).expect("opened");
        let noted = opened.drilled().expect("a note").failure.clone();
        assert!(noted.expect("a failure").contains("backup_incr_0004.wal"));
        assert_eq!(names(&place), [""; 0]);
    }
}

#[test]
fn what_a_command_leaves_running_is_not_waited_for() {
    let stage = Stage::of(V1, "03_two_fulls");
    let [own, _, place] = places(&stage);
    let begun = Instant::now();
    let script = "echo there; setsid sleep 30 & exit 0";
    let drilled = run(&drill(&place, &["sh", "-c", script], Some("there")), &own);
    assert_eq!(drilled.failure, None);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// One that begins is not taken for one that was left.
#[test]
fn drills_in_one_folder_are_in_nobodys_way() {
    let stage = Stage::of(V1, "03_two_fulls");
    let [own, _, place] = places(&stage);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert_eq!(run(&drill(&place, &[], None), &own).failure, None);
                }
            });
        }
    });
    assert_eq!(names(&place), [""; 0]);
}

/// Also one that has found what it looked for, and has still to note it.
#[test]
fn a_drill_that_is_told_to_end_proves_nothing() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "03_two_fulls");
        let [own, _, place] = places(&stage);
        // So each segment is read once more, for the note.
        fs::remove_file(own.join("apograph.json")).expect("a file");
        for asked in 0.. {
            let monitor = EndedAfter::asked(asked);
            let found = drill(&place, &[], None).run(&own, Context::heard_by(&monitor));
            assert_eq!(names(&place), [""; 0]);
            if !monitor.has_ended() {
                assert!(asked > 10);
                assert_eq!(found.expect("a drill").failure, None);
                break;
            }
            let error = found.expect_err("it is told to end");
            assert_eq!(error.code().as_str(), "interrupted", "{asked}: {error}");
            let opened = Repository::open(&own, Context::default()).expect("opened");
            assert_eq!(opened.drilled(), None, "{asked}");
        }
    }
}
