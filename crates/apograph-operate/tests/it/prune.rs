//! What a prune refuses, what it keeps for others, and pins.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apograph_operate::{
    Context, PinError, Policy, Prune, PruneError, Repository, RetentionError, Rule, pin_state,
    undo_prune,
};
use apograph_repository::format::{Code, PointName};
use apograph_repository::io::RealDisk;
use apograph_repository::manifest::{GapKind, Hole, PinName, Target};
use apograph_repository::{Lease, Location, Pack, copy, init_vault, unpin};
use apograph_restore::{Options, VerifyOptions, restore, verify_and_record};
use apograph_testing::clock::ManualClock;
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::Stage;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A vault of two full backups and what comes after each, not verified.
fn vault(stage: &Stage) -> PathBuf {
    let vault = stage.path("vault");
    init_vault(&vault, Context::default()).expect("a vault");
    let from = Repository::open(stage.repository(), Context::default()).expect("opened");
    copy(&from, &vault, Pack::Best, Context::default()).expect("copied");
    vault
}

fn verified(vault: &Path) {
    let found = verify_and_record(vault, &VerifyOptions::default(), Context::default());
    assert!(found.expect("verified").problems.is_empty());
}

fn opened(vault: &Path) -> Repository {
    Repository::open(vault, Context::default()).expect("opened")
}

fn last(count: usize) -> Prune {
    Prune {
        policy: Policy {
            last: count,
            ..Policy::default()
        },
        grace: DAY,
        allow_stale: true,
    }
}

fn name(text: &str) -> PinName {
    text.parse().expect("a name")
}

fn objects(vault: &Path) -> usize {
    fs::read_dir(vault.join("segments"))
        .expect("objects")
        .count()
}

#[test]
fn nothing_goes_where_nothing_is_proven_or_asked_for() {
    let stage = Stage::of(V1, "03_two_fulls");
    let vault = vault(&stage);
    let at = Location::from(&vault);
    let before = opened(&vault).chain().entries().len();
    let refused = |prune: &Prune| prune.apply(&at, Context::default()).expect_err("refused");
    let error = refused(&last(1));
    assert!(matches!(
        error,
        PruneError::Retention(RetentionError::Unverified)
    ));
    assert_eq!(error.code(), Code::NotVerified);
    verified(&vault);
    assert_eq!(refused(&last(0)).code(), Code::Usage);
    let newest = opened(&vault)
        .chain()
        .entries()
        .last()
        .expect("some")
        .segment
        .created_at;
    let careful = Prune {
        policy: Policy {
            within: Some(DAY * 9999),
            ..Policy::default()
        },
        allow_stale: false,
        ..last(0)
    };
    for (days, is_done) in [(0, true), (6, true), (8, false)] {
        let clock = ManualClock::at(newest);
        clock.pass(DAY * days);
        let context = Context {
            clock: &clock,
            disk: &RealDisk,
            ..Context::default()
        };
        match careful.apply(&at, context) {
            Ok(_) => assert!(is_done, "{days}"),
            Err(error) => assert_eq!((error.code(), is_done), (Code::ClockDoubtful, false)),
        }
    }
    let clock = ManualClock::default();
    let context = Context {
        clock: &clock,
        ..Context::default()
    };
    let error = careful.apply(&at, context).expect_err("of the future");
    assert!(matches!(error, PruneError::Ahead { .. }), "{error}");
    assert_eq!(opened(&vault).chain().entries().len(), before);
}

#[test]
fn what_goes_is_a_gap_that_was_pruned_and_comes_back() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "03_two_fulls");
        let vault = vault(&stage);
        verified(&vault);
        let at = Location::from(&vault);
        let before = opened(&vault);
        let points = before.chain().restorable();
        let first = points[0];
        pin_state(
            &at,
            &Target::Point(PointName {
                timeline: Some(first.timeline),
                epoch: first.from,
                further: None,
            }),
            &name("first"),
            Context::default(),
        )
        .expect("pinned");
        let pruned = last(1).apply(&at, Context::default()).expect("pruned");
        let rules: Vec<_> = pruned
            .plan
            .segments
            .iter()
            .map(|it| it.rules.clone())
            .collect();
        assert_eq!(rules[0], [Rule::Pin(name("first"))]);
        assert!(
            rules.iter().any(Vec::is_empty) && rules.last().expect("some").contains(&Rule::Newest)
        );
        let after = opened(&vault);
        let gaps: Vec<_> = after.chain().gaps().map(|it| it.cause.kind()).collect();
        assert_eq!(gaps, [GapKind::Pruned]);
        let gone = after.chain().plan(&Target::Point(PointName {
            timeline: Some(first.timeline),
            epoch: first.from.next().expect("a number"),
            further: None,
        }));
        if let Err(error) = gone {
            assert_eq!(error.code(), Code::TargetNotCovered);
        }
        // The pin is given up, and the next prune takes what it kept.
        assert!(unpin(&at, &name("first"), Context::default()).expect("unpinned"));
        assert!(!unpin(&at, &name("first"), Context::default()).expect("there is none"));
        last(1).apply(&at, Context::default()).expect("pruned");
        let front = opened(&vault);
        assert_eq!(front.chain().entries()[0].hole, Some(Hole::Pruned));
        assert_eq!(front.chain().gaps().count(), 0);
        let back = undo_prune(&at, Context::default()).expect("brought back");
        assert_eq!(
            back.segments.len(),
            rules.len() - front.chain().entries().len()
        );
        assert_eq!(opened(&vault).chain().entries(), before.chain().entries());
        assert_eq!(
            undo_prune(&at, Context::default())
                .expect("nothing is left")
                .segments,
            []
        );
    }
}

#[test]
fn a_pin_names_its_state_and_a_target_that_is_none_is_refused() {
    let stage = Stage::of(V2, "03_two_fulls");
    let vault = vault(&stage);
    let at = Location::from(&vault);
    let last = opened(&vault).chain().restorable().pop().expect("points");
    let latest = last.to;
    let expected = format!("{}:{latest}+0", last.timeline);
    let pinned = pin_state(&at, &Target::Latest, &name("now"), Context::default());
    assert_eq!(pinned.expect("pinned").to_string(), expected);
    let until = opened(&vault).chain().covered_until().expect("something");
    let by_time = pin_state(&at, &Target::Time(until), &name("now"), Context::default());
    assert_eq!(by_time.expect("pinned").to_string(), expected);
    assert_eq!(opened(&vault).pins().len(), 1);
    let nowhere = Target::Point(PointName {
        timeline: None,
        epoch: latest.next().expect("a number"),
        further: None,
    });
    let error = pin_state(&at, &nowhere, &name("later"), Context::default());
    assert!(matches!(error, Err(PinError::Chain(_))));
    assert_eq!(opened(&vault).pins().len(), 1);
}

/// Who opened the vault before a prune reads what was in it to the end, however short the grace is; and
/// who comes later is not waited for.
#[test]
fn what_somebody_reads_stays() {
    let stage = Stage::of(V1, "03_two_fulls");
    let vault = vault(&stage);
    verified(&vault);
    let at = Location::from(&vault);
    let at_once = Prune {
        grace: Duration::ZERO,
        ..last(1)
    };
    let all = objects(&vault);
    let lease = Lease::take(&at, Context::default());
    let reader = lease.narrow(opened(&vault));
    let pruned = at_once.apply(&at, Context::default()).expect("pruned");
    assert!(!pruned.removal.segments.is_empty());
    assert_eq!((pruned.removal.deleted, objects(&vault)), (0, all));
    let first = &reader.chain().entries()[0].segment;
    reader
        .stored(first, Context::default())
        .expect("it is there");
    // One who comes later has opened what is left.
    let later = Lease::take(&at, Context::default());
    let _ = later.narrow(opened(&vault));
    drop(lease);
    let again = at_once.apply(&at, Context::default()).expect("pruned");
    assert_eq!(again.removal.deleted, (all - objects(&vault)) as u64);
    assert!(reader.stored(first, Context::default()).is_err());
    let error = undo_prune(&at, Context::default()).expect_err("it is gone");
    assert!(matches!(error, PruneError::UndoTooLate), "{error}");
    drop(later);
    assert_eq!(
        fs::read_dir(vault.join("leases"))
            .expect("a folder")
            .count(),
        0
    );
    let output = stage.path("out.grafeo");
    restore(
        &vault,
        &output,
        &Options::to(Target::Latest),
        Context::default(),
    )
    .expect("restored");
}

/// A lease that nobody renews ends.
#[test]
fn a_killed_reader_is_waited_for_a_quarter_of_an_hour() {
    let stage = Stage::of(V1, "03_two_fulls");
    let vault = vault(&stage);
    verified(&vault);
    let at = Location::from(&vault);
    let lease = Lease::take(&at, Context::default());
    let _ = lease.narrow(opened(&vault));
    std::mem::forget(lease);
    let at_once = Prune {
        grace: Duration::ZERO,
        ..last(1)
    };
    let all = objects(&vault);
    let pruned = at_once.apply(&at, Context::default()).expect("pruned");
    assert_eq!((pruned.removal.deleted, objects(&vault)), (0, all));
    let left = fs::read_dir(vault.join("leases")).expect("leases");
    for lease in left {
        let path = lease.expect("a lease").path();
        let then = std::time::SystemTime::now() - Duration::from_secs(16 * 60);
        let file = fs::File::options()
            .write(true)
            .open(&path)
            .expect("a lease");
        file.set_modified(then).expect("its time");
    }
    let pruned = at_once.apply(&at, Context::default()).expect("pruned");
    assert!(pruned.removal.deleted > 0 && objects(&vault) < all);
}
