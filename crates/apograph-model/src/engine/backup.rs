//! What a backup finds, and what it has to give back.

use apograph_format::Generation;
use apograph_testing::encoding::v1::process_end;

use super::{Engine, log};
use crate::op::Shape;
use crate::truth::Moment;

impl Engine {
    /// Nothing is being written any more.
    pub(crate) fn settle(&mut self) {
        self.finish();
        self.flush();
        if self.is_torn || self.log.ends_torn() {
            self.open();
        }
        if self.is_first_generation() && self.log.ends_without_epoch() {
            self.commit(Shape {
                records: 1,
                ..Shape::default()
            });
        }
    }

    /// Logs what would keep an image from being a state.
    pub(crate) fn log_pending(&mut self) {
        if self.pending.is_some() {
            self.flush();
        }
    }

    /// A backup was taken, as an increment or as a full one.
    pub(crate) fn captured(&mut self, is_increment: bool) {
        if self.goes_on {
            self.truth.note_increment();
        } else if is_increment {
            self.truth.note_lone_increment();
        } else {
            self.truth.note_full(self.served_from());
        }
        self.captured = self
            .has_folder
            .then(|| (self.log.newest_start(), self.log.whole_len()));
        self.goes_on = true;
        self.is_rotated = false;
    }

    /// From where on a full backup that goes on from nothing serves.
    fn served_from(&self) -> Moment {
        let now = self.truth.now();
        match self.generation {
            Generation::Two => Moment {
                epoch: self.head.epoch,
                ..now
            },
            Generation::One if !self.has_folder => now,
            Generation::One if self.head.iteration == 0 || self.is_fresh() => Moment {
                history: self.folder_from,
                epoch: 0,
            },
            Generation::One => now,
        }
    }

    /// Whether no checkpoint can have begun since the log was.
    fn is_fresh(&self) -> bool {
        let is_sealed = |file: &log::LogFile| file.bytes.starts_with(&process_end());
        self.meta.is_none()
            && self.log.files.first().is_some_and(|first| first.start == 0)
            && self.log.files.iter().skip(1).all(is_sealed)
    }
}
