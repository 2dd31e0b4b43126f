//! What a repository says of itself, and what passes a limit.

use std::fs;
use std::time::Duration;

use apograph_operate::capture::{Pending, PendingOf};
use apograph_operate::{Context, Exposition, Limits, Repository, Status, Violation};
use apograph_repository::format::UnixMillis;
use apograph_repository::io::RealDisk;
use apograph_repository::manifest::Level;
use apograph_repository::{Pack, copy, init_vault};
use apograph_restore::{VerifyOptions, verify_and_record};
use apograph_testing::clock::ManualClock;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::Stage;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn at(clock: &ManualClock) -> Context<'_> {
    Context {
        disk: &RealDisk,
        clock,
        ..Context::default()
    }
}

fn names(status: &Status, limits: &Limits) -> Vec<&'static str> {
    let violations = status.violations(limits);
    violations.iter().map(Violation::name).collect()
}

/// The figures as Prometheus reads them.
fn metrics(status: &Status, repository: &str) -> String {
    let mut out = Exposition::default();
    out.about(&[("repository", repository)]);
    status.expose(&mut out, &Limits::default());
    out.text()
}

/// So long after the last capture of a repository.
fn later(repository: &Repository, time: Duration) -> ManualClock {
    let until = repository.chain().covered_until().expect("something");
    let clock = ManualClock::at(until);
    clock.pass(time);
    clock
}

#[test]
fn the_figures_are_those_of_the_segments_in_a_folder_and_in_a_vault() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "03_two_fulls");
        let vault = stage.path("vault");
        init_vault(&vault, Context::default()).expect("a vault");
        let from = Repository::open(stage.repository(), Context::default()).expect("opened");
        copy(&from, &vault, Pack::Best, Context::default()).expect("copied");
        let entries = from.chain().entries();
        for place in [stage.repository(), vault] {
            let repository = Repository::open(&place, Context::default()).expect("opened");
            let clock = later(&repository, HOUR);
            let status = Status::of(&repository, None, at(&clock)).expect("a status");
            assert_eq!(status.lag(), Some(HOUR));
            assert_eq!(status.restorable, from.chain().restorable());
            let totals = status.totals;
            assert_eq!(totals.fulls + totals.increments, entries.len() as u64);
            assert_eq!(totals.fulls, 2);
            let sizes = entries.iter().map(|entry| entry.segment.size_bytes);
            assert_eq!(totals.bytes, sizes.sum::<u64>());
            // All of it is of one day.
            assert_eq!(status.growth_bytes_a_day, totals.bytes);
            assert!(totals.stored_bytes > 0 && totals.stored_bytes <= totals.bytes);
            assert!(status.restore_bytes.expect("restorable") < totals.bytes);
            assert!(status.free_bytes.expect("a folder") > 0);
            let newest = status.newest.expect("a commit");
            let last = status.restorable.last().expect("a range");
            assert_eq!(newest.point.expect("a point").epoch, last.to);
            assert_eq!(newest.committed_at.is_some(), fixtures == V2);
            let last_full = entries
                .iter()
                .rfind(|entry| entry.segment.file.as_str().contains("full"));
            assert_eq!(
                status.last_full,
                last_full.map(|entry| entry.segment.created_at)
            );
        }
    }
}

#[test]
fn each_limit_is_passed_when_its_time_is_over_and_not_before() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "03_two_fulls");
        let repository = Repository::open(stage.repository(), Context::default()).expect("opened");
        let first = repository.chain().entries()[0].segment.created_at;
        let full = Status::of(&repository, None, Context::default()).expect("a status");
        let full = full.last_full.expect("a full backup");
        let clock = later(&repository, HOUR);
        let status = Status::of(&repository, None, at(&clock)).expect("a status");
        assert_eq!(names(&status, &Limits::default()), [""; 0]);
        let of = |time: UnixMillis| Duration::from_millis(status.now.get() - time.get());
        let exact = Limits {
            lag: Some(HOUR),
            age: Some(of(full)),
            unverified: Some(of(first)),
        };
        assert_eq!(names(&status, &exact), [""; 0]);
        let less = |limit: Option<Duration>| limit?.checked_sub(Duration::from_millis(1));
        let passed = Limits {
            lag: less(exact.lag),
            age: less(exact.age),
            unverified: less(exact.unverified),
        };
        assert_eq!(names(&status, &passed), ["lag", "age", "unverified"]);
    }
}

/// A repository in which nothing is passes every limit there is.
#[test]
fn without_a_backup_every_limit_is_passed() {
    let folder = tempfile::tempdir().expect("a folder");
    let vault = folder.path().join("vault");
    init_vault(&vault, Context::default()).expect("a vault");
    let repository = Repository::open(&vault, Context::default()).expect("opened");
    let status = Status::of(&repository, None, Context::default()).expect("a status");
    assert_eq!(names(&status, &Limits::default()), [""; 0]);
    let any = Some(HOUR);
    let limits = Limits {
        lag: any,
        age: any,
        unverified: any,
    };
    assert_eq!(names(&status, &limits), ["lag", "age", "unverified"]);
    let told = status.violations(&limits);
    assert_eq!(told[0].to_string(), "there is no backup");
}

#[test]
fn what_is_pending_says_how_long_it_has_been() {
    let stage = Stage::of(V2, "03_two_fulls");
    let repository = Repository::open(stage.repository(), Context::default()).expect("opened");
    let clock = later(&repository, HOUR);
    let now = at(&clock).clock.now();
    let minutes = |count: u64| UnixMillis::new(now.get() - count * 60_000);
    let commits = |since| PendingOf::Commits {
        commits: 3,
        bytes: 99,
        since,
    };
    let unknown = PendingOf::Unknown {
        why: "no proof".to_owned(),
    };
    for (of, lag) in [
        (PendingOf::Nothing, 0),
        (commits(Some(minutes(7))), 7 * 60),
        // Its clock was set: it was made after somebody looked, and not in time to come.
        (commits(Some(minutes(61))), 3600),
        (commits(Some(UnixMillis::new(now.get() + 1))), 3600),
        (commits(None), 3600),
        (unknown, 3600),
    ] {
        let pending = Pending {
            of: of.clone(),
            looked_at: now,
            log_bytes: 1234,
        };
        let status = Status::of(&repository, Some(pending), at(&clock)).expect("a status");
        assert_eq!(status.lag(), Some(Duration::from_secs(lag)), "{of:?}");
        let told = metrics(&status, "r");
        assert!(told.contains("\napograph_log_bytes{repository=\"r\"} 1234\n"));
        let known = told.contains("\napograph_pending_commits{");
        assert_eq!(known, !matches!(of, PendingOf::Unknown { .. }));
    }
}

#[test]
fn a_time_that_lies_ahead_is_told_without_a_limit() {
    let stage = Stage::of(V1, "03_two_fulls");
    let repository = Repository::open(stage.repository(), Context::default()).expect("opened");
    let until = repository.chain().covered_until().expect("something");
    for (minutes, expected) in [(5, &[""; 0][..]), (6, &["ahead"])] {
        let clock = ManualClock::at(UnixMillis::new(until.get() - minutes * 60_000));
        let status = Status::of(&repository, None, at(&clock)).expect("a status");
        assert_eq!(names(&status, &Limits::default()), expected);
        assert_eq!(status.lag(), Some(Duration::ZERO));
    }
}

#[test]
fn what_was_verified_counts_from_then_on_and_damage_is_told() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "03_two_fulls");
        // Where the engine alone has written nothing is noted.
        let own = stage.path("own");
        let from = Repository::open(stage.repository(), Context::default()).expect("opened");
        copy(&from, &own, Pack::Best, Context::default()).expect("copied");
        // A file that is younger than the clock is not known by its time.
        let clock = ManualClock::at(Context::default().clock.now());
        clock.pass(10 * HOUR);
        let options = VerifyOptions {
            level: Level::Files,
            only_new: false,
        };
        let verify = || {
            let found = verify_and_record(&own, &options, at(&clock));
            found.expect("verified").problems.len()
        };
        assert_eq!(verify(), 0);
        clock.pass(HOUR);
        let open = || Repository::open(&own, Context::default()).expect("opened");
        let status = Status::of(&open(), None, at(&clock)).expect("a status");
        let limits = Limits {
            unverified: Some(2 * HOUR),
            ..Limits::default()
        };
        assert_eq!(names(&status, &limits), [""; 0]);
        clock.pass(2 * HOUR);
        let status = Status::of(&open(), None, at(&clock)).expect("a status");
        assert_eq!(names(&status, &limits), ["unverified"]);

        let file = own.join("backup_incr_0001.wal");
        let mut bytes = fs::read(&file).expect("a segment");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&file, bytes).expect("damaged");
        assert!(verify() > 0);
        let status = Status::of(&open(), None, at(&clock)).expect("a status");
        assert_eq!(names(&status, &Limits::default()), ["damaged"]);
        let told = metrics(&status, "a \"b\"\\\n");
        let label = r#"apograph_alert{repository="a \"b\"\\\n",alert="damaged"} 1"#;
        assert!(told.lines().any(|line| line == label), "{told}");
    }
}

/// Each line is a comment or a sample, and no metric comes twice.
#[test]
fn the_figures_for_prometheus_are_well_formed() {
    let stage = Stage::of(V2, "03_two_fulls");
    let repository = Repository::open(stage.repository(), Context::default()).expect("opened");
    let status = Status::of(&repository, None, Context::default()).expect("a status");
    let text = metrics(&status, "r");
    let (mut metrics, mut last) = (Vec::new(), "");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            last = rest.split(' ').next().expect("a name");
            assert!(!metrics.contains(&last), "{last} twice");
            metrics.push(last);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert_eq!(rest, format!("{last} gauge"));
        } else {
            let (name, rest) = line.split_once('{').expect("labels");
            let (_, value) = rest.split_once("} ").expect("a value");
            assert_eq!(name, last);
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(metrics.len() > 12 && text.ends_with('\n'));
}

#[test]
fn a_latest_state_that_cannot_be_restored_is_told_and_is_no_full_backup() {
    for (fixtures, lost) in [
        (V1, "backup_full_0003.grafeo"),
        (V2, "backup_incr_0004.wal"),
    ] {
        let stage = Stage::of(fixtures, "03_two_fulls");
        let open = || Repository::open(stage.repository(), Context::default()).expect("opened");
        let status = || Status::of(&open(), None, Context::default()).expect("a status");
        let before = status();
        assert_eq!(names(&before, &Limits::default()), [""; 0]);
        fs::remove_file(stage.repository().join(lost)).expect("removed");
        let after = status();
        assert_eq!(names(&after, &Limits::default()), ["unrestorable"]);
        assert_eq!(after.last_full == before.last_full, !lost.contains("full"));
    }
}
