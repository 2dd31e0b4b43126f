//! The layouts of generation 1.

use apograph_format::v1::{
    CheckpointRecord, DatabaseHeaders, RawFrame, Record, RecordKind, SpillTable, SpilledFile,
    decode_change, element_of,
};
use apograph_format::{
    Crc32, Epoch, ExtentContent, Image, LogSequence, PAGE_BYTES, TransactionId, UnixMillis,
};
use apograph_testing::encoding::v1::{Section, directory, file_header, frame, record, slot};
use apograph_testing::encoding::{checksum, read_varint, varint};
use apograph_testing::fuzz;
use apograph_testing::strategies::{bytes, cases, change, cut, number, record_parts};
use proptest::array::{uniform2, uniform8};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// A record of any kind: control records are a number, mostly.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let control = (35..=38_u8, number());
    let any_kind = (0..40_u8, bytes(60));
    prop_oneof![
        control.prop_map(|(tag, number)| [vec![tag], varint(number)].concat()),
        any_kind.prop_map(|(tag, rest)| [vec![tag], rest].concat()),
    ]
}

/// The payloads of the frames from the front on that are whole and intact.
fn walk(mut log: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    while let Some(frame) = RawFrame::parse(log).ok().filter(RawFrame::is_intact) {
        payloads.push(frame.payload().to_vec());
        log = &log[frame.bytes().len()..];
    }
    payloads
}

/// How many of some frames end at or before a place.
fn ended_by(frames: &[Vec<u8>], place: usize) -> usize {
    let ends = frames.iter().scan(0, |end, frame| {
        *end += frame.len();
        Some(*end)
    });
    ends.take_while(|end| *end <= place).count()
}

/// Numbers one after the other, as far as they can be read.
fn numbers<const N: usize>(mut bytes: &[u8]) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    for place in &mut numbers {
        (*place, bytes) = read_varint(bytes)?;
    }
    Some(numbers)
}

/// The headers of a database file, and a section of each length after them.
fn database(slots: [[u64; 8]; 2], sections: &[Vec<u8>]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut data = Vec::new();
    for (kind, content) in (1..).zip(sections) {
        entries.push(Section {
            kind: [kind, 0, 0, 0, 1, 1, 0, 0],
            offset: (4 * PAGE_BYTES + data.len()) as u64,
            length: content.len() as u64,
            checksum: checksum(content),
        });
        data.extend(content);
        data.resize(data.len().next_multiple_of(PAGE_BYTES), 0);
    }
    let directory = directory(&entries);
    let sum = u32::from_le_bytes(checksum(&directory)).into();
    let slots = slots.map(|mut fields| {
        (fields[1], fields[2]) = (sum, 0);
        slot(fields)
    });
    let parts = [file_header(7, "0.5.44"), slots.concat(), directory, data];
    parts.concat()
}

fn slots() -> impl Strategy<Value = [[u64; 8]; 2]> {
    let checkpoint = (1..=u64::MAX, uniform8(number()));
    uniform2(checkpoint.prop_map(|(iteration, mut fields)| {
        fields[0] = iteration;
        fields
    }))
}

/// An image, and files of spilled vectors by their names.
fn spilled() -> impl Strategy<Value = (Vec<u8>, SpillTable, Vec<u8>)> {
    let files = btree_map("vectors_[a-zA-Z0-9%]{0,12}\\.(bin|BIN)", bytes(40), 1..4);
    (bytes(100), files).prop_map(|(image, contents)| {
        let files = contents.iter().map(|(name, content)| SpilledFile {
            name: name.clone(),
            size_bytes: content.len() as u64,
            checksum: Crc32::of(content),
        });
        let table = SpillTable {
            files: files.collect(),
        };
        let contents: Vec<u8> = contents.into_values().flatten().collect();
        let bytes = [&image, &contents, &table.encode()[..]].concat();
        (image, table, bytes)
    })
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn frames_are_read_as_they_are_written(payloads in vec(payload(), 0..8)) {
        let frames = payloads.iter().map(|payload| frame(payload));
        let log = frames.collect::<Vec<_>>().concat();
        prop_assert_eq!(walk(&log), payloads);
    }

    #[test]
    fn a_cut_log_is_its_whole_frames(payloads in vec(payload(), 1..6), at in cut()) {
        let frames: Vec<_> = payloads.iter().map(|payload| frame(payload)).collect();
        let log = frames.concat();
        let at = at.index(log.len());
        let whole = ended_by(&frames, at);
        prop_assert_eq!(walk(&log[..at]), &payloads[..whole]);
    }

    #[test]
    fn a_changed_byte_ends_the_log_before_its_frame(
        payloads in vec(payload(), 1..6),
        change in change(),
    ) {
        let frames: Vec<_> = payloads.iter().map(|payload| frame(payload)).collect();
        let log = frames.concat();
        let before = ended_by(&frames, change.place(log.len()));
        prop_assert_eq!(walk(&change.of(&log)), &payloads[..before]);
    }

    #[test]
    fn a_control_record_is_one_number(payload in payload(), tag in 35..=38_u8, more in bytes(10)) {
        for payload in [payload, [vec![tag], more].concat()] {
            let bytes = frame(&payload);
            let frame = RawFrame::parse(&bytes).expect("a frame");
            let number = read_varint(&payload[1..]).filter(|(_, rest)| rest.is_empty());
            let number = number.map(|(number, _)| number);
            let transaction = number.map(TransactionId::new);
            let expected = match payload[0] {
                35 => transaction.map(Record::Commit),
                36 => transaction.map(Record::Abort),
                37 => transaction.map(Record::Checkpoint),
                38 => number.map(Epoch::new).map(Record::EpochAdvance),
                tag => RecordKind::from_tag(tag).map(Record::Data),
            };
            prop_assert_eq!(Record::of(&frame).ok(), expected);
        }
    }

    #[test]
    fn records_are_read_as_they_are_written(parts in record_parts(), at in cut(), change in change()) {
        for expected in parts.changes_v1() {
            let written = record(&expected);
            prop_assert_eq!(element_of(&written), expected.operation.element());
            prop_assert_eq!(decode_change(&written), Ok(Some(expected)));
            // Without its tag it is no record, and a cut one cannot be read.
            let cut = 1 + at.index(written.len() - 1);
            prop_assert!(decode_change(&written[..cut]).is_err());
            // A changed one is read, or refused.
            fuzz::records(&change.of(&written));
        }
    }

    #[test]
    fn checkpoint_records_are_four_numbers(
        fields in vec(number(), 4),
        near in vec(prop_oneof![Just(250_u8), Just(251), Just(252), Just(253), any::<u8>()], 0..40),
        at in cut(),
        change in change(),
    ) {
        let record = |[epoch, sequence, written_at, transaction]: [u64; 4]| CheckpointRecord {
            epoch: Epoch::new(epoch),
            log_sequence: LogSequence::new(sequence),
            written_at: UnixMillis::new(written_at),
            transaction: TransactionId::new(transaction),
        };
        let bytes: Vec<u8> = fields.iter().copied().flat_map(varint).collect();
        for bytes in [&bytes[..], &bytes[..at.index(bytes.len())], &change.of(&bytes), &near] {
            let read = CheckpointRecord::decode(bytes).ok();
            prop_assert_eq!(read, numbers(bytes).map(record));
        }
        prop_assert!(CheckpointRecord::decode(&bytes).is_ok());
    }

    #[test]
    fn the_active_slot_is_the_one_of_the_last_checkpoint(
        slots in slots(),
        creator in "[0-9.]{1,32}",
        created_at in number(),
        at in 0..3 * PAGE_BYTES,
    ) {
        let pages = slots.map(slot).concat();
        let file = [file_header(created_at, &creator), pages].concat();
        // A checksum has 32 bits.
        let fits = slots.iter().all(|fields| u32::try_from(fields[1]).is_ok());
        let read = DatabaseHeaders::decode(&file);
        prop_assert_eq!(read.is_ok(), fits);
        if let Ok(headers) = read {
            prop_assert_eq!(headers.file.created_at, UnixMillis::new(created_at));
            prop_assert_eq!(&headers.file.creator, &creator);
            let [first, second] = slots;
            let last = if second[0] > first[0] { second } else { first };
            let active = headers.active();
            let found = [
                active.iteration,
                active.checksum.get().into(),
                active.snapshot_bytes,
                active.epoch.get(),
                active.transaction.get(),
                active.node_count,
                active.edge_count,
                active.written_at.get(),
            ];
            prop_assert_eq!(found, last);
        }
        prop_assert!(DatabaseHeaders::decode(&file[..at]).is_err());
    }

    #[test]
    fn spilled_vectors_are_found_after_the_image((image, table, bytes) in spilled()) {
        let image_bytes = image.len() as u64;
        prop_assert_eq!(SpillTable::decode(&bytes), Ok(Some((table.clone(), image_bytes))));
        for (file, range) in table.ranges(image_bytes) {
            let range = range.start.try_into().expect("small")..range.end.try_into().expect("small");
            prop_assert_eq!(Crc32::of(&bytes[range]), file.checksum);
        }
    }

    #[test]
    fn a_changed_or_cut_table_is_refused_or_none(
        (image, table, bytes) in spilled(),
        change in change(),
        at in cut(),
    ) {
        let whole = (table.clone(), image.len() as u64);
        let files: u64 = table.files.iter().map(|file| file.size_bytes).sum();
        let files_end = image.len() + usize::try_from(files).expect("small");
        let place = change.place(bytes.len());
        let expected = if place < files_end {
            // The files have checksums of their own.
            Some(Some(whole))
        } else if place < bytes.len() - 8 {
            None
        } else {
            // Without its magic number it is no table.
            Some(None)
        };
        prop_assert_eq!(SpillTable::decode(&change.of(&bytes)).ok(), expected);
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert_ne!(SpillTable::decode(cut), Ok(Some((table, image.len() as u64))));
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn every_changed_byte_of_a_section_is_found(
        slots in slots(),
        sections in vec(bytes(5000), 0..4),
        change in change(),
        at in cut(),
    ) {
        let file = database(slots, &sections);
        let image = Image::parse(&file).expect("an image");
        prop_assert_eq!(image.check(&file), Ok(()));
        let found = image.extents().iter();
        let found = found.map(|it| (it.content, it.range().map(|range| &file[range])));
        let expected = (1..).zip(&sections);
        let expected = expected.map(|(kind, it)| (ExtentContent::Section(kind), Some(&it[..])));
        prop_assert!(found.eq(expected));
        let changed = change.of(&file);
        let place = change.place(file.len());
        let is_covered = (3 * PAGE_BYTES..4 * PAGE_BYTES).contains(&place)
            || image.extents().iter().any(|it| it.range().is_some_and(|it| it.contains(&place)));
        if is_covered {
            let found = Image::parse(&changed).and_then(|image| image.check(&changed));
            prop_assert!(found.is_err());
        }
        let cut = &file[..at.index(file.len())];
        prop_assert!(Image::parse(cut).is_err());
    }
}
