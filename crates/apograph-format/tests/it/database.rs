//! Database files.

use apograph_format::v1::{SECTIONS_OFFSET, has_section};
use apograph_format::{
    Crc32, DATABASE_HEADERS_BYTES, DatabaseHeaders, Extent, ExtentContent, FormatError, Generation,
    Image, PAGE_BYTES, generation_of, v1,
};
use apograph_testing::damage;
use apograph_testing::errors::told;
use apograph_testing::fixtures::V1;

const EXAMPLE: &str = "11_checkpoints_cursor/source_before_incr/src.grafeo";
const SLOT_0: usize = PAGE_BYTES;
const SLOT_1: usize = 2 * PAGE_BYTES;
const DIRECTORY: usize = 3 * PAGE_BYTES;

/// What is asked of a whole file: its structure and all its bytes.
fn check(file: &[u8]) -> Result<Image, FormatError> {
    let image = Image::parse(file)?;
    image.check(file)?;
    Ok(image)
}

#[test]
fn golden_databases_are_intact() {
    for golden in V1.database_files() {
        let image = check(&golden.bytes).expect(&golden.path);
        let checkpoint = image.checkpoint();
        assert_eq!(image.headers().file.creator, "0.5.44", "{}", golden.path);
        let contents: Vec<_> = image.extents().iter().map(|it| it.content).collect();
        let expected: &[ExtentContent] = match checkpoint.iteration {
            0 => &[],
            _ => &[ExtentContent::Section(1), ExtentContent::Section(2)],
        };
        assert_eq!(contents, expected, "{}", golden.path);
        assert_eq!(
            golden.bytes.len(),
            if expected.is_empty() { 12288 } else { 24576 },
            "{}",
            golden.path
        );
    }
}

#[test]
fn golden_slots_say_what_they_say() {
    let rows = [
        ("01_full_only/backup/backup_full_0000.grafeo", 1, 5, 5, 0),
        ("02_chain40/backup/backup_full_0000.grafeo", 1, 7, 3, 1),
        ("08_torn_tail/source/src.grafeo", 0, 0, 0, 0),
        (EXAMPLE, 4, 4, 4, 0),
        (
            "13_close_in_chain/backup/backup_full_0002.grafeo",
            3,
            1,
            6,
            0,
        ),
    ];
    for (path, iteration, epoch, nodes, edges) in rows {
        let image = check(&V1.read(path).bytes).expect(path);
        let slot = image.checkpoint();
        assert_eq!(
            (
                slot.iteration,
                slot.epoch.get(),
                slot.node_count,
                slot.edge_count
            ),
            (iteration, epoch, nodes, edges),
            "{path}"
        );
    }
}

#[test]
fn the_slot_with_the_higher_iteration_is_active() {
    let golden = V1.read(EXAMPLE).bytes;
    for (first, second, active) in [(4, 3, 0), (3, 4, 1), (4, 4, 0), (0, 0, 0), (0, 1, 1)] {
        let mut file = golden.clone();
        (file[SLOT_0], file[SLOT_1]) = (first, second);
        let headers = v1::DatabaseHeaders::decode(&file).expect("headers");
        assert_eq!(headers.active(), &headers.slots[active], "{first} {second}");
    }
}

#[test]
fn a_flip_in_covered_bytes_is_found() {
    for golden in V1.database_files() {
        let image = check(&golden.bytes).expect(&golden.path);
        let mut covered: Vec<_> = image.extents().iter().filter_map(Extent::range).collect();
        if !covered.is_empty() {
            covered.push(DIRECTORY..DIRECTORY + PAGE_BYTES);
        }
        for range in covered {
            damage::one_bit_each(&golden.bytes, range, |offset, file| {
                let error = check(file).expect_err(&golden.path);
                assert_eq!(error.code(), "checksum-mismatch", "byte {offset}");
            });
        }
    }
}

#[test]
fn a_flip_in_a_slot_is_not_found() {
    let golden = V1.read(EXAMPLE).bytes;
    let rows = [
        ("the epoch of the active slot", SLOT_0 + 7, true),
        ("its node count", SLOT_0 + 9, true),
        ("the iteration of the inactive slot", SLOT_1, true),
        ("padding", SLOT_1 + 100, true),
        ("the iteration of the active slot", SLOT_0, false),
        ("its checksum", SLOT_0 + 2, false),
    ];
    for (what, offset, passes) in rows {
        let mut file = golden.clone();
        file[offset] = match file[offset] {
            0 => 1,
            number => number - 2,
        };
        assert_eq!(check(&file).is_ok(), passes, "{what}");
    }
}

#[test]
fn no_cut_file_is_read() {
    for path in [EXAMPLE, "08_torn_tail/source/src.grafeo"] {
        damage::every_cut(&V1.read(path).bytes, |file| {
            let error = Image::parse(file).expect_err("a cut file");
            assert!(matches!(error, FormatError::TooShort { .. }), "{error}");
        });
    }
}

#[test]
fn bytes_after_the_sections_change_nothing() {
    let golden = V1.read(EXAMPLE).bytes;
    let mut longer = golden.clone();
    longer.extend([7; 3 * PAGE_BYTES]);
    assert_eq!(check(&longer), check(&golden));
}

#[test]
fn malformed_headers_are_named() {
    let rows: [(usize, &[u8], &str); 7] = [
        (
            0,
            b"GBAK",
            "database file header begins with [47, 42, 41, 4b], which is not its magic number",
        ),
        (
            4,
            b"\x03",
            "database file header has version 3; the newest version known here is 1",
        ),
        (
            4,
            b"\0",
            "database file header has version 0; the newest version known here is 1",
        ),
        (
            5,
            b"\xfb\0\x20",
            "database file header is malformed at byte 0: a page size of 8192 bytes",
        ),
        (5, b"\xff", "database file header is malformed at byte 0: "),
        (SLOT_0, b"\xff", "database slot is malformed at byte 4096: "),
        (SLOT_1, b"\xfe", "database slot is malformed at byte 8192: "),
    ];
    for (offset, bytes, text) in rows {
        let mut file = V1.read(EXAMPLE).bytes;
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
        let error = v1::DatabaseHeaders::decode(&file).expect_err(text);
        assert!(told(&error).starts_with(text), "{error}");
        let of_either = Image::parse(&file).expect_err(text);
        assert_eq!(of_either.code(), error.code(), "{of_either}");
    }
    let short = DatabaseHeaders::decode(&[]).expect_err("no bytes");
    assert_eq!(short.code(), "too-short");
    let headers = &V1.read(EXAMPLE).bytes[..DATABASE_HEADERS_BYTES];
    assert!(DatabaseHeaders::decode(headers).is_ok());
}

#[test]
fn malformed_directories_are_named() {
    let offset = DIRECTORY + 8 + 8;
    let length = DIRECTORY + 8 + 16;
    let max = u64::MAX.to_le_bytes();
    let rows: [(&str, usize, &[u8], &str); 8] = [
        ("as it was", DIRECTORY, b"\x02", "ok"),
        ("a type without a name", DIRECTORY + 8, b"\x63", "ok"),
        ("too many entries", DIRECTORY, b"\x80", "malformed"),
        ("entries of zeros", DIRECTORY, b"\x03", "malformed"),
        ("off a page", offset, b"\x01", "malformed"),
        ("on the directory", offset, b"\0\x30", "malformed"),
        (
            "far after the end",
            offset,
            &[0, 0, 0, 0, 0, 0, 0, 0x80],
            "too-short",
        ),
        ("endless", length, &max, "too-short"),
    ];
    for (what, offset, bytes, expected) in rows {
        let mut file = V1.read(EXAMPLE).bytes;
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
        let checksum = Crc32::of(&file[DIRECTORY..DIRECTORY + PAGE_BYTES]).get();
        file[SLOT_0 + 2..SLOT_0 + 6].copy_from_slice(&checksum.to_le_bytes());
        let found = Image::parse(&file).map_or_else(|error| error.code().as_str(), |_| "ok");
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn more_entries_than_fit_are_not_looked_at() {
    let text = |count: u32| {
        let mut file = V1.read(EXAMPLE).bytes;
        file[DIRECTORY..DIRECTORY + 4].copy_from_slice(&count.to_le_bytes());
        let checksum = Crc32::of(&file[DIRECTORY..DIRECTORY + PAGE_BYTES]).get();
        file[SLOT_0 + 2..SLOT_0 + 6].copy_from_slice(&checksum.to_le_bytes());
        Image::parse(&file).expect_err("too many").to_string()
    };
    assert!(
        text(127).ends_with("a section of type 0 at byte 0"),
        "{}",
        text(127)
    );
    for count in [128, 200, u32::MAX] {
        let expected = format!("{count} entries where at most 127 fit");
        assert!(text(count).ends_with(&expected), "{}", text(count));
    }
}

#[test]
fn a_version_of_neither_generation_is_named() {
    let rows: [(&[u8], Result<Generation, &str>); 5] = [
        (b"\x01\xfb\0\x10", Ok(Generation::One)),
        (b"\x03\0\0\0", Ok(Generation::Two)),
        (b"\x02\0\0\0", Err("unsupported-version")),
        (b"\x03\xfb\0\x10", Err("unsupported-version")),
        (b"\0\x01\0\0", Err("unsupported-version")),
    ];
    for (version, expected) in rows {
        let found = generation_of(&[b"GRAF", version].concat());
        assert_eq!(
            found.map_err(|it| it.code().as_str()),
            expected,
            "{version:?}"
        );
    }
}

#[test]
fn an_old_snapshot_is_one_extent() {
    let snapshot = b"a snapshot of the layout before sections";
    let mut file = V1.read("08_torn_tail/source/src.grafeo").bytes;
    file.extend(snapshot);
    let mut slot = vec![1, 252];
    slot.extend(Crc32::of(snapshot).get().to_le_bytes());
    slot.extend([40, 9, 10, 3, 2, 7]);
    file[SLOT_1..SLOT_1 + slot.len()].copy_from_slice(&slot);

    let image = check(&file).expect("a snapshot");
    assert_eq!(image.extents().len(), 1);
    assert_eq!(image.extents()[0].content, ExtentContent::Snapshot);
    assert_eq!(image.checkpoint().epoch.get(), 9);
    damage::one_bit_each(&file, DIRECTORY..file.len(), |offset, file| {
        assert!(check(file).is_err(), "byte {offset}");
    });
    assert!(Image::parse(&file[..file.len() - 1]).is_err());
}

#[test]
fn the_front_of_a_file_names_its_sections() {
    let clients = V1.root().join("../clients");
    let front = |fixture: &str| {
        let path = clients.join(fixture).join("source/src.grafeo");
        let mut bytes = std::fs::read(&path).expect(fixture);
        bytes.truncate(SECTIONS_OFFSET);
        bytes
    };
    let types = |bytes: &[u8]| -> Vec<u32> {
        let all = 1..=20;
        all.filter(|section| has_section(bytes, *section)).collect()
    };
    assert_eq!(types(&front("spilled")), [1, 2, 10]);
    assert_eq!(types(&front("kept_log_checkpoint")), [1, 2]);
    // A snapshot, and a database that never had an image.
    assert!(types(&front("no_commits")).is_empty());
    assert!(types(&front("uncommitted")).is_empty());
    let mut damaged = front("spilled");
    damaged[12288 + 8] ^= 2;
    assert!(types(&damaged).is_empty());
}
