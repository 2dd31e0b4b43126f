//! A manifest made anew.

use apograph_io::{Reading, RealDisk};
use apograph_manifest::Unknown;
use apograph_repository::{plan_rebuild, rebuild};
use apograph_testing::fixtures::{V1, V2};
use apograph_testing::stage::{SEGMENTS, Stage};

use crate::forge::{read, write};

#[test]
fn of_two_segments_with_one_number_the_full_backup_is_first() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        write(
            &stage,
            "backup_full_0001.grafeo",
            &read(&stage, SEGMENTS[0]),
        );
        let plan = plan_rebuild(&stage.folder(), Reading::default()).expect("a plan");
        let files = plan.manifest.segments.iter().map(|it| it.file.as_str());
        let [first, rest @ ..] = SEGMENTS;
        let expected = [&[first, "backup_full_0001.grafeo"], &rest[..]].concat();
        assert_eq!(files.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn what_is_not_known_of_a_manifest_outlives_a_rebuild() {
    let stage = Stage::new(V2);
    let unknown: Unknown = serde_json::from_str(r#"{"later": 1}"#).expect("an object");
    stage.edit_manifest(|manifest| {
        manifest.unknown = unknown.clone();
        manifest.segments.pop();
    });
    assert!(
        !rebuild(&RealDisk, &stage.folder(), Reading::default())
            .expect("a manifest")
            .unchanged
    );
    let found = stage.manifest();
    assert_eq!((found.unknown, found.segments.len()), (unknown, 4));
}

#[test]
fn a_repository_of_which_nothing_can_be_used_is_told_why() {
    for fixtures in [V1, V2] {
        let stage = Stage::new(fixtures);
        stage.keep_segments(2);
        let error = |name: &str, bytes: &[u8]| {
            write(&stage, name, bytes);
            let error =
                rebuild(&RealDisk, &stage.folder(), Reading::default()).expect_err("no segment");
            let path = stage.repository().join(name);
            let text = error.to_string();
            let front = format!("{} cannot be used: ", path.display());
            let detail = text.strip_prefix(&front).expect("a reason").to_owned();
            (error.code(), detail)
        };
        let mut later = read(&stage, SEGMENTS[1]);
        later[4] = 9;
        let (code, detail) = error(SEGMENTS[1], &later);
        assert_eq!(code, "unsupported-version");
        let expected = "segment header has version 9; the newest version known here is 2";
        assert_eq!(detail, expected);
        write(&stage, SEGMENTS[1], b"GBAK");
        let (code, detail) = error(SEGMENTS[0], b"GRAF");
        assert_eq!(code, "corrupt-segment");
        let expected = "database file header is too short: 4 bytes where 4096 are needed";
        assert_eq!(detail, expected);
    }
}
