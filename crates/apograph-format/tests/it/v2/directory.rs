//! The directory of an image: a chain of blocks, and what their entries say.

use apograph_format::{Crc32, ExtentContent, PAGE_BYTES};
use apograph_testing::damage;
use apograph_testing::encoding::v2::{self as encoding, Entry, Pointer, block};

use super::database::{DATA, EXAMPLE, SLOT_0, check, code, put, seal_slot};
use super::read;

/// A chunk of `length` bytes on the page with a number, with the right checksum.
fn entry(page: u64, length: usize) -> Entry {
    Entry {
        section: 2,
        offset: page * PAGE_BYTES as u64,
        length: length as u64,
        checksum: Crc32::of(&vec![CHUNK; length]).get(),
        flags: 0,
    }
}

/// Every byte of the files below that is not in a header or a block.
const CHUNK: u8 = 0x5a;

const END: Pointer = (0, 0, 0);

fn pointer(page: u64, block: &[u8]) -> Pointer {
    encoding::pointer(page * PAGE_BYTES as u64, block)
}

/// A file of so many pages with blocks on some, whose active slot names `root`.
fn file(pages: usize, root: Pointer, blocks: &[(u64, &[u8])]) -> Vec<u8> {
    let mut file = read(EXAMPLE);
    file.truncate(DATA);
    put(&mut file, SLOT_0 + 40, &root.0.to_le_bytes());
    put(&mut file, SLOT_0 + 48, &root.1.to_le_bytes());
    put(&mut file, SLOT_0 + 52, &root.2.to_le_bytes());
    seal_slot(&mut file, SLOT_0);
    file.resize(pages * PAGE_BYTES, CHUNK);
    for (page, block) in blocks {
        let offset = usize::try_from(*page).expect("a small file") * PAGE_BYTES;
        put(&mut file, offset, block);
    }
    file
}

/// A file of ten pages whose one block, on page 3, has these entries.
fn with_entries(entries: &[Entry]) -> Vec<u8> {
    let block = block(entries, END);
    file(10, pointer(3, &block), &[(3, &block)])
}

#[test]
fn entries_are_refused_by_their_place() {
    let page = PAGE_BYTES;
    let at = |offset| Entry {
        offset,
        ..entry(4, 10)
    };
    let long = |length| Entry {
        length,
        ..entry(4, 10)
    };
    let rows: [(&str, Vec<Entry>, &str); 18] = [
        ("none", vec![], "ok"),
        (
            "side by side",
            vec![entry(4, page), entry(5, page + 1), entry(7, 1)],
            "ok",
        ),
        ("in any order", vec![entry(8, 9), entry(4, 4 * page)], "ok"),
        ("to the last byte", vec![entry(9, page)], "ok"),
        ("off a page", vec![at(4 * 4096 + 1)], "malformed"),
        ("on a header", vec![at(0)], "malformed"),
        ("on a slot", vec![at(2 * 4096)], "malformed"),
        ("on the block", vec![at(3 * 4096)], "malformed"),
        (
            "on one another",
            vec![entry(4, 10), entry(4, 10)],
            "malformed",
        ),
        (
            "into the next",
            vec![entry(5, 1), entry(4, page + 1)],
            "malformed",
        ),
        (
            "into the one before",
            vec![entry(4, page + 1), entry(5, 1)],
            "malformed",
        ),
        (
            "around another",
            vec![entry(5, 1), entry(4, 3 * page)],
            "malformed",
        ),
        ("after the end", vec![at(10 * 4096)], "too-short"),
        ("over the end", vec![entry(9, page + 1)], "too-short"),
        (
            "at the end of numbers",
            vec![at(u64::MAX - 4095)],
            "too-short",
        ),
        ("endless", vec![long(u64::MAX)], "too-short"),
        (
            "without bytes, anywhere",
            vec![Entry { length: 0, ..at(7) }],
            "ok",
        ),
        (
            "without bytes, twice",
            vec![entry(4, 0), entry(4, 0), entry(4, 1)],
            "ok",
        ),
    ];
    for (what, entries, expected) in rows {
        assert_eq!(code(&with_entries(&entries)), expected, "{what}");
    }
    let image = check(&with_entries(&[entry(4, 0), entry(5, 3)])).expect("an image");
    assert_eq!(image.extents().len(), 1, "no bytes are no extent");
    let error = check(&with_entries(&[entry(5, 9), entry(4, page + 1)])).expect_err("an overlap");
    let text = "directory block is malformed at byte 12288: \
                a graph chunk at byte 16384, on a page that is in use";
    assert_eq!(error.to_string(), text);
}

#[test]
fn entries_are_refused_by_their_flags_and_not_by_their_section() {
    for flags in 0..=u8::MAX {
        let file = with_entries(&[Entry {
            flags,
            ..entry(4, 10)
        }]);
        let expected = match flags & 0b1100 {
            0 => "ok",
            _ => "unsupported-version",
        };
        assert_eq!(code(&file), expected, "{flags:#04x}");
    }
    for section in 0..=u8::MAX {
        let mut file = with_entries(&[Entry {
            section,
            ..entry(4, 10)
        }]);
        let image = check(&file).expect("a copy needs not know the section");
        assert_eq!(image.extents()[0].content, ExtentContent::Chunk(section));
        file[4 * PAGE_BYTES] ^= 1;
        assert_eq!(code(&file), "checksum-mismatch", "and checks its bytes");
    }
    let flags = 0x0d;
    let error = check(&with_entries(&[Entry {
        flags,
        ..entry(4, 1)
    }]));
    let text = "directory block uses an entry with the flags 0x0c, which is not known here";
    assert_eq!(error.expect_err("a flag").to_string(), text);
}

#[test]
fn a_chain_of_blocks_is_followed() {
    let third = block(&[entry(9, 5)], END);
    let second = block(&[], pointer(8, &third));
    let first = block(&[entry(4, 3), entry(5, 4)], pointer(3, &second));
    let blocks: [(u64, &[u8]); 3] = [(7, &first), (3, &second), (8, &third)];
    let golden = file(10, pointer(7, &first), &blocks);
    let image = check(&golden).expect("an image");
    let lengths: Vec<u64> = image.extents().iter().map(|it| it.length).collect();
    assert_eq!(lengths, [3, 4, 5]);
    for (page, block) in blocks {
        let start = usize::try_from(page).expect("a small file") * PAGE_BYTES;
        damage::one_bit_each(&golden, start..start + block.len(), |offset, file| {
            assert_eq!(code(file), "checksum-mismatch", "byte {offset}");
        });
    }
    assert_eq!(
        check(&file(3, END, &[])).map(|it| it.extents().len()),
        Ok(0)
    );
}

#[test]
fn blocks_are_refused_by_their_pointer() {
    let good = block(&[entry(4, 10)], END);
    let right = pointer(3, &good);
    let rows: [(&str, Pointer, &str); 12] = [
        ("right", right, "ok"),
        (
            "another checksum",
            (right.0, right.1, right.2 ^ 1),
            "checksum-mismatch",
        ),
        ("off a page", (right.0 + 8, right.1, right.2), "malformed"),
        ("on a header", (0, right.1, right.2), "malformed"),
        ("on a slot", (8192, right.1, right.2), "malformed"),
        ("after the end", (10 * 4096, right.1, right.2), "too-short"),
        (
            "at the end of numbers",
            (u64::MAX - 4095, right.1, right.2),
            "too-short",
        ),
        ("shorter than a block", (right.0, 31, right.2), "malformed"),
        (
            "half an entry",
            (right.0, right.1 + 1, right.2),
            "malformed",
        ),
        (
            "one entry less",
            (right.0, 32, right.2),
            "checksum-mismatch",
        ),
        (
            "over the end",
            (9 * 4096, 32 + 48 * 100, right.2),
            "too-short",
        ),
        ("endless", (right.0, u32::MAX, right.2), "too-short"),
    ];
    for (what, root, expected) in rows {
        assert_eq!(code(&file(10, root, &[(3, &good)])), expected, "{what}");
    }

    let mut no_magic = good.clone();
    no_magic[3] = b'!';
    let mut more_entries = good.clone();
    more_entries[4] = 2;
    for block in [no_magic, more_entries] {
        let file = file(10, pointer(3, &block), &[(3, &block)]);
        assert_eq!(code(&file), "malformed");
    }
}

/// 1364 entries fit into the 64 KiB that a block may have.
#[test]
fn a_block_has_at_most_64_kib() {
    for (count, expected) in [(1364, "ok"), (1365, "malformed")] {
        let entries: Vec<Entry> = (0..count).map(|index| entry(20 + index, 3)).collect();
        let block = block(&entries, END);
        let file = file(1400, pointer(3, &block), &[(3, &block)]);
        assert_eq!(code(&file), expected, "{count}");
    }
}

#[test]
fn chains_that_loop_or_overlap_are_refused() {
    // No block can name its own checksum, so a real loop is one that a checksum ends; a chain
    // that comes back is refused before any checksum is made.
    let back = block(&[], (3 * 4096, 32, 0));
    let first = block(&[], pointer(4, &back));
    let looped = file(10, pointer(3, &first), &[(3, &first), (4, &back)]);
    let error = check(&looped).expect_err("a loop");
    let text = "directory block is malformed at byte 12288: \
                a block at byte 12288, on a page that is in use";
    assert_eq!(error.to_string(), text);

    let itself = block(&[], (3 * 4096, 32, 0));
    let file_of_one = file(10, pointer(3, &itself), &[(3, &itself)]);
    assert_eq!(code(&file_of_one), "malformed");

    // A block of two pages with the next in its second page.
    let entries: Vec<Entry> = (0..90).map(|index| entry(100 + index, 1)).collect();
    let inner = block(&[], END);
    let outer = block(&entries, pointer(4, &inner));
    assert!(outer.len() > PAGE_BYTES);
    let overlapping = file(200, pointer(3, &outer), &[(4, &inner), (3, &outer)]);
    assert_eq!(code(&overlapping), "malformed");

    // A block on the page of a chunk that the block before it names.
    let second = block(&[], END);
    let first = block(&[entry(4, 7)], pointer(4, &second));
    let on_a_chunk = file(10, pointer(3, &first), &[(3, &first), (4, &second)]);
    assert_eq!(code(&on_a_chunk), "malformed");
}
