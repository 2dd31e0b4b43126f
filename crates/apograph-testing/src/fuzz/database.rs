//! Database files.

use apograph_format::{Crc32, DatabaseHeaders, Extent, Generation, Image, PAGE_BYTES, v1, v2};

/// Every extent of an image that is accepted lies in the file, after the headers.
///
/// # Panics
///
/// Where that is not so.
pub fn database_file(data: &[u8]) {
    let headers = DatabaseHeaders::decode(data);
    let Ok(image) = Image::parse(data) else {
        return;
    };
    assert_eq!(headers.as_ref(), Ok(image.headers()));
    let checkpoint = image.checkpoint();
    match image.headers().file.generation {
        Generation::One => {
            let headers = v1::DatabaseHeaders::decode(data).expect("the same headers");
            let active = headers.active();
            assert!(headers.slots.contains(active));
            let (iteration, epoch) = (checkpoint.iteration, checkpoint.epoch);
            assert_eq!((active.iteration, active.epoch), (iteration, epoch));
            assert_eq!(checkpoint.log_start, None);
            assert!(image.extents().len() <= 127);
        }
        Generation::Two => {
            let headers = v2::DatabaseHeaders::decode(data).expect("the same headers");
            let active = headers.active().expect("an active slot");
            let (iteration, epoch) = (checkpoint.iteration, checkpoint.epoch);
            assert_eq!((active.iteration, active.epoch), (iteration, epoch));
            assert_eq!(checkpoint.log_start, Some(active.log_start));
            check_pages(data, image.extents());
        }
    }
    for extent in image.extents() {
        let range = extent.range().expect("an extent fits into memory");
        assert!(range.start >= 12288 && range.start <= range.end && range.end <= data.len());
        assert_ne!(extent.content.to_string(), "");
    }
    let intact = |extent: &Extent| extent.check(data).is_ok();
    assert_eq!(
        image.check(data).is_ok(),
        image.extents().iter().all(intact)
    );
}

/// A database file of generation 2: as it is, and with the checksums of its headers and of the
/// chain of its blocks made right as far as the bytes allow, so that what stands after them is
/// reached.
///
/// # Panics
///
/// As [`database_file`].
pub fn database_file_v2(data: &[u8]) {
    database_file(data);
    let mut sealed = data.to_vec();
    for slot in [PAGE_BYTES, 2 * PAGE_BYTES] {
        seal_chain(&mut sealed, slot + ROOT_OFFSET, CHAIN_MAX_BLOCKS);
        seal(&mut sealed, slot, SLOT_COVERED_BYTES);
    }
    seal(&mut sealed, 0, FILE_COVERED_BYTES);
    database_file(&sealed);
}

/// Bytes of the file header and of a slot that their checksum covers, and that it stands after.
const FILE_COVERED_BYTES: usize = 72;
const SLOT_COVERED_BYTES: usize = 80;
const ROOT_OFFSET: usize = 40;
const NEXT_OFFSET: usize = 8;
const CHAIN_MAX_BLOCKS: usize = 4;

fn seal(file: &mut [u8], start: usize, covered_bytes: usize) {
    let Some(page) = file.get_mut(start..start + covered_bytes + 4) else {
        return;
    };
    let (covered, checksum) = page.split_at_mut(covered_bytes);
    checksum.copy_from_slice(&Crc32::of(covered).get().to_le_bytes());
}

/// Makes the checksum in a pointer that of the block it points to, those after it first.
fn seal_chain(file: &mut [u8], pointer: usize, blocks: usize) {
    let bytes = file.get(pointer..).unwrap_or_default();
    let offset = bytes
        .first_chunk()
        .map(|offset| u64::from_le_bytes(*offset));
    let length = bytes.get(8..).and_then(<[u8]>::first_chunk);
    let length = length.map(|length| u32::from_le_bytes(*length));
    let (Some(offset), Some(length)) = (offset, length) else {
        return;
    };
    let (Ok(offset), Ok(length)) = (usize::try_from(offset), usize::try_from(length)) else {
        return;
    };
    if let (Some(next), Some(before)) = (offset.checked_add(NEXT_OFFSET), blocks.checked_sub(1)) {
        seal_chain(file, next, before);
    }
    let end = offset.checked_add(length);
    let Some(block) = end.and_then(|end| file.get(offset..end)) else {
        return;
    };
    let checksum = Crc32::of(block).get().to_le_bytes();
    if let Some(place) = file.get_mut(pointer + 12..pointer + 16) {
        place.copy_from_slice(&checksum);
    }
}

/// Extents begin with a page, and share none.
fn check_pages(data: &[u8], extents: &[Extent]) {
    let mut ranges: Vec<_> = extents.iter().filter_map(Extent::range).collect();
    ranges.sort_by_key(|range| range.start);
    assert!(
        ranges
            .iter()
            .all(|range| range.start.is_multiple_of(PAGE_BYTES))
    );
    let share = |pair: &[std::ops::Range<usize>]| pair[0].end > pair[1].start;
    assert!(!ranges.windows(2).any(share), "two extents on one page");
    assert!(ranges.len() <= data.len() / PAGE_BYTES);
}
