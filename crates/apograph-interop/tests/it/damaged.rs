//! Repositories and logs that are damaged, or from which something is missing: it is found.

use apograph::capture::Kind;
use apograph_interop::EngineGeneration;

use crate::command::{apograph, backup, contents, restore as restore_command, text};
use crate::refusals::{capture_code, check, manifest, restore_code, set_manifest};
use crate::stage::{ChainStage, with_flipped_bytes};

for_each_generation!(
    a_missing_middle_segment_is_a_broken_chain,
    a_middle_entry_missing_from_the_manifest_is_noticed,
    every_flipped_byte_of_a_repository_is_found,
    a_damaged_history_file_is_made_anew,
    a_truncated_full_backup_is_found_at_every_length,
    a_swapped_truncated_or_foreign_segment_is_found,
);

fn a_missing_middle_segment_is_a_broken_chain(generation: EngineGeneration) {
    for history_is_lost in [false, true] {
        let stage = ChainStage::new(generation);
        if history_is_lost {
            std::fs::remove_file(stage.segment("apograph.json")).unwrap();
        }
        std::fs::remove_file(stage.segment("backup_incr_0003.wal")).unwrap();
        let (repository, output) = (stage.repository(), stage.output());
        let (repository, output) = (text(&repository), text(&output));
        check(&stage, "chain-broken", &["restore", repository, output]);
        check(
            &stage,
            "chain-broken",
            &["restore", repository, output, "--epoch", "8"],
        );
        check(
            &stage,
            "chain-broken",
            &["restore", repository, output, "--epoch", "5"],
        );
        let verified = apograph(["verify", repository]);
        assert_eq!(
            (verified.exit, &verified.json["ok"]),
            (4, &false.into()),
            "{}",
            verified.json
        );
        // Without a record of what is missing it may hold more of epoch 4.
        let all_of_4 = restore_command(&stage.repository(), &stage.output(), &["--epoch", "4"]);
        if history_is_lost {
            assert_eq!(all_of_4.code(), "chain-broken");
            assert_eq!(all_of_4.json["nearest"]["below"], "1:4+0");
            restore_command(&stage.repository(), &stage.output(), &["--epoch", "4+0"]).ok();
        } else {
            all_of_4.ok();
        }
    }
}

fn a_middle_entry_missing_from_the_manifest_is_noticed(generation: EngineGeneration) {
    for (history_is_lost, code) in [(false, "corrupt-manifest"), (true, "chain-broken")] {
        let stage = ChainStage::new(generation);
        if history_is_lost {
            std::fs::remove_file(stage.segment("apograph.json")).unwrap();
        }
        let mut shorter = manifest(&stage);
        shorter.segments.remove(2);
        set_manifest(&stage, &shorter);
        let (repository, output) = (stage.repository(), stage.output());
        check(&stage, code, &["restore", text(&repository), text(&output)]);
    }
}

/// Whether an offset lies in a place where a text stands.
fn is_within(text: &[u8], bytes: &[u8], offset: usize) -> bool {
    let first = (offset + 1).saturating_sub(text.len());
    let mut starts = first..=offset;
    starts.any(|start| bytes[start..].starts_with(text))
}

fn every_flipped_byte_of_a_repository_is_found(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let repository = stage.repository();
    let sound = restore_code(&repository, &stage.output());
    assert_eq!(sound, None);
    for (file, codes) in [
        (
            "backup_full_0000.grafeo",
            &["corrupt-segment", "unsupported-version"][..],
        ),
        (
            "backup_incr_0001.wal",
            &["corrupt-segment", "unsupported-version"],
        ),
        (
            "backup_incr_0003.wal",
            &["corrupt-segment", "unsupported-version"],
        ),
        (
            "backup_manifest.json",
            &["corrupt-manifest", "unsupported-version"],
        ),
    ] {
        // A full backup is mostly padding; its checksum covers every byte of it alike.
        let step = if file.contains("full") { 61 } else { 1 };
        let sound = std::fs::read(stage.segment(file)).unwrap();
        with_flipped_bytes(&stage.segment(file), step, |offset| {
            let code = restore_code(&repository, &stage.output());
            // A field that an older engine drops is known elsewhere too: its name says nothing.
            let is_dropped = is_within(b"\"end_wal_lsn\"", &sound, offset);
            assert!(
                code.is_some_and(|code| codes.contains(&code)) || is_dropped && code.is_none(),
                "{file}+{offset}: {code:?}"
            );
        });
    }
    // Without `apograph.json` the same holds, but for the manifest's own times of capture.
    std::fs::remove_file(stage.segment("apograph.json")).unwrap();
    for (file, step) in [("backup_full_0000.grafeo", 61), ("backup_incr_0002.wal", 1)] {
        with_flipped_bytes(&stage.segment(file), step, |offset| {
            let code = restore_code(&repository, &stage.output());
            assert!(code.is_some(), "{file}+{offset}");
        });
    }
}

fn a_damaged_history_file_is_made_anew(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let repository = stage.repository();
    let before = apograph(["list", text(&repository)]).ok();
    with_flipped_bytes(&stage.segment("apograph.json"), 61, |offset| {
        let now = apograph(["list", text(&repository)]).ok();
        assert_eq!(now["restorable"], before["restorable"], "{offset}");
    });
}

fn a_truncated_full_backup_is_found_at_every_length(generation: EngineGeneration) {
    let stage = ChainStage::new(generation);
    let path = stage.segment("backup_full_0000.grafeo");
    let sound = std::fs::read(&path).unwrap();
    for length in (0..sound.len()).step_by(509).chain([sound.len() - 1]) {
        std::fs::write(&path, &sound[..length]).unwrap();
        let code = restore_code(&stage.repository(), &stage.output());
        assert_eq!(code, Some("corrupt-segment"), "{length}");
    }
}

fn a_swapped_truncated_or_foreign_segment_is_found(generation: EngineGeneration) {
    let (stage, other) = (ChainStage::new(generation), ChainStage::new(generation));
    let (database, repository) = (other.database(), other.repository());
    backup(&database, &repository, Some("--incremental")).ok();
    let foreign = std::fs::read(other.segment("backup_incr_0004.wal")).unwrap();
    let names = [1, 2, 3].map(|number| format!("backup_incr_{number:04}.wal"));
    let sound = names
        .each_ref()
        .map(|name| std::fs::read(stage.segment(name)).unwrap());
    for (name, own) in names.iter().zip(&sound) {
        let path = stage.segment(name);
        let shorter = own[..own.len() - 1].to_vec();
        let longer = [own, &[0][..]].concat();
        let swapped = sound.iter().filter(|it| *it != own).cloned();
        for bytes in swapped.chain([shorter, longer, foreign.clone()]) {
            assert_ne!(&bytes, own);
            std::fs::write(&path, bytes).unwrap();
            let code = restore_code(&stage.repository(), &stage.output());
            assert_eq!(code, Some("corrupt-segment"), "{name}");
        }
        std::fs::write(&path, own).unwrap();
    }
    assert_eq!(restore_code(&stage.repository(), &stage.output()), None);
}

#[test]
fn every_flipped_byte_of_the_live_log_is_found() {
    let stage = ChainStage::new(EngineGeneration::One);
    let before = contents(&stage.repository());
    let log = stage.log_file();
    let first = stage.path("first");
    with_flipped_bytes(&log, 1, |offset| {
        for kind in [Kind::Auto, Kind::Full, Kind::Incremental] {
            let code = capture_code(&stage.database(), &stage.repository(), kind);
            assert_eq!(code, Some("wal-damaged"), "{offset} {kind:?}");
        }
        assert_eq!(contents(&stage.repository()), before);
        let code = capture_code(&stage.database(), &first, Kind::Auto);
        assert_eq!(code, Some("wal-damaged"), "{offset}");
        assert!(!first.exists());
    });
    backup(
        &stage.database(),
        &stage.repository(),
        Some("--incremental"),
    )
    .ok();
}

#[test]
fn a_missing_live_log_file_is_found() {
    let stage = ChainStage::new(EngineGeneration::One);
    let next = stage.log_folder().join("wal_00000002.log");
    std::fs::write(next, b"").unwrap();
    let (database, repository) = (stage.database(), stage.repository());
    check(
        &stage,
        "wal-damaged",
        &["backup", text(&database), "--repo", text(&repository)],
    );
    std::fs::write(stage.log_folder().join("zzz.log"), b"").unwrap();
    check(
        &stage,
        "wal-damaged",
        &["backup", text(&database), "--repo", text(&repository)],
    );
}
