//! What sessions do: commits, changes, and what of them is in the log.

use apograph_format::Generation;
use apograph_testing::encoding::v1::process_end;

use super::layout::{Encoded, Heads, SYSTEM};
use super::{Engine, Pending, Unfinished, log};
use crate::op::Shape;

impl Engine {
    /// What is being written is written.
    pub(super) fn finish(&mut self) {
        if let Some(unfinished) = self.unfinished.take() {
            self.log.extend(&unfinished.rest);
            if let Some((event, heads)) = unfinished.event {
                self.note(event, heads);
            }
        }
    }

    /// What a session has not logged yet, it logs.
    pub(super) fn flush(&mut self) {
        self.finish();
        if let Some(pending) = self.pending.take() {
            let time = self.tick();
            let encoded = self.layout.encode(
                &self.log,
                pending.heads,
                pending.shape,
                &pending.records,
                time,
            );
            self.append(&encoded, pending.number, pending.heads);
        }
    }

    fn note(&mut self, event: log::Event, heads: Heads) {
        if let Some(number) = event.number {
            self.truth.commit(number, heads.epoch, heads.owns_epoch);
        }
        self.log.note(event);
    }

    fn append(&mut self, encoded: &Encoded, number: u32, heads: Heads) {
        let event = self
            .log
            .event(encoded.committed, encoded.bytes.len(), number);
        self.log.extend(&encoded.bytes);
        self.note(event, heads);
    }

    fn heads(&mut self, owns_epoch: bool) -> Heads {
        let process = self.open();
        if owns_epoch {
            process.epoch += 1;
            process.transaction += 1;
        }
        Heads {
            transaction: if owns_epoch {
                process.transaction
            } else {
                SYSTEM
            },
            epoch: process.epoch,
            owns_epoch,
        }
    }

    /// Encodes a group and writes it.
    fn log_group(&mut self, heads: Heads, shape: Shape) {
        let (number, encoded) = self.encoded(heads, shape);
        self.append(&encoded, number, heads);
    }

    fn encoded(&mut self, heads: Heads, shape: Shape) -> (u32, Encoded) {
        let (number, records) = self.truth.make(|number| records(number, shape));
        let time = self.tick();
        let encoded = self.layout.encode(&self.log, heads, shape, &records, time);
        (number, encoded)
    }

    /// Prepares for the next group.
    fn prepare(&mut self) {
        self.open();
        self.flush();
        self.next_file();
    }

    /// A session commits.
    pub(crate) fn commit(&mut self, shape: Shape) {
        self.prepare();
        let heads = self.heads(true);
        if shape.records == 0 && !self.is_first_generation() {
            return;
        }
        self.log_group(heads, shape);
    }

    /// A change without an epoch.
    pub(crate) fn change(&mut self, shape: Shape) {
        self.prepare();
        let shape = with_records(shape);
        let heads = self.heads(false);
        self.log_group(heads, shape);
    }

    /// Two sessions commit; the first to take an epoch is the last to log.
    pub(crate) fn out_of_order(&mut self, shape: Shape) {
        self.prepare();
        let has_counted = self.process.is_some_and(|process| process.epoch > 0);
        if !self.is_first_generation() || !has_counted {
            self.commit(shape);
            return self.commit(shape);
        }
        let shape = with_records(shape);
        let heads = self.heads(true);
        let (number, records) = self.truth.make(|number| records(number, shape));
        self.pending = Some(Pending {
            number,
            heads,
            shape,
            records,
        });
        let heads = self.heads(true);
        self.log_group(heads, shape);
    }

    /// A commit of which a part is written.
    pub(crate) fn begin(&mut self, shape: Shape) {
        self.prepare();
        let shape = with_records(shape);
        let heads = self.heads(true);
        let (number, encoded) = self.encoded(heads, shape);
        let event = self
            .log
            .event(encoded.committed, encoded.bytes.len(), number);
        let part = usize::from(shape.value_bytes) + 1;
        let written = (encoded.bytes.len() * part / 257).max(1);
        let (front, rest) = encoded.bytes.split_at(written);
        self.log.extend(front);
        let is_committed = written >= encoded.committed;
        if is_committed {
            self.note(event, heads);
        }
        self.unfinished = Some(Unfinished {
            rest: rest.to_vec(),
            event: (!is_committed).then_some((event, heads)),
        });
    }

    /// A sync marker, in generation 2.
    pub(crate) fn mark(&mut self) {
        self.prepare();
        if let Some(marker) = self.layout.marker(&self.log) {
            self.log.append(&marker, None);
            self.log.sync_before(marker.len());
        }
    }

    /// A new log file. In generation 1 one without a checkpoint record looks like a checkpoint that
    /// is under way; short of 64 MiB no engine begins one.
    pub(crate) fn rotate(&mut self) {
        self.prepare();
        let begins = match self.generation {
            Generation::One => self.meta.is_some(),
            Generation::Two => self.log.has_frames(),
        };
        if begins {
            self.begin_file();
            self.is_rotated |= self.is_first_generation();
        }
    }
}

fn with_records(shape: Shape) -> Shape {
    let records = shape.records.max(1);
    Shape { records, ..shape }
}

/// What the records of a commit hold, without their tags.
fn records(number: u32, shape: Shape) -> Vec<Vec<u8>> {
    let record = |index: u8| {
        let mut record = number.to_le_bytes().to_vec();
        record.push(index);
        let value = (0..shape.value_bytes).map(|byte| byte ^ record[0] ^ index);
        let value: Vec<u8> = value.collect();
        record.extend(value);
        if shape.is_forged {
            record.extend(process_end());
            record.extend(b"GRAFWAL\0");
        }
        record
    };
    (0..shape.records).map(record).collect()
}
