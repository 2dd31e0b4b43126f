//! `invented-repository FOLDER SEGMENTS`: a repository of so many segments of which the small files
//! alone are true: the segments have their sizes, and nothing is in them.
//!
//! It has all that a history can have: branches, gaps, merged increments, what was verified, what is
//! damaged or missing, pins. Whoever reads no segment cannot tell it from one that was captured.

use std::env::args;
use std::fs::{self, File};
use std::path::Path;

use apograph_format::{
    Blake3, Crc32, Epoch, Point, RangeSet, SegmentKind, SegmentName, Timeline, UnixMillis,
};
use apograph_io::{Folder, Mode, RealDisk};
use apograph_manifest::{
    Capture, DrillNote, FileStamp, FoundDamage, FullContent, FullOf, FurtherCommits, ImageIdentity,
    ImageOf, IncrementContent, IncrementOf, Level, Manifest, Notes, Pin, PinName, PinnedPoint,
    PinnedState, RecordRef, RepositoryId, Segment, SegmentContent, SegmentRecord, TimelineSpan,
    Unknown, Verification, write_manifest, write_notes, write_records,
};

const MINUTE_MS: u64 = 60_000;
/// 2026-11-01T00:00:00Z
const END_MS: u64 = 1_793_491_200_000;
/// So many segments come between two full backups, and so many between two timelines.
const PER_FULL: u64 = 48;
const PER_TIMELINE: u64 = 110;
/// Every so many segments one is lost, one is damaged, and one is not there.
const PER_LOSS: u64 = 310;

fn main() {
    let mut words = args().skip(1);
    let folder = words.next().expect("a folder");
    let count = words
        .next()
        .and_then(|it| it.parse().ok())
        .expect("a number");
    let folder = Path::new(&folder);
    fs::create_dir(folder).expect("a new folder");
    let mut history = Invented {
        number: 7,
        timeline: Timeline::FIRST,
        epoch: 1,
        at: END_MS - count * 23 * MINUTE_MS,
        base: None,
    };
    let records = (0..count).map(|index| history.segment(folder, index, count));
    let records: Vec<SegmentRecord> = records.collect();
    let folder = Folder::open(folder).expect("the folder");
    let segments = records.iter().map(|record| record.segment.clone());
    let manifest = Manifest {
        segments: segments.collect(),
        ..Manifest::default()
    };
    write_manifest(&RealDisk, &folder, Mode::PRIVATE, &manifest).expect("a manifest");
    let all = records.iter().map(RecordRef::from);
    write_records(&RealDisk, &folder, Mode::PRIVATE, all, None).expect("records");
    let notes = history.notes();
    write_notes(&RealDisk, &folder, Mode::PRIVATE, &notes).expect("notes");
}

/// A history as far as it was made up.
struct Invented {
    /// The last number that was drawn.
    number: u64,
    timeline: Timeline,
    epoch: u64,
    at: u64,
    /// The timeline's full backup.
    base: Option<FullContent>,
}

impl Invented {
    /// The same ones each time.
    fn draw(&mut self, below: u64) -> u64 {
        const FACTOR: u64 = 6_364_136_223_846_793_005;
        self.number = self
            .number
            .wrapping_mul(FACTOR)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.number >> 33) % below
    }

    fn segment(&mut self, folder: &Path, index: u64, count: u64) -> SegmentRecord {
        self.at += (1 + self.draw(44)) * MINUTE_MS;
        if index > 0 && index.is_multiple_of(PER_TIMELINE) {
            self.timeline = self.timeline.next().expect("a timeline");
            self.epoch = 1;
            self.base = None;
        }
        let is_full = self.base.is_none() || index.is_multiple_of(PER_FULL);
        let start = if is_full { 0 } else { self.epoch + 1 };
        let (content, size_bytes) = if is_full {
            self.full()
        } else {
            self.increment(index)
        };
        let kind = if is_full {
            SegmentKind::Full
        } else {
            SegmentKind::Incremental
        };
        // The number of what is lost is in no name.
        let lost = index / PER_LOSS;
        let name = SegmentName {
            kind,
            index: index + lost,
        };
        let path = folder.join(name.to_string());
        let is_missing = index % PER_LOSS == PER_LOSS / 2;
        let file = File::create(&path).expect("a file");
        file.set_len(size_bytes).expect("room");
        let stamp = FileStamp::from(&file.metadata().expect("a file"));
        if is_missing {
            fs::remove_file(&path).expect("the file");
        }
        // What was captured last was verified least.
        let level = match (index * 10) / count {
            0..6 => Some(Level::Frames),
            6..9 => Some(Level::Files),
            _ => None,
        };
        let at = UnixMillis::new(self.at + 90 * MINUTE_MS);
        let is_damaged = index % PER_LOSS == PER_LOSS / 3;
        SegmentRecord {
            segment: Segment {
                kind,
                file: name.into(),
                start_epoch: Epoch::new(start),
                end_epoch: Epoch::new(self.epoch),
                checksum: Crc32::of(&index.to_le_bytes()),
                size_bytes,
                created_at: UnixMillis::new(self.at),
                end_lsn: None,
                unknown: Unknown::new(),
            },
            hash: Blake3::of(&index.to_le_bytes()),
            content,
            is_uncounted: false,
            verified: level
                .filter(|_| !is_damaged)
                .map(|level| Verification::new(stamp, level, at)),
            damaged: is_damaged.then(|| FoundDamage {
                stamp,
                at,
                offset: 91,
                detail: "the frame's checksum is f64d1ddf, its payload has 3d11ce7a".to_owned(),
            }),
        }
    }

    fn full(&mut self) -> (SegmentContent, u64) {
        let size_bytes = 200_000 + self.epoch * 40 + self.draw(9000);
        let iteration = self.base.map_or(0, |base| base.image.iteration + 1);
        let full = FullContent {
            image: ImageIdentity {
                database_created_at: UnixMillis::new(END_MS / 2),
                iteration: iteration.min(1),
                checksum: Crc32::of(&self.at.to_le_bytes()),
                written_at: UnixMillis::new(self.at),
                of: ImageOf::One,
            },
            base: Point::new(self.timeline, Epoch::new(self.epoch)),
            further: Some(0),
            continues: self.base.is_some(),
            of: FullOf::One { log_start: None },
        };
        self.base = Some(full);
        (full.into(), size_bytes)
    }

    fn increment(&mut self, index: u64) -> (SegmentContent, u64) {
        let commits = 1 + self.draw(12) * self.draw(40);
        let first = self.epoch + 1;
        self.epoch += commits;
        let mut epochs = RangeSet::new();
        epochs.insert_range(first, self.epoch);
        let size_bytes = 60 + commits * 83;
        let merged = if index.is_multiple_of(3) {
            self.draw(60)
        } else {
            0
        };
        let captures = (1..=merged).map(|number| Capture {
            end: size_bytes * number / merged,
            at: UnixMillis::new(self.at - (merged - number) * 1000),
        });
        let stretch = TimelineSpan {
            timeline: self.timeline,
            base: Epoch::new(1),
            opens: false,
            epochs,
            further: FurtherCommits::NONE,
            transactions: RangeSet::new(),
        };
        let content = IncrementContent {
            of: IncrementOf::Unplaced,
            overlap_bytes: 0,
            continues: true,
            repeats: false,
            catches_up: false,
            stretches: [stretch].into_iter().collect(),
            process_ended: false,
            commits,
            records: commits * 3,
            frames: commits * 4,
            captures: captures.collect::<Vec<_>>().into(),
        };
        (content.into(), size_bytes)
    }

    fn notes(&self) -> Notes {
        let at = UnixMillis::new(self.at);
        let pin = |name: &str, epoch: u64| Pin {
            name: PinName::try_from(name.to_owned()).expect("a name"),
            state: PinnedState::Point(PinnedPoint {
                timeline: Timeline::FIRST,
                epoch: Epoch::new(epoch),
                further: None,
            }),
            at,
        };
        Notes {
            looked_until: Some(UnixMillis::new(self.at + 4 * MINUTE_MS)),
            drilled: Some(DrillNote {
                at,
                restored_in: 2300,
                point: Some(Point::new(self.timeline, Epoch::new(self.epoch))),
                failure: None,
            }),
            pins: vec![
                pin("before the migration", 500),
                pin("</script><img src=x onerror=alert(1)>&amp;'\"", 900),
            ],
            ..Notes::of(RepositoryId::new(7))
        }
    }
}
