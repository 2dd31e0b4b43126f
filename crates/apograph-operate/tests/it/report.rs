//! What a report says of each segment, and where the gaps and the pins are.

use std::fs;

use apograph_operate::{Context, ReportedSegment, Repository, RepositoryReport, Status, pin_state};
use apograph_repository::manifest::{GapKind, PinName, Target};
use apograph_repository::{Pack, copy, init_vault};
use apograph_restore::{Options, restore};
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

fn report(repository: &Repository) -> RepositoryReport<'_> {
    let status = Status::of(repository, None, Context::default()).expect("a status");
    RepositoryReport::of(repository, status)
}

fn targets(report: &RepositoryReport<'_>) -> Vec<Option<Target>> {
    report
        .segments
        .iter()
        .map(|segment| segment.target)
        .collect()
}

/// Each is restored, and what a restore reads is what the report says of the latest one.
#[test]
fn the_target_of_a_segment_restores_the_state_at_its_end() {
    for fixtures in [V1, V2] {
        let names = [
            "02_chain40",
            "03_two_fulls",
            "05_schema",
            "13_close_in_chain",
        ];
        for name in names {
            let stage = Stage::of(fixtures, name);
            let place = stage.repository();
            let repository = Repository::open(&place, Context::default()).expect("opened");
            let report = report(&repository);
            let last = report.segments.len() - 1;
            for (index, segment) in report.segments.iter().enumerate() {
                let target = segment.target.expect("a target");
                let output = stage.path(&format!("{index}.grafeo"));
                let options = Options::to(target);
                let restored = restore(&place, &output, &options, Context::default());
                let restored = restored.expect("restored");
                let exact = restored.exact.expect("a point");
                let point = repository.chain().commit_name(exact);
                assert_eq!(Target::Point(point), target, "{name} {index}");
                let effort = report.restore.expect("restorable");
                if index == last {
                    assert_eq!(restored.full.file, effort.full.file);
                    assert_eq!(restored.increments.len() as u64, effort.increments);
                    assert_eq!(restored.commits, effort.commits);
                }
            }
        }
    }
}

#[test]
fn a_vault_says_the_same_as_the_folder_that_it_is_of() {
    for fixtures in [V1, V2] {
        let stage = Stage::of(fixtures, "13_close_in_chain");
        let vault = stage.path("vault");
        init_vault(&vault, Context::default()).expect("a vault");
        let folder = Repository::open(stage.repository(), Context::default()).expect("opened");
        copy(&folder, &vault, Pack::Best, Context::default()).expect("copied");
        let vault = Repository::open(&vault, Context::default()).expect("opened");
        let (from, to) = (report(&folder), report(&vault));
        assert_eq!(targets(&from), targets(&to));
        let timelines = |segment: &ReportedSegment<'_>| segment.timeline;
        let of = |report: &RepositoryReport<'_>| -> Vec<_> {
            report.segments.iter().map(timelines).collect()
        };
        assert_eq!(of(&from), of(&to));
        let places = |report: &RepositoryReport<'_>| -> Vec<_> {
            let gaps = report.gaps.iter();
            gaps.map(|gap| (gap.at, gap.gap.cause.kind())).collect()
        };
        let full = |name: &str| name.starts_with("backup_full");
        let names = from.segments.iter();
        let second = names
            .map(|it| it.entry.segment.file.as_str())
            .rposition(full);
        assert_eq!(places(&from), [(second.expect("two"), GapKind::Branch)]);
        assert_eq!(places(&from), places(&to));
    }
}

/// What cannot be used leads nowhere, nor does what comes after it.
#[test]
fn a_segment_that_is_missing_is_a_gap_at_its_place() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        let name = PinName::try_from("here".to_owned()).expect("a name");
        let before = Repository::open(stage.repository(), Context::default()).expect("opened");
        let first = report(&before).segments[1].target.expect("a target");
        pin_state(
            &stage.repository().into(),
            &first,
            &name,
            Context::default(),
        )
        .expect("pinned");
        fs::remove_file(stage.repository().join(SEGMENTS[2])).expect("a file");
        let repository = Repository::open(stage.repository(), Context::default()).expect("opened");
        let report = report(&repository);
        let places: Vec<usize> = report.gaps.iter().map(|gap| gap.at).collect();
        assert_eq!(places, [2]);
        let found: Vec<bool> = targets(&report).iter().map(Option::is_some).collect();
        assert_eq!(found, [true, true, false, false]);
        assert_eq!(report.restore, None);
        let pins: Vec<_> = report.pins.iter().map(|pinned| pinned.at).collect();
        assert_eq!(pins, [Some(1)]);
    }
}
