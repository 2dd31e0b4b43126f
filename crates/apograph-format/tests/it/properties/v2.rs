//! The layouts of generation 2.

use apograph_format::change::GraphOperation;
use apograph_format::v2::{
    CatalogKey, DatabaseHeaders, FrameDefect, FrameHead, FrameSum, GroupBegin, Pieces, RawFrame,
    RawRecord, RecordDefect, Records, SlotState, WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader,
    decode_change, element_of,
};
use apograph_format::{
    DatabaseId, ExtentContent, Image, Lsn, PAGE_BYTES, TransactionId, UnixMillis,
};
use apograph_testing::encoding::v2::{
    Entry, GROUP_BEGIN, REQUIRED, Slot, block, file_header, frame, group_begin, log_header, piece,
    pointer, record, slot,
};
use apograph_testing::encoding::{self, checksum, varint};
use apograph_testing::fuzz;
use apograph_testing::strategies::{bytes, cases, change, cut, number, record_parts};
use proptest::array::{uniform2, uniform7};
use proptest::collection::vec;
use proptest::prelude::*;

/// A frame's place, transaction, flags and payload.
fn parts() -> impl Strategy<Value = (u64, u64, u8, Vec<u8>)> {
    (number(), number(), 0..4_u8, bytes(80))
}

/// A record that a reader may pass over.
fn raw_record() -> impl Strategy<Value = (u8, u8, Vec<u8>)> {
    // The flags of bits 4 to 7 are ignored.
    let flags = (0..16_u8).prop_map(|flags| flags << 4);
    let known = (Just(GROUP_BEGIN), Just(REQUIRED), bytes(20));
    prop_oneof![(1..=u8::MAX, flags, bytes(40)), known]
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    (any::<u128>(), number(), number())
        .prop_map(|(database, first_lsn, created_at)| log_header(database, first_lsn, created_at))
}

/// Frames of a log that begins at a position, cut into pieces.
fn body() -> impl Strategy<Value = (Vec<(u64, Vec<u8>)>, Vec<u8>)> {
    let pieces = vec((bytes(60), number()), 1..5);
    (any::<u128>(), 0..1_u64 << 60, pieces).prop_map(|(database, first, pieces)| {
        let (mut start, mut known, mut body) = (first, Vec::new(), Vec::new());
        for (frames, created_at) in pieces {
            body.extend(piece(&log_header(database, start, created_at), &frames));
            let end = start + frames.len() as u64;
            known.push((start, frames));
            start = end;
        }
        (known, body)
    })
}

fn found(body: &[u8]) -> Option<Vec<(u64, Vec<u8>)>> {
    let pieces = Pieces::new(body).map(|piece| {
        let piece = piece.ok()?;
        Some((piece.header.first_lsn.get(), piece.frames.to_vec()))
    });
    pieces.collect()
}

fn slots() -> impl Strategy<Value = [Slot; 2]> {
    uniform2(uniform7(number()).prop_map(|fields| Slot {
        iteration: fields[0],
        log_start: fields[1],
        epoch: fields[2],
        transaction: fields[3],
        root: (0, 0, 0),
        node_count: fields[4],
        edge_count: fields[5],
        written_at: fields[6],
    }))
}

/// A database file whose chunks are named by as many blocks as there are lists of them.
fn database(slots: [Slot; 2], blocks: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut put = |bytes: &[u8]| {
        let offset = (3 * PAGE_BYTES + data.len()) as u64;
        data.extend(bytes);
        data.resize(data.len().next_multiple_of(PAGE_BYTES), 0);
        offset
    };
    let mut root = (0, 0, 0);
    // The last block first: each names the one after it.
    for chunks in blocks.iter().rev() {
        let entries = (1..).zip(chunks).map(|(section, chunk)| Entry {
            section,
            offset: put(chunk),
            length: chunk.len() as u64,
            checksum: u32::from_le_bytes(checksum(chunk)),
            flags: 0,
        });
        let block = block(&entries.collect::<Vec<_>>(), root);
        root = pointer(put(&block), &block);
    }
    let slots = slots.map(|fields| slot(&Slot { root, ..fields }));
    let parts = [file_header(7, 9, "0.6.1"), slots.concat(), data];
    parts.concat()
}

/// Whether a record has bytes that are not looked into.
fn is_opaque(operation: &GraphOperation<'_>) -> bool {
    let unknown = CatalogKey::Unknown {
        kind: 0,
        payload: &[],
    };
    match operation {
        GraphOperation::Unknown { .. } => true,
        GraphOperation::DropCatalog(key) => key.kind() == unknown.kind(),
        GraphOperation::PutCatalog(record) => record.key().kind() == unknown.kind(),
        _ => false,
    }
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn changes_are_read_as_they_are_written(
        parts in record_parts(),
        at in cut(),
        change in change(),
    ) {
        for expected in parts.changes_v2() {
            let (kind, written) = encoding::v2::change(&expected);
            let decode = |payload| decode_change(&RawRecord { kind, payload });
            let is_opaque = is_opaque(&expected.operation);
            let raw = RawRecord { kind, payload: &written };
            prop_assert_eq!(element_of(&raw), expected.operation.element());
            prop_assert_eq!(decode(&written), Ok(expected));
            let longer = [&written[..], &[0]].concat();
            if !is_opaque {
                prop_assert!(decode(&written[..at.index(written.len())]).is_err());
                prop_assert!(decode(&longer).is_err());
            }
            // A changed one is read, or refused.
            fuzz::records_v2(&[&[kind], &change.of(&longer)[..]].concat());
        }
    }

    #[test]
    fn frames_are_read_as_they_are_written(
        (lsn, transaction, flags, payload) in parts(),
        behind in bytes(5),
        at in cut(),
    ) {
        let bytes = frame(lsn, transaction, flags, &payload);
        let log = [&bytes[..], &behind].concat();
        let read = RawFrame::parse(&log, Lsn::new(lsn)).expect("a frame");
        prop_assert_eq!(read.check(), Ok(()));
        prop_assert_eq!(read.bytes(), &bytes[..]);
        prop_assert_eq!(read.payload(), &payload[..]);
        prop_assert_eq!(read.transaction(), TransactionId::new(transaction));
        prop_assert_eq!(read.flags().is_first(), flags & 1 != 0);
        prop_assert_eq!(read.flags().is_last(), flags & 2 != 0);
        let synced = payload.first_chunk().map(|it| Lsn::new(u64::from_le_bytes(*it)));
        prop_assert_eq!(read.synced_lsn(), synced);
        // The same piece by piece, of which the first has the whole header.
        let head = FrameHead::parse(&log, Lsn::new(lsn), log.len() as u64).expect("a head");
        let at = 25 + at.index(bytes.len() - 24);
        let mut sum = FrameSum::default();
        sum.add(&bytes[..at]);
        sum.add(&bytes[at..]);
        prop_assert_eq!(head.check(sum), Ok(()));
    }

    #[test]
    fn a_changed_cut_or_moved_frame_is_refused(
        (lsn, transaction, flags, payload) in parts(),
        change in change(),
        at in cut(),
        other in number(),
    ) {
        let bytes = frame(lsn, transaction, flags, &payload);
        let check = |bytes: &[u8], lsn| {
            RawFrame::parse(bytes, Lsn::new(lsn)).and_then(|frame| frame.check())
        };
        prop_assert!(check(&change.of(&bytes), lsn).is_err());
        let cut = &bytes[..at.index(bytes.len())];
        let refused = check(cut, lsn);
        prop_assert!(matches!(refused, Err(FrameDefect::Truncated { .. })), "{:?}", refused);
        if other != lsn {
            let refused = check(&bytes, other);
            prop_assert!(matches!(refused, Err(FrameDefect::Misplaced { .. })), "{:?}", refused);
        }
    }

    #[test]
    fn records_are_read_as_they_are_written(records in vec(raw_record(), 0..6), at in cut()) {
        let written: Vec<_> = records.iter().map(|(it, flags, of)| record(*it, *flags, of)).collect();
        let payload = written.concat();
        let read: Result<Vec<_>, _> = Records::new(&payload).collect();
        let expected = records.iter().map(|(kind, _, of)| RawRecord { kind: *kind, payload: of });
        let expected: Vec<_> = expected.collect();
        prop_assert_eq!(read, Ok(expected.clone()));

        let cut = at.index(payload.len() + 1);
        let (mut whole, mut end) = (0, 0);
        while whole < written.len() && end + written[whole].len() <= cut {
            end += written[whole].len();
            whole += 1;
        }
        let mut read = Records::new(&payload[..cut]);
        let front: Result<Vec<_>, _> = read.by_ref().take(whole).collect();
        prop_assert_eq!(front, Ok(expected[..whole].to_vec()));
        let rest = read.next();
        let is_cut = matches!(rest, Some(Err(RecordDefect::Truncated { .. })));
        prop_assert!(if end == cut { rest.is_none() } else { is_cut }, "{:?}", rest);
        prop_assert!(read.next().is_none());
    }

    #[test]
    fn a_beginning_is_two_numbers_and_an_origin(
        epoch in number(),
        time in number(),
        origin in 0..8_u64,
        more in bytes(2),
    ) {
        let bytes = group_begin(epoch, time, origin);
        let begin = Records::new(&bytes).next().expect("a record").expect("a sound one");
        let read = GroupBegin::decode(begin.payload);
        prop_assert_eq!(read.is_ok(), origin < 5);
        if let Ok(read) = read {
            prop_assert_eq!((read.epoch.get(), read.committed_at.get()), (epoch, time));
            prop_assert_eq!(read.origin as u64, origin);
            let written = [read.epoch.get(), read.committed_at.get(), origin].map(varint);
            prop_assert_eq!(written.concat(), begin.payload);
        }
        let longer = [begin.payload, &more[..]].concat();
        prop_assert!(more.is_empty() || GroupBegin::decode(&longer).is_err());
        for length in 0..begin.payload.len() {
            prop_assert!(GroupBegin::decode(&begin.payload[..length]).is_err());
        }
    }

    #[test]
    fn headers_of_log_files_are_read_as_they_are_written(
        database in any::<u128>(),
        first in number(),
        created in number(),
        other in (number(), number()),
        change in change(),
        length in 0..WAL_SEGMENT_HEADER_BYTES,
    ) {
        let bytes = log_header(database, first, created);
        let header = WalSegmentHeader::decode(&bytes).expect("a header");
        prop_assert_eq!(&header.bytes()[..], &bytes[..]);
        prop_assert_eq!(header.database, DatabaseId::new(database));
        prop_assert_eq!(header.first_lsn, Lsn::new(first));
        prop_assert_eq!(header.created_at, UnixMillis::new(created));
        prop_assert!(!header.is_encrypted);
        prop_assert!(WalSegmentHeader::decode(&change.of(&bytes)).is_err());
        prop_assert!(WalSegmentHeader::decode(&bytes[..length]).is_err());
        let made = header.beginning_at(Lsn::new(other.0)).created(UnixMillis::new(other.1));
        prop_assert_eq!(&made.bytes()[..], &log_header(database, other.0, other.1)[..]);
        prop_assert_eq!(WalSegmentHeader::decode(made.bytes()), Ok(made));
        prop_assert_eq!(made.is_same_segment(&header), created == other.1);
    }

    #[test]
    fn pieces_lie_side_by_side((pieces, body) in body(), at in cut(), step in 1..9_u64) {
        prop_assert_eq!(found(&body), Some(pieces.clone()));
        // Cut it is refused, but between two of them.
        let cut = at.index(body.len());
        let ends = pieces.iter().scan(0, |end, (_, frames)| {
            *end += 8 + WAL_SEGMENT_HEADER_BYTES + frames.len();
            Some(*end)
        });
        let whole = ends.take_while(|end| *end <= cut).count();
        let is_between = found(&body[..cut]);
        let length: usize = pieces[..whole].iter().map(|(_, it)| 136 + it.len()).sum();
        let expected = (length == cut).then(|| pieces[..whole].to_vec());
        prop_assert_eq!(is_between, expected);
        // A piece that goes on elsewhere is refused.
        let (last, frames) = pieces.last().expect("a piece");
        let start = body.len() - frames.len() - WAL_SEGMENT_HEADER_BYTES;
        let header = WalSegmentHeader::decode(&body[start..]).expect("a header");
        let mut moved = body.clone();
        let elsewhere = header.beginning_at(Lsn::new(last + step));
        moved[start..start + WAL_SEGMENT_HEADER_BYTES].copy_from_slice(elsewhere.bytes());
        prop_assert_eq!(found(&moved).is_none(), pieces.len() > 1);
    }

    #[test]
    fn a_changed_front_of_a_piece_is_refused((pieces, body) in body(), change in change()) {
        let (mut start, place) = (0, change.place(body.len()));
        for (_, frames) in &pieces {
            let front = start..start + 8 + WAL_SEGMENT_HEADER_BYTES;
            if front.contains(&place) {
                prop_assert!(found(&change.of(&body)).is_none(), "byte {}", place);
            }
            start = front.end + frames.len();
        }
    }

    #[test]
    fn a_header_is_refused_where_a_log_has_none(header in header(), bytes in bytes(200)) {
        prop_assert!(!WalSegmentHeader::is_unfinished(&header));
        let is_zeros = bytes.iter().all(|byte| *byte == 0);
        let is_unfinished = bytes.len() < WAL_SEGMENT_HEADER_BYTES || is_zeros;
        prop_assert_eq!(WalSegmentHeader::is_unfinished(&bytes), is_unfinished);
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn the_active_slot_is_the_valid_one_of_the_last_checkpoint(
        slots in slots(),
        change in change(),
        id in any::<u128>(),
        creator in "[0-9.]{1,32}",
    ) {
        let file = [file_header(id, 9, &creator), slots.map(|it| slot(&it)).concat()].concat();
        let headers = DatabaseHeaders::decode(&file).expect("headers");
        prop_assert_eq!((headers.file.id.get(), &headers.file.creator), (id, &creator));
        let last = usize::from(slots[1].iteration > slots[0].iteration);
        let active = headers.active().expect("a slot");
        let found = Slot {
            iteration: active.iteration,
            log_start: active.log_start.get(),
            epoch: active.epoch.get(),
            transaction: active.transaction.get(),
            root: (active.root.offset, active.root.length, active.root.checksum.get()),
            node_count: active.node_count,
            edge_count: active.edge_count,
            written_at: active.written_at.get(),
        };
        prop_assert_eq!(found, slots[last]);
        // What is changed in a slot makes the other one the active one.
        for (index, other) in [(0, 1), (1, 0)] {
            let start = PAGE_BYTES * (1 + index);
            let mut changed = file.clone();
            changed[start..start + 84].copy_from_slice(&change.of(&file[start..start + 84]));
            let headers = DatabaseHeaders::decode(&changed).expect("headers");
            prop_assert_eq!(headers.slots[index], SlotState::Damaged);
            let active = headers.active().expect("the other slot");
            prop_assert_eq!(active.iteration, slots[other].iteration);
        }
        let mut changed = file.clone();
        changed[..76].copy_from_slice(&change.of(&file[..76]));
        prop_assert!(DatabaseHeaders::decode(&changed).is_err());
    }

    #[test]
    fn every_changed_byte_of_an_image_is_found(
        slots in slots(),
        blocks in vec(vec(bytes(5000).prop_filter("a chunk has bytes", |it| !it.is_empty()), 0..3), 0..3),
        change in change(),
        at in cut(),
    ) {
        let file = database(slots, &blocks);
        let image = Image::parse(&file).expect("an image");
        prop_assert_eq!(image.check(&file), Ok(()));
        let found = image.extents().iter();
        let found = found.map(|it| (it.content, it.range().map(|range| &file[range])));
        let expected = blocks.iter().flat_map(|chunks| (1..).zip(chunks));
        let expected = expected.map(|(kind, it)| (ExtentContent::Chunk(kind), Some(&it[..])));
        prop_assert!(found.eq(expected));
        let place = change.place(file.len());
        let is_covered = image.extents().iter().any(|it| it.range().is_some_and(|it| it.contains(&place)));
        if is_covered {
            let changed = change.of(&file);
            let found = Image::parse(&changed).and_then(|image| image.check(&changed));
            prop_assert!(found.is_err());
        }
        let data = 3 * PAGE_BYTES;
        if file.len() > data {
            let cut = at.index(file.len() - data) + data;
            // The last page is a block or a chunk, and zeros after it.
            prop_assert!(Image::parse(&file[..cut]).is_err() || file[cut..].iter().all(|it| *it == 0));
        }
    }
}
