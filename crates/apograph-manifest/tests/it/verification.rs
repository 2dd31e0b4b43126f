//! Records of what was found sound.

use std::fs;

use apograph_format::UnixMillis;
use apograph_manifest::{FileStamp, Level, Verification};
use serde_json::json;

/// The stamp of a file that was changed at a time.
fn stamp(inode: u64, changed_ns: i64) -> FileStamp {
    let stamp = json!({"inode": inode, "modified_ns": 0, "changed_ns": changed_ns});
    serde_json::from_value(stamp).expect("a stamp")
}

fn at(millis: u64) -> UnixMillis {
    UnixMillis::new(millis)
}

#[test]
fn a_verification_of_frames_is_one_of_files_too() {
    let rows = [
        (Level::Objects, Level::Files, true),
        (Level::Objects, Level::Frames, false),
        (Level::Files, Level::Objects, true),
        (Level::Files, Level::Files, true),
        (Level::Files, Level::Frames, false),
        (Level::Frames, Level::Files, true),
        (Level::Frames, Level::Frames, true),
    ];
    for (looked, wanted, expected) in rows {
        let found = Verification::new(stamp(1, 5), looked, at(7));
        assert_eq!(found.covers(wanted), expected, "{looked:?} for {wanted:?}");
    }
}

#[test]
fn frames_that_were_looked_at_are_remembered_as_long_as_the_file_is_the_same() {
    let [files, frames] = [Level::Files, Level::Frames];
    let earlier = Verification::new(stamp(1, 5), frames, at(7));
    let found = |stamp, level, earlier: &Verification| {
        let found = Verification::new(stamp, level, at(9)).after(Some(earlier));
        assert_eq!((found.stamp, found.at), (stamp, at(9)));
        found.frames_at
    };
    assert_eq!(found(stamp(1, 5), files, &earlier), Some(at(7)));
    assert_eq!(found(stamp(1, 5), frames, &earlier), Some(at(9)));
    assert_eq!(found(stamp(2, 5), files, &earlier), None);
    assert_eq!(found(stamp(1, 6), files, &earlier), None);
    let of_files = Verification::new(stamp(1, 5), files, at(7));
    assert_eq!(found(stamp(1, 5), files, &of_files), None);
    let first = Verification::new(stamp(1, 5), files, at(9));
    assert_eq!(first.after(None), first);
}

#[test]
fn a_stamp_is_settled_a_grain_after_the_change() {
    let grain = u64::try_from(FileStamp::GRAIN.as_millis()).expect("a short time");
    let changed = stamp(1, 1_004_000_000);
    let rows = [
        (0, false),
        (1004, false),
        (1004 + grain - 1, false),
        (1004 + grain, true),
        (1005 + grain, true),
        (u64::MAX, true),
    ];
    for (now, expected) in rows {
        assert_eq!(changed.is_settled(at(now)), expected, "{now}");
    }
    // The next nanosecond is another millisecond.
    let later = stamp(1, 1_004_000_001);
    assert!(!later.is_settled(at(1004 + grain)) && later.is_settled(at(1005 + grain)));
    // A file system may know whole seconds alone, and only every other one.
    let whole = stamp(1, 4_000_000_000);
    let two_seconds = 2000 + grain;
    assert!(!whole.is_settled(at(4000 + two_seconds - 1)));
    assert!(whole.is_settled(at(4000 + two_seconds)));
}

#[test]
fn a_copy_of_a_file_has_another_stamp_under_any_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let stamp = |path| FileStamp::from(&fs::metadata(path).expect("a file"));
    fs::write(&one, b"bytes").expect("a file");
    let before = stamp(&one);
    assert_eq!(stamp(&one), before);
    fs::copy(&one, &two).expect("a copy");
    assert_ne!(stamp(&two), before);
    fs::rename(&two, &one).expect("a replaced file");
    assert_ne!(stamp(&one), before);
}
