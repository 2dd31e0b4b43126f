//! The segments of a database's backups, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};

use apograph_format::{
    Crc32, DatabaseId, Epoch, Generation, Lsn, RangeSet, SegmentKind, SegmentName, Timeline,
    UnixMillis,
};
use apograph_manifest::{
    Captures, ChainEntry, FileName, FullContent, FurtherCommits, ImageIdentity, ImageOf,
    IncrementContent, IncrementOf, Segment, SegmentContent, TimeSpan, TimelineSpan, Unknown,
    Unusable,
};

use super::{Commit, Harm, Held, STEP, World};

impl World {
    pub(super) fn put_image(&mut self, continues: bool) {
        self.clock += STEP;
        let image = &self.image;
        // Where the log has gone on to other epochs, nobody counts back.
        let is_told = !self.since_image.iter().any(|it| it.has_epoch);
        let content = FullContent {
            image: ImageIdentity {
                database_created_at: UnixMillis::new(1),
                iteration: image.iteration,
                checksum: Crc32::new(1),
                written_at: UnixMillis::new(image.written_at),
                of: match self.generation {
                    Generation::One => ImageOf::One,
                    Generation::Two => ImageOf::Two {
                        database: DatabaseId::new(7),
                        is_encrypted: false,
                    },
                },
            },
            base: image.at,
            further: is_told.then_some(image.further),
            continues,
            of: Some(image.log_start).into(),
        };
        let (has, epoch, end) = (image.has.clone(), image.at.epoch, image.log_start.lsn());
        self.put(Put {
            kind: SegmentKind::Full,
            content: content.into(),
            end_epoch: epoch,
            end,
            image: has,
            body: Vec::new(),
            is_after_break: !continues,
            repeats: None,
        });
    }

    /// `repeats` is there where it repeats, and says whether it catches up.
    pub(super) fn put_increment(
        &mut self,
        body: Vec<Commit>,
        is_told: bool,
        repeats: Option<bool>,
        is_after_break: bool,
    ) {
        let (first, last) = (body[0], body[body.len() - 1]);
        self.is_end_told = is_told;
        let (start, end) = (self.place(first.start), self.place(last.end));
        let mut of = IncrementOf::Unplaced;
        if is_told {
            of = IncrementOf::between(start, end).expect("a log");
        }
        if let IncrementOf::Lsns(log) = &mut of {
            log.committed = Some(TimeSpan {
                first: UnixMillis::new(first.time),
                last: UnixMillis::new(last.time),
            });
        }
        let catches_up = repeats == Some(true);
        let content = IncrementContent {
            of,
            overlap_bytes: 0,
            continues: is_told,
            repeats: repeats.is_some(),
            catches_up,
            stretches: self.spans(&body).into(),
            process_ended: false,
            commits: body.len() as u64,
            records: body.len() as u64,
            frames: body.len() as u64,
            captures: Captures::default(),
        };
        let life = self.life(last.at.timeline);
        let up_to = life.commits.iter().filter(|it| it.start <= last.start);
        let epoch = up_to.map(|it| it.at.epoch).max();
        self.put(Put {
            kind: SegmentKind::Incremental,
            content: content.into(),
            end_epoch: epoch.expect("a commit"),
            end: end.lsn(),
            image: BTreeSet::new(),
            body,
            is_after_break,
            repeats,
        });
    }

    /// What an increment says of its timelines.
    fn spans(&self, body: &[Commit]) -> Vec<TimelineSpan> {
        let mut timelines: BTreeMap<Timeline, Vec<&Commit>> = BTreeMap::new();
        for commit in body {
            timelines
                .entry(commit.at.timeline)
                .or_default()
                .push(commit);
        }
        let spans = timelines.into_iter().filter_map(|(timeline, commits)| {
            let life = self.life(timeline);
            let opens = life.is_reopened && commits[0] == &life.commits[0];
            let is_second = self.generation == Generation::Two;
            let counted = commits.iter().filter(|it| it.has_epoch || is_second);
            let epochs = counted.map(|it| (it.at.epoch.get(), it.at.epoch.get()));
            let span = TimelineSpan {
                timeline,
                base: Epoch::new(life.base),
                opens,
                epochs: epochs.collect(),
                further: further(&commits),
                transactions: RangeSet::new(),
            };
            let has_further = !span.further.last_numbers().is_empty();
            (opens || !span.epochs.is_empty() || has_further).then_some(span)
        });
        spans.collect()
    }

    fn put(&mut self, put: Put) {
        let index = self.segments.len() as u64;
        let before = self.segments.last().map(|it| it.entry.segment.end_epoch);
        let start = match put.kind {
            SegmentKind::Full => None,
            SegmentKind::Incremental => before.and_then(Epoch::next),
        };
        let name = SegmentName {
            kind: put.kind,
            index,
        };
        let segment = Segment {
            kind: put.kind,
            file: FileName::try_from(name.to_string()).expect("a name"),
            start_epoch: start.unwrap_or_default(),
            end_epoch: put.end_epoch,
            checksum: Crc32::new(0),
            size_bytes: 100,
            created_at: UnixMillis::new(self.clock),
            end_lsn: put.end,
            unknown: Unknown::new(),
        };
        let captured = &self.state - &self.pending.iter().map(|it| it.number).collect();
        self.segments.push(Held {
            entry: ChainEntry {
                segment,
                hash: None,
                content: Some(put.content),
                unusable: None,
                is_counted: true,
                hole: None,
            },
            image: put.image,
            body: put.body,
            captured,
            is_after_break: put.is_after_break,
            lacks_before: false,
            repeats: put.repeats,
        });
    }

    pub(super) fn harm(&mut self, index: usize, harm: Harm) {
        let entry = &mut self.segments[index].entry;
        let damaged = Unusable::Damaged {
            offset: 9,
            detail: "flipped".into(),
        };
        entry.unusable = Some(Box::new(match harm {
            Harm::Damaged => damaged,
            _ => Unusable::Missing,
        }));
        if matches!(harm, Harm::Unknown) {
            entry.content = None;
        }
    }

    pub(super) fn take_out(&mut self, indexes: &BTreeSet<usize>) {
        for index in indexes.iter().rev() {
            self.segments.remove(*index);
            self.segments[*index].lacks_before = true;
        }
    }

    /// Numbers after a segment of which nothing is known are guesses, and that of a full backup
    /// before it.
    pub(super) fn count(&mut self) {
        let mut is_known = true;
        for index in 0..self.segments.len() {
            let is_counted = is_known && !self.is_uncertain(index);
            let entry = &mut self.segments[index].entry;
            entry.is_counted = is_counted;
            is_known &= entry.content.is_some();
        }
    }
}

fn further(commits: &[&Commit]) -> FurtherCommits {
    let mut further = FurtherCommits::NONE;
    for commit in commits.iter().filter(|it| !it.has_epoch) {
        further.add(commit.at.epoch, Some(commit.further));
    }
    further
}

/// A segment that is put after the others.
struct Put {
    kind: SegmentKind,
    content: SegmentContent,
    end_epoch: Epoch,
    end: Option<Lsn>,
    image: BTreeSet<u32>,
    body: Vec<Commit>,
    is_after_break: bool,
    repeats: Option<bool>,
}
