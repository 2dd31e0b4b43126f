//! What the small files of a repository say.
//!
//! The strategies are boxed: those of a record are made of so many that they do not fit the stack
//! of a test.

use std::collections::HashSet;

use apograph_format::v1::CheckpointRecord;
use apograph_format::{
    Epoch, Generation, LogSequence, Lsn, SegmentName, Timeline, TransactionId, UnixMillis,
};
use apograph_io::FileStatus;
use apograph_manifest::{
    Capture, CapturedFile, Captures, Cursor, DrillNote, Evidence, FileName, FileStamp, FolderStamp,
    FoundDamage, FullContent, FullOf, FurtherCommits, History, ImageIdentity, ImageOf,
    IncrementContent, IncrementOf, Keep, Level, LogEvidence, LsnIncrement, Manifest, Nonce, Notes,
    PrunedNotes, RepositoryId, Segment, SegmentContent, SegmentRecord, SegmentStamp, Slot,
    TailStamp, TimeSpan, TimelineSpan, Unknown, Verification,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::words::{
    blake3, crc32, database_id, file_position, log_position, number, point, range_set,
    segment_kind, segment_name, text, word,
};

fn millis() -> impl Strategy<Value = UnixMillis> {
    word(UnixMillis::new)
}

fn file_name() -> impl Strategy<Value = FileName> {
    let ours = segment_name().prop_map(|name: SegmentName| name.to_string());
    let name = prop_oneof![ours, "[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,40}"];
    name.prop_map(|name| plain(&name))
}

fn plain(name: &str) -> FileName {
    FileName::try_from(name).expect("a plain name")
}

/// Fields that are not known, whose names no known one has.
fn unknown() -> BoxedStrategy<Unknown> {
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
        vec(number().prop_map(Value::from), 0..3).prop_map(Value::from),
    ];
    let name = text().prop_map(|name| format!("more-{name}"));
    let fields = vec((name, value), 0..3);
    fields
        .prop_map(|fields| Unknown::from(Map::from_iter(fields)))
        .boxed()
}

/// A segment of a manifest of a generation.
pub fn segment(generation: Generation) -> BoxedStrategy<Segment> {
    let end_lsn = option::of(word(Lsn::new));
    let front = (
        segment_kind(),
        file_name(),
        word(Epoch::new),
        word(Epoch::new),
    );
    let back = (crc32(), number(), millis(), end_lsn, unknown());
    (front, back)
        .prop_map(move |(front, back)| {
            let (kind, file, start_epoch, end_epoch) = front;
            let (checksum, size_bytes, created_at, end_lsn, unknown) = back;
            let is_json = generation == Generation::Two;
            Segment {
                kind,
                file,
                start_epoch,
                end_epoch,
                checksum,
                size_bytes,
                created_at,
                end_lsn: end_lsn.filter(|_| is_json),
                unknown: if is_json { unknown } else { Unknown::new() },
            }
        })
        .boxed()
}

fn segments(generation: Generation) -> impl Strategy<Value = Vec<Segment>> {
    vec(segment(generation), 0..6).prop_map(|mut segments| {
        let mut names = HashSet::new();
        segments.retain(|segment| names.insert(segment.file.clone()));
        segments
    })
}

/// A manifest of a generation.
pub fn manifest(generation: Generation) -> impl Strategy<Value = Manifest> {
    let unknown = match generation {
        Generation::One => Just(Unknown::new()).boxed(),
        Generation::Two => unknown().boxed(),
    };
    (segments(generation), unknown).prop_map(move |(segments, unknown)| Manifest {
        generation,
        segments,
        unknown,
    })
}

/// A cursor as an engine or apograph writes it.
pub fn cursor() -> impl Strategy<Value = Cursor> {
    let after = (word(LogSequence::new), any::<bool>());
    let keep = prop_oneof![
        after.prop_map(|(sequence, is_wide)| (Keep::FilesAfter(sequence), is_wide)),
        Just((Keep::AllFiles, true)),
        option::of(word(Lsn::new)).prop_map(|lsn| (Keep::FromLsn(lsn), false)),
    ];
    let fields = (word(Epoch::new), keep, millis(), unknown());
    fields.prop_map(|(backed_up_epoch, (keep, is_wide), written_at, unknown)| {
        let mut cursor = Cursor {
            backed_up_epoch,
            keep,
            written_at,
            is_wide,
            unknown: Unknown::new(),
        };
        match keep {
            Keep::FromLsn(_) => cursor.unknown = unknown,
            // Where its numbers need all bytes, a cursor of the engine is as one of ours.
            _ => cursor.is_wide |= cursor.encode().len() == 27,
        }
        cursor
    })
}

/// The notes of a repository.
pub fn notes() -> impl Strategy<Value = Notes> {
    let id = any::<u128>().prop_map(RepositoryId::new);
    let times = (option::of(millis()), option::of(file_name()));
    let failure = option::of(any::<String>());
    let drill =
        (millis(), any::<u64>(), failure).prop_map(|(at, restored_in, failure)| DrillNote {
            at,
            restored_in,
            point: None,
            failure,
        });
    let all = (id, times, option::of(drill), unknown());
    all.prop_map(
        |(id, (looked_until, file_times_through), drilled, unknown)| Notes {
            id,
            looked_until,
            file_times_through,
            drilled,
            pins: Vec::new(),
            pruned: PrunedNotes::default(),
            unknown,
        },
    )
}

fn image() -> BoxedStrategy<ImageIdentity> {
    let times = (millis(), millis());
    let second = (database_id(), any::<bool>());
    let of = option::of(second).prop_map(|second| {
        second.map_or(ImageOf::One, |(database, is_encrypted)| ImageOf::Two {
            database,
            is_encrypted,
        })
    });
    (times, number(), crc32(), of)
        .prop_map(|(times, iteration, checksum, of)| ImageIdentity {
            database_created_at: times.0,
            iteration,
            checksum,
            written_at: times.1,
            of,
        })
        .boxed()
}

/// Not the number that stands for none in a slot.
fn counted() -> impl Strategy<Value = u64> {
    number().prop_map(|number| number.min(u64::MAX - 1))
}

fn log_evidence() -> BoxedStrategy<LogEvidence> {
    let file = (counted(), number(), blake3()).prop_map(|(sequence, length, hash)| CapturedFile {
        sequence: LogSequence::new(sequence),
        length,
        hash,
    });
    let checkpoint = (
        word(Epoch::new),
        counted(),
        millis(),
        word(TransactionId::new),
    );
    let checkpoint =
        checkpoint.prop_map(
            |(epoch, sequence, written_at, transaction)| CheckpointRecord {
                epoch,
                log_sequence: LogSequence::new(sequence),
                written_at,
                transaction,
            },
        );
    let counts = (counted(), number(), number());
    (
        option::of(file),
        option::of(checkpoint),
        counts,
        any::<bool>(),
    )
        .prop_map(|(file, checkpoint, counts, is_older)| {
            let (newest, pending, marks) = counts;
            LogEvidence {
                file,
                checkpoint,
                newest: LogSequence::new(newest),
                pending,
                marks,
                is_older,
            }
        })
        .boxed()
}

/// What a publish writes down.
pub fn evidence() -> BoxedStrategy<Evidence> {
    let segment = (segment_name(), blake3());
    let segment = segment.prop_map(|(name, hash)| SegmentStamp {
        file: plain(&name.to_string()),
        hash,
    });
    let folder =
        (number(), any::<i64>()).prop_map(|(inode, created_ns)| FolderStamp { inode, created_ns });
    let nonce = any::<u128>().prop_map(Nonce::new);
    let log = (
        option::of(log_position()),
        image(),
        option::of(blake3()),
        option::of(log_evidence()),
    );
    (nonce, segment, log, option::of(folder))
        .prop_map(|(nonce, segment, log, folder)| Evidence {
            nonce,
            segment,
            end: log.0,
            image: log.1,
            older_files: log.2,
            tail: log.2.map(|hash| TailStamp { length: 7, hash }),
            log: log.3,
            folder,
        })
        .boxed()
}

/// A slot of a marker.
pub fn slot() -> BoxedStrategy<Slot> {
    let repository = any::<u128>().prop_map(RepositoryId::new);
    (repository, number(), millis(), evidence())
        .prop_map(|(repository, counter, written_at, evidence)| Slot {
            repository,
            counter,
            written_at,
            evidence: Evidence {
                folder: None,
                tail: None,
                ..evidence
            },
        })
        .boxed()
}

fn full() -> BoxedStrategy<FullContent> {
    let places = (option::of(file_position()), word(Lsn::new));
    let base = (point(), option::of(number()));
    (image(), base, places, any::<[bool; 2]>())
        .prop_map(
            |(image, (base, further), (first, second), [continues, is_spanned])| FullContent {
                image,
                base,
                further,
                continues,
                of: match image.generation() {
                    Generation::One => FullOf::One { log_start: first },
                    Generation::Two => FullOf::Two {
                        log_start: second,
                        is_spanned,
                    },
                },
            },
        )
        .boxed()
}

fn further_commits() -> impl Strategy<Value = FurtherCommits> {
    let numbers = vec((word(Epoch::new), option::of(number())), 0..4);
    option::of(numbers).prop_map(|numbers| {
        numbers.map_or(FurtherCommits::UNKNOWN, |numbers| {
            let mut further = FurtherCommits::NONE;
            for (epoch, number) in numbers {
                further.add(epoch, number);
            }
            further
        })
    })
}

fn timeline_span() -> BoxedStrategy<TimelineSpan> {
    let sets = (range_set(), range_set(), further_commits());
    (word(Timeline::new), word(Epoch::new), any::<bool>(), sets)
        .prop_map(
            |(timeline, base, opens, (epochs, transactions, further))| TimelineSpan {
                timeline,
                base,
                opens,
                epochs,
                further,
                transactions,
            },
        )
        .boxed()
}

fn increment_of() -> impl Strategy<Value = IncrementOf> {
    let files = (file_position(), file_position());
    let committed = (millis(), millis()).prop_map(|(first, last)| TimeSpan { first, last });
    let range = (word(Lsn::new), word(Lsn::new));
    let lsns = (range, option::of(committed), any::<[bool; 3]>());
    let lsns = lsns.prop_map(|((start, end), committed, flags)| {
        let [is_encrypted, diverges, spans] = flags;
        IncrementOf::Lsns(LsnIncrement {
            range: start..end,
            committed,
            is_encrypted,
            diverges,
            spans,
        })
    });
    prop_oneof![
        Just(IncrementOf::Unplaced),
        files.prop_map(|(start, end)| IncrementOf::Files(start..end)),
        lsns,
    ]
}

fn increment() -> BoxedStrategy<IncrementContent> {
    let counts = (number(), number(), number(), number());
    let stretches = vec(timeline_span(), 0..3);
    let captures = vec((0..1_u64 << 40, millis()), 0..3).prop_map(|mut captures| {
        captures.sort_unstable();
        let captures = captures.into_iter();
        Captures::from(
            captures
                .map(|(end, at)| Capture { end, at })
                .collect::<Vec<_>>(),
        )
    });
    (
        increment_of(),
        any::<[bool; 4]>(),
        counts,
        stretches,
        captures,
    )
        .prop_map(|(of, flags, counts, stretches, captures)| {
            let [continues, repeats, catches_up, process_ended] = flags;
            IncrementContent {
                of,
                overlap_bytes: counts.0,
                continues,
                repeats,
                catches_up,
                stretches: stretches.into(),
                process_ended,
                commits: counts.1,
                records: counts.2,
                frames: counts.3,
                captures,
            }
        })
        .boxed()
}

fn file_stamp() -> impl Strategy<Value = FileStamp> {
    (number(), any::<[i64; 2]>()).prop_map(|(inode, [modified_ns, changed_ns])| {
        FileStamp::from(FileStatus {
            inode,
            modified_ns,
            changed_ns,
            is_regular: true,
            length: 0,
        })
    })
}

/// What is known of a segment.
pub fn segment_record() -> BoxedStrategy<SegmentRecord> {
    let segment = segment(Generation::Two).prop_map(|segment| Segment {
        unknown: Unknown::new(),
        ..segment
    });
    let content = prop_oneof![
        full().prop_map(SegmentContent::from),
        increment().prop_map(SegmentContent::from),
    ];
    let level = prop_oneof![Just(Level::Files), Just(Level::Frames)];
    let verified = (file_stamp(), level, millis());
    let verified = verified.prop_map(|(stamp, level, at)| Verification::new(stamp, level, at));
    let damaged = (file_stamp(), millis(), number(), text());
    let damaged = damaged.prop_map(|(stamp, at, offset, detail)| FoundDamage {
        stamp,
        at,
        offset,
        detail,
    });
    let found = (option::of(verified), option::of(damaged));
    (segment, blake3(), content, any::<bool>(), found)
        .prop_map(
            |(segment, hash, content, is_uncounted, (verified, damaged))| SegmentRecord {
                segment,
                hash,
                content,
                is_uncounted,
                verified,
                damaged,
            },
        )
        .boxed()
}

/// What is known of a repository.
pub fn history() -> impl Strategy<Value = History> {
    (vec(segment_record(), 0..4), option::of(evidence()))
        .prop_map(|(records, evidence)| History { records, evidence })
}
