//! What holds for whatever the small files of a repository can say, and for whatever can become of
//! them.

use std::io::Cursor as Reader;
use std::path::Path;

use apograph_format::UnixMillis;
use apograph_io::{Folder, Mode, RealDisk};
use apograph_manifest::{
    Cursor, FileName, HISTORY_FILE_NAME, History, Manifest, Marker, Nonce, Notes, RecordRef,
    RepositoryId, Slot, TimeSpan, append_records, marked_repository, marker_name, read_history,
    read_marker, read_records, write_history, write_slot,
};
use apograph_testing::strategies::{
    cases, change, cursor, cut, evidence, generation, history, manifest, notes, number,
    refuses_or_says, segment_record, slot, text, word,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

fn read_manifest(bytes: &[u8]) -> Option<Manifest> {
    Manifest::decode(bytes, Path::new("manifest")).ok()
}

fn read_cursor(bytes: &[u8]) -> Option<Cursor> {
    Cursor::decode(bytes, Path::new("cursor")).ok()
}

fn read_notes(bytes: &[u8]) -> Option<Notes> {
    Notes::decode(bytes, Path::new("notes")).ok()
}

fn any_manifest() -> impl Strategy<Value = Manifest> {
    generation().prop_flat_map(manifest)
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn manifests_are_read_as_they_are_written(manifest in any_manifest()) {
        let bytes = manifest.encode();
        prop_assert_eq!(read_manifest(&bytes), Some(manifest.clone()));
        let read = Manifest::read(Reader::new(&bytes), Path::new("manifest"));
        prop_assert_eq!(read.ok(), Some(manifest.clone()));
        prop_assert!(manifest.is_same(&manifest));
    }

    #[test]
    fn a_cut_or_changed_manifest_is_refused_or_says_what_it_says(
        manifest in any_manifest(),
        at in cut(),
        change in change(),
    ) {
        let bytes = manifest.encode();
        prop_assert_eq!(read_manifest(&bytes[..at.index(bytes.len())]), None);
        refuses_or_says(&change.of(&bytes), read_manifest, Manifest::encode)?;
    }

    #[test]
    fn cursors_are_read_as_they_are_written(cursor in cursor()) {
        prop_assert_eq!(read_cursor(&cursor.encode()), Some(cursor));
    }

    #[test]
    fn a_cut_or_changed_cursor_is_refused_or_says_what_it_says(
        cursor in cursor(),
        at in cut(),
        change in change(),
    ) {
        let bytes = cursor.encode();
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert_ne!(read_cursor(cut), Some(cursor));
        for bytes in [cut, &change.of(&bytes)] {
            refuses_or_says(bytes, read_cursor, Cursor::encode)?;
        }
    }

    #[test]
    fn notes_are_read_as_they_are_written(notes in notes()) {
        prop_assert_eq!(read_notes(&notes.encode()), Some(notes));
    }

    #[test]
    fn a_cut_or_changed_note_is_refused(notes in notes(), at in cut(), change in change()) {
        let bytes = notes.encode();
        // All but the line's end.
        let body = &bytes[..bytes.len() - 1];
        prop_assert_eq!(read_notes(&body[..at.index(body.len())]), None);
        prop_assert_eq!(read_notes(&change.of(body)), None);
    }

    #[test]
    fn slots_are_read_as_they_are_written(slot in slot(), change in change()) {
        let bytes = slot.encode();
        prop_assert_eq!(Slot::decode(&bytes), Some(slot));
        let changed = change.of(&bytes).try_into().expect("as long");
        prop_assert_eq!(Slot::decode(&changed), None);
    }

    #[test]
    fn a_marker_has_the_slots_that_are_whole(
        slots in [slot(), slot()],
        id in any::<u128>(),
        at in cut(),
    ) {
        let repository = RepositoryId::new(id);
        let slots = slots.map(|slot| Slot { repository, ..slot });
        let mut bytes = slots[0].encode().to_vec();
        bytes.resize(4096, 0);
        bytes.extend(slots[1].encode());
        let whole = slots.map(Some);
        let marker = Marker::decode(&bytes, repository);
        prop_assert_eq!(&marker.slots, &whole);
        let cut = at.index(bytes.len());
        let left = Marker::decode(&bytes[..cut], repository);
        let [first, _] = whole;
        prop_assert_eq!(left.slots, [first.filter(|_| cut >= Slot::BYTES), None]);
        let other = RepositoryId::new(!id);
        prop_assert_eq!(Marker::decode(&bytes, other), Marker::default());
    }

    #[test]
    fn a_marker_is_named_by_its_repository(id in any::<u128>(), other in text()) {
        let repository = RepositoryId::new(id);
        prop_assert_eq!(marked_repository(marker_name(repository).as_ref()), Some(repository));
        prop_assert_eq!(repository.to_string().parse(), Ok(repository));
        prop_assert_eq!(Nonce::new(id).to_string().parse(), Ok(Nonce::new(id)));
        let near = format!("apograph-{other}.mark");
        if let Some(read) = marked_repository(near.as_ref()) {
            prop_assert_eq!(marker_name(read), near);
        }
    }

    #[test]
    fn histories_are_read_as_they_are_written(history in history()) {
        prop_assert_eq!(History::decode(&history.encode()), Some(history));
    }

    #[test]
    fn a_changed_history_is_none_and_a_cut_one_an_earlier_one(
        history in history(),
        at in cut(),
        change in change(),
    ) {
        let bytes = history.encode();
        prop_assert_eq!(History::decode(&change.of(&bytes)), None);
        let cut = &bytes[..at.index(bytes.len())];
        if let Some(earlier) = History::decode(cut) {
            prop_assert!(history.records.starts_with(&earlier.records));
            prop_assert_eq!(earlier.evidence, None);
            prop_assert!(cut.ends_with(b"\n"));
        }
    }

    #[test]
    fn a_name_is_a_name_and_no_path(
        name in prop_oneof!["[a-zA-Z0-9._-]{0,40}", "[a-z./]{1,6}", "\\PC{0,5}"],
        long in 240..270_usize,
    ) {
        for name in [name, "n".repeat(long)] {
            let is_plain = |it: char| it.is_ascii_alphanumeric() || "._-".contains(it);
            let is_name = name.chars().all(is_plain)
                && !name.starts_with('.')
                && (1..=255).contains(&name.len());
            let read = FileName::try_from(name.as_str());
            prop_assert_eq!(read.is_ok(), is_name, "{:?}", name);
            if let Ok(read) = read {
                prop_assert_eq!(read.as_str(), name);
            }
        }
    }

    #[test]
    fn a_span_begins_with_the_first_time_and_ends_with_the_latest(
        times in vec(word(UnixMillis::new), 1..8),
    ) {
        let span = times.iter().fold(None, |span, time| Some(TimeSpan::with(span, *time)));
        let (first, last) = (times[0], *times.iter().max().expect("a time"));
        prop_assert_eq!(span, Some(TimeSpan { first, last }));
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn what_publishes_add_is_read_as_one_history(
        before in history(),
        added in vec((vec(segment_record(), 0..3), evidence()), 1..4),
        at in cut(),
    ) {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(temporary.path()).expect("a folder");
        write_history(&RealDisk, &folder, Mode::PRIVATE, &before).expect("written");
        let mut states = vec![before];
        for (records, evidence) in added {
            let read = read_records(&folder, drop).expect("a file").expect("a history");
            let end = read.end.expect("an end");
            let refs: Vec<_> = records.iter().map(RecordRef::from).collect();
            let is_added = append_records(&RealDisk, &folder, &end, &refs, Some(&evidence));
            prop_assert!(is_added.expect("written"));
            let mut next = states[states.len() - 1].clone();
            next.records.extend(records);
            next.evidence = Some(evidence);
            states.push(next);
        }
        let last = states.last().expect("a state");
        prop_assert_eq!(&read_history(&folder).expect("a file"), last);
        // Cut anywhere it says what was said before.
        let path = temporary.path().join(HISTORY_FILE_NAME);
        let bytes = std::fs::read(&path).expect("a file");
        std::fs::write(&path, &bytes[..at.index(bytes.len())]).expect("a file");
        let left = read_history(&folder).expect("a file");
        let is_earlier = |it: &History| {
            it.records.starts_with(&left.records)
                && (left.evidence.is_none() || it.evidence == left.evidence)
        };
        prop_assert!(states.iter().any(is_earlier), "{:?}", left);
    }

    #[test]
    fn the_slot_that_the_repository_knows_stays(
        first in slot(),
        known in vec(any::<Option<Index>>(), 1..8),
    ) {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(temporary.path()).expect("a folder");
        let nonces = || -> Vec<Nonce> {
            let marker = read_marker(&folder, first.repository).expect("no error");
            let slots = marker.unwrap_or_default().slots.into_iter().flatten();
            slots.map(|slot| slot.evidence.nonce).collect()
        };
        for (number, known) in (1..).zip(known) {
            let before = nonces();
            let known = known.filter(|_| !before.is_empty()).map(|it| *it.get(&before));
            let mut slot = first.clone();
            slot.evidence.nonce = Nonce::new(number);
            write_slot(&RealDisk, &folder, Mode::PRIVATE, slot, known).expect("written");
            let marker = read_marker(&folder, first.repository).expect("no error");
            let marker = marker.expect("a marker");
            let newest = marker.newest().expect("a slot");
            prop_assert_eq!(newest.evidence.nonce, Nonce::new(number));
            prop_assert!(known.is_none_or(|known| nonces().contains(&known)));
            prop_assert_eq!(nonces().len(), 2.min(before.len() + 1));
        }
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn numbers_are_in_order_of_their_text_as_ids(one in number(), other in number()) {
        let id = |number: u64| RepositoryId::new(number.into());
        prop_assert_eq!(id(one).to_string().cmp(&id(other).to_string()), one.cmp(&other));
    }
}
