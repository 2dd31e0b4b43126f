//! Database files: headers and slots, and the images of real engines.

use apograph_format::v2::{DATABASE_VERSION, DatabaseHeaders, FileHeader, SlotState};
use apograph_format::{
    Crc32, DATABASE_HEADERS_BYTES, Extent, ExtentContent, FormatError, Generation, Image, Lsn,
    PAGE_BYTES,
};
use apograph_testing::damage;
use apograph_testing::encoding::{self, v2::seal_file_header};
use apograph_testing::fixtures::{Golden, V2};

use super::read;

/// Slot 0 and slot 1 both name an image.
pub(super) const EXAMPLE: &str = "11_checkpoints_cursor/source_before_incr/src.grafeo";
pub(super) const SLOT_0: usize = PAGE_BYTES;
const SLOT_1: usize = 2 * PAGE_BYTES;
pub(super) const DATA: usize = 3 * PAGE_BYTES;
const FILE_COVERED: usize = 72 + 4;
const SLOT_COVERED: usize = 80 + 4;

const FLAGS: usize = 12;
const REVISION: usize = 4;
const ITERATION: usize = 8;

/// What is asked of a whole file: its structure and all its bytes.
pub(super) fn check(file: &[u8]) -> Result<Image, FormatError> {
    let image = Image::parse(file)?;
    image.check(file)?;
    Ok(image)
}

pub(super) fn code(file: &[u8]) -> &'static str {
    check(file).map_or_else(|error| error.code().as_str(), |_| "ok")
}

pub(super) fn put(file: &mut [u8], offset: usize, bytes: &[u8]) {
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// Makes the checksum of a slot right.
pub(super) fn seal_slot(file: &mut [u8], slot: usize) {
    encoding::v2::seal_slot(&mut file[slot..]);
}

/// The first directory block that a slot names: where it begins and ends.
fn root_block(file: &[u8], slot: usize) -> std::ops::Range<usize> {
    let offset = file[slot + 40..].first_chunk().expect("8 bytes");
    let length = file[slot + 48..].first_chunk().expect("4 bytes");
    let start = usize::try_from(u64::from_le_bytes(*offset)).expect("a small file");
    start..start + usize::try_from(u32::from_le_bytes(*length)).expect("a small block")
}

fn active_slot(file: &[u8]) -> usize {
    let headers = DatabaseHeaders::decode(file).expect("headers");
    let active = headers.active().expect("an active slot");
    match headers.slots[1].valid() {
        Some(second) if second == active => SLOT_1,
        _ => SLOT_0,
    }
}

#[test]
fn golden_databases_are_intact() {
    for Golden { path, bytes: file } in V2.database_files() {
        let image = check(&file).expect(&path);
        let header = &image.headers().file;
        assert_eq!(header.generation, Generation::Two, "{path}");
        assert_eq!(header.creator, "0.6.1", "{path}");
        assert!(!header.is_encrypted && header.id.is_some(), "{path}");
        assert!(image.checkpoint().log_start.is_some(), "{path}");
        let extents = image.extents();
        assert!(extents.len() >= 2, "{path}");
        for extent in extents {
            let sections = [ExtentContent::Chunk(1), ExtentContent::Chunk(2)];
            assert!(sections.contains(&extent.content), "{path}");
            assert!(extent.length > 0, "{path}");
        }
        // The file ends with the page in which its last run ends.
        let block = root_block(&file, active_slot(&file));
        let ends = extents.iter().filter_map(Extent::range).chain([block]);
        let end = ends.map(|range| range.end).max().expect("a block");
        assert_eq!(file.len(), end.next_multiple_of(PAGE_BYTES), "{path}");
    }
}

#[test]
fn copies_of_a_database_share_its_id_and_not_its_creation_time() {
    for (source, copy) in [
        (
            EXAMPLE,
            "11_checkpoints_cursor/backup/backup_full_0000.grafeo",
        ),
        (
            "04_rotation/source/src.grafeo",
            "04_rotation/backup/backup_full_0000.grafeo",
        ),
        (
            "13_close_in_chain/backup/backup_full_0000.grafeo",
            "13_close_in_chain/backup/backup_full_0003.grafeo",
        ),
    ] {
        let [source, copy] =
            [source, copy].map(|path| FileHeader::decode(&read(path)).expect(path));
        assert_eq!(source.id, copy.id);
        assert!(source.created_at < copy.created_at);
    }
}

#[test]
fn golden_headers_say_what_they_say() {
    let headers = DatabaseHeaders::decode(&read(EXAMPLE)).expect("headers");
    let file = &headers.file;
    assert_eq!(file.id.to_string(), "21d792807628ca6f60e8dfb011a6b84a");
    assert_eq!(file.created_at.get(), 0x1a1_fd00_977d);
    assert_eq!(file.creator, "0.6.1");
    assert!(!file.is_encrypted);

    let [first, second] = headers.slots.map(|slot| *slot.valid().expect("a slot"));
    assert_eq!((first.revision, first.iteration), (1, 4));
    assert_eq!(first.log_start, Lsn::new(296));
    assert_eq!((first.epoch.get(), first.transaction.get()), (4, 5));
    assert_eq!((first.root.offset, first.root.length), (0xb000, 320));
    assert_eq!(first.root.checksum, Crc32::new(0xa5d5_6370));
    assert_eq!((first.node_count, first.edge_count), (4, 0));
    assert_eq!(first.written_at.get(), 0x1a1_fd00_9784);
    assert_eq!((second.iteration, second.log_start), (3, Lsn::new(222)));
    assert_eq!(headers.active(), Ok(&first));
}

#[test]
fn golden_checkpoints_say_what_they_say() {
    /// Path, iteration, log start, epoch, transaction, nodes, edges, chunks.
    type Row = (&'static str, u64, u64, u64, u64, u64, u64, usize);
    let rows: [Row; 7] = [
        (
            "01_full_only/backup/backup_full_0000.grafeo",
            1,
            412,
            5,
            6,
            5,
            0,
            6,
        ),
        (
            "02_chain40/backup/backup_full_0000.grafeo",
            1,
            600,
            7,
            8,
            3,
            1,
            15,
        ),
        (
            "07_named_graphs/backup/backup_full_0000.grafeo",
            1,
            214,
            2,
            3,
            1,
            0,
            9,
        ),
        ("08_torn_tail/source/src.grafeo", 1, 0, 0, 1, 0, 0, 3),
        ("10_live/source/src.grafeo", 2, 296, 4, 5, 4, 0, 6),
        (EXAMPLE, 4, 296, 4, 5, 4, 0, 6),
        (
            "13_close_in_chain/backup/backup_full_0003.grafeo",
            1,
            477,
            6,
            2,
            6,
            0,
            6,
        ),
    ];
    for (path, iteration, log_start, epoch, transaction, nodes, edges, chunks) in rows {
        let image = check(&read(path)).expect(path);
        let checkpoint = image.checkpoint();
        assert_eq!(checkpoint.iteration, iteration, "{path}");
        assert_eq!(checkpoint.log_start, Some(Lsn::new(log_start)), "{path}");
        let found = (checkpoint.epoch.get(), checkpoint.transaction.get());
        assert_eq!(found, (epoch, transaction), "{path}");
        let found = (checkpoint.node_count, checkpoint.edge_count);
        assert_eq!(found, (nodes, edges), "{path}");
        assert_eq!(image.extents().len(), chunks, "{path}");
    }
}

#[test]
fn golden_chunks_are_named_by_their_section() {
    let image = check(&read(EXAMPLE)).expect("an image");
    let contents: Vec<_> = image.extents().iter().map(|it| it.content).collect();
    let [catalog, graph] = [ExtentContent::Chunk(1), ExtentContent::Chunk(2)];
    assert_eq!(contents, [catalog, catalog, graph, graph, graph, graph]);
    assert_eq!(catalog.to_string(), "catalog chunk");
    assert_eq!(graph.to_string(), "graph chunk");
    assert_eq!(ExtentContent::Chunk(250).to_string(), "chunk of type 250");
}

#[test]
fn a_flip_in_covered_bytes_is_found() {
    for Golden { path, bytes: file } in V2.database_files() {
        let image = check(&file).expect(&path);
        let mut covered: Vec<_> = image.extents().iter().filter_map(Extent::range).collect();
        covered.push(root_block(&file, active_slot(&file)));
        for range in covered {
            damage::one_bit_each(&file, range, |offset, file| {
                let error = check(file).expect_err(&path);
                assert_eq!(error.code(), "checksum-mismatch", "{path}, byte {offset}");
            });
        }
    }
}

#[test]
fn every_flip_in_the_file_header_is_found() {
    let page = &read(EXAMPLE)[..PAGE_BYTES];
    damage::every_value(&page[..FILE_COVERED], |offset, bytes| {
        let mut page = page.to_vec();
        put(&mut page, 0, bytes);
        let error = FileHeader::decode(&page).expect_err("a damaged header");
        let expected = match offset {
            0..4 => "wrong-magic",
            4..8 => "unsupported-version",
            _ => "checksum-mismatch",
        };
        assert_eq!(error.code(), expected, "byte {offset}");
    });
    // What both generations have in common does not take it for generation 1.
    let mut file = read(EXAMPLE);
    file[4] = 1;
    assert_eq!(code(&file), "malformed");
}

#[test]
fn every_flip_in_a_slot_is_found() {
    for path in [EXAMPLE, "01_full_only/backup/backup_full_0000.grafeo"] {
        let file = read(path);
        let golden = DatabaseHeaders::decode(&file).expect(path);
        for (index, slot) in [SLOT_0, SLOT_1].into_iter().enumerate() {
            let page = &file[slot..slot + PAGE_BYTES];
            damage::every_value(&page[..SLOT_COVERED], |offset, bytes| {
                let mut page: [u8; PAGE_BYTES] = page.try_into().expect("a page");
                put(&mut page, 0, bytes);
                let found = SlotState::decode(&page);
                assert_eq!(found, SlotState::Damaged, "slot {index}, byte {offset}");
            });
            // The other slot takes over: never a mixture of both.
            let mut damaged = file.clone();
            damaged[slot + 20] ^= 1;
            let headers = DatabaseHeaders::decode(&damaged).expect(path);
            assert_eq!(headers.active().ok(), golden.slots[1 - index].valid());
        }
    }
}

/// The engine cuts the file after the newest image, so an older one may be gone.
#[test]
fn the_image_of_an_inactive_slot_may_be_gone() {
    let mut file = read(EXAMPLE);
    file[SLOT_0] ^= 1;
    let error = check(&file).expect_err("an image after the end");
    let text = "database file is too short: 49152 bytes where 57664 are needed";
    assert_eq!(error.to_string(), text);

    let mut file = read("10_live/source/src.grafeo");
    file[SLOT_0] ^= 1;
    let older = check(&file).expect("the image that both checkpoints spared");
    assert_eq!(older.checkpoint().epoch.get(), 0);
}

#[test]
fn bytes_that_no_checksum_covers_change_nothing() {
    for path in [EXAMPLE, "04_rotation/source/src.grafeo"] {
        let golden = read(path);
        let image = check(&golden).expect(path);
        for padding in [FILE_COVERED, SLOT_0 + SLOT_COVERED, SLOT_1 + SLOT_COVERED] {
            for offset in padding..padding.next_multiple_of(PAGE_BYTES) {
                let mut file = golden.clone();
                file[offset] ^= 0x40;
                assert_eq!(Image::parse(&file).as_ref(), Ok(&image), "byte {offset}");
            }
        }
        let mut longer = golden.clone();
        longer.extend([7; PAGE_BYTES + 1]);
        assert_eq!(check(&longer), Ok(image));
    }
}

#[test]
fn a_cut_file_is_no_other_file() {
    for path in [EXAMPLE, "08_torn_tail/source/src.grafeo"] {
        let golden = read(path);
        let image = check(&golden).expect(path);
        let block = root_block(&golden, active_slot(&golden));
        let ends = image
            .extents()
            .iter()
            .filter_map(Extent::range)
            .chain([block]);
        let end = ends.map(|range| range.end).max().expect("a block");
        damage::every_cut(&golden, |file| {
            if file.len() < end {
                let error = Image::parse(file).expect_err("a cut file");
                assert!(matches!(error, FormatError::TooShort { .. }), "{error}");
            } else {
                assert_eq!(Image::parse(file).as_ref(), Ok(&image));
            }
        });
        damage::every_cut(&golden[..DATABASE_HEADERS_BYTES], |bytes| {
            let error = DatabaseHeaders::decode(bytes).expect_err("cut headers");
            assert_eq!(error.code(), "too-short");
        });
    }
}

#[test]
fn file_headers_are_refused_by_name() {
    let rows: [(&str, usize, &[u8], &str); 8] = [
        ("another page size", 8, &8192_u32.to_le_bytes(), "malformed"),
        ("no page size", 8, &[0; 4], "malformed"),
        ("encrypted", 12, &[1], "ok"),
        ("an unknown feature", 12, &[2], "unsupported-version"),
        ("the last of those", 13, &[0x80], "unsupported-version"),
        ("both", 12, &[3], "unsupported-version"),
        ("a feature to ignore", 14, &[1], "ok"),
        ("the last of those", 15, &[0x80], "ok"),
    ];
    for (what, offset, bytes, expected) in rows {
        let mut file = read(EXAMPLE);
        put(&mut file, offset, bytes);
        seal_file_header(&mut file);
        assert_eq!(code(&file), expected, "{what}, {offset}");
    }
    let mut file = read(EXAMPLE);
    file[FLAGS] = 5;
    seal_file_header(&mut file);
    let error = FileHeader::decode(&file).expect_err("a feature");
    let text = "database file header uses the flags 0x0004, which is not known here";
    assert_eq!(error.to_string(), text);
    let error = FileHeader::decode(&[0; PAGE_BYTES]).expect_err("zeros");
    assert_eq!(error.code(), "wrong-magic");
    file[4] = 4;
    let error = FileHeader::decode(&file).expect_err("a version");
    let text = "database file header has version 4; the newest version known here is 3";
    assert_eq!(error.to_string(), text);
    assert_eq!(DATABASE_VERSION, 3);
}

/// The sealed directory of an encrypted file is never looked at, and a flip in it never found.
#[test]
fn an_encrypted_file_has_headers_only() {
    let mut file = read(EXAMPLE);
    file[FLAGS] = 1;
    seal_file_header(&mut file);
    let block = root_block(&file, SLOT_0);
    file[block].fill(0xee);
    let image = check(&file).expect("headers");
    assert!(image.headers().file.is_encrypted);
    assert!(image.extents().is_empty());
    assert_eq!(image.checkpoint().log_start, Some(Lsn::new(296)));
}

#[test]
fn the_valid_slot_with_the_higher_iteration_is_active() {
    enum Page {
        Iteration(u64),
        Damaged,
        Empty,
    }
    use Page::{Damaged, Empty, Iteration};
    let rows = [
        ([Iteration(4), Iteration(3)], Ok(0)),
        ([Iteration(3), Iteration(4)], Ok(1)),
        ([Iteration(4), Iteration(4)], Ok(0)),
        ([Iteration(0), Iteration(0)], Ok(0)),
        ([Iteration(0), Iteration(u64::MAX)], Ok(1)),
        ([Iteration(0), Empty], Ok(0)),
        ([Empty, Iteration(0)], Ok(1)),
        ([Iteration(3), Damaged], Ok(0)),
        ([Damaged, Iteration(3)], Ok(1)),
        ([Damaged, Damaged], Err((4096, "both are damaged"))),
        (
            [Damaged, Empty],
            Err((4096, "damaged, and the other is empty")),
        ),
        (
            [Empty, Damaged],
            Err((8192, "damaged, and the other is empty")),
        ),
        ([Empty, Empty], Err((4096, "both are empty"))),
    ];
    for (row, (pages, expected)) in rows.into_iter().enumerate() {
        let mut file = read(EXAMPLE);
        for (slot, page) in [SLOT_0, SLOT_1].into_iter().zip(pages) {
            match page {
                Iteration(number) => put(&mut file, slot + ITERATION, &number.to_le_bytes()),
                Damaged => put(&mut file, slot + ITERATION, &[9]),
                Empty => file[slot..slot + PAGE_BYTES].fill(0),
            }
            if let Iteration(_) = page {
                seal_slot(&mut file, slot);
            }
        }
        let headers = DatabaseHeaders::decode(&file).expect("headers");
        match expected {
            Ok(index) => {
                let active = headers.active().ok();
                assert_eq!(active, headers.slots[index].valid(), "row {row}");
            }
            Err((offset, detail)) => {
                let text = format!("database slot is malformed at byte {offset}: {detail}");
                let error = headers.active().expect_err("no slot");
                assert_eq!(error.to_string(), text, "row {row}");
            }
        }
    }
}

#[test]
fn one_byte_in_an_empty_page_is_damage() {
    let mut page = [0; PAGE_BYTES];
    assert_eq!(SlotState::decode(&page), SlotState::Empty);
    page[PAGE_BYTES - 1] = 1;
    assert_eq!(SlotState::decode(&page), SlotState::Damaged);
}

#[test]
fn the_active_slot_is_of_revision_1() {
    for revision in [0, 2, u32::MAX] {
        let mut file = read(EXAMPLE);
        put(&mut file, SLOT_0 + REVISION, &revision.to_le_bytes());
        seal_slot(&mut file, SLOT_0);
        let error = check(&file).expect_err("a revision");
        let text =
            format!("database slot has version {revision}; the newest version known here is 1");
        assert_eq!(error.to_string(), text);
        // The revision of a slot that is not active does not matter.
        let mut file = read(EXAMPLE);
        put(&mut file, SLOT_1 + REVISION, &revision.to_le_bytes());
        seal_slot(&mut file, SLOT_1);
        assert_eq!(code(&file), "ok");
    }
}
