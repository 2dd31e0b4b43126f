//! The merging of a vault that is captured into: at a capture a second it would have 86,400 increments
//! a day.
//!
//! It runs beside the captures, by another thread: they are not held up by it, and whoever is overtaken
//! commits again. Every five minutes what was captured is merged; once an hour what nothing needs any
//! more is deleted too, for which all objects are listed.

use std::time::Duration;

use apograph_io::Context;
use apograph_repository::{Compaction, Location, compact, merge};

use crate::follow_event::{FollowError, FollowEvent, FollowStep, Hear};
use crate::trouble::{Trouble, fail, succeed};

/// How often increments are merged.
const MERGE_EVERY: Duration = Duration::from_secs(5 * 60);
/// How often what nothing needs is deleted, and what failed is tried again.
const COMPACT_EVERY: Duration = Duration::from_secs(60 * 60);
/// The first time after the beginning: one who is killed again and again merges too.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// Who merges what is captured into a vault.
pub struct Merger<'a> {
    vault: Location,
    context: Context<'a>,
    next: Duration,
    compacted: Option<Duration>,
    trouble: Option<Trouble>,
}

impl<'a> Merger<'a> {
    /// Who merges the increments of a vault from now on.
    pub fn new(vault: Location, context: Context<'a>) -> Self {
        Self {
            vault,
            next: context.clock.running() + FIRST_AFTER,
            context,
            compacted: None,
            trouble: None,
        }
    }

    /// Merges where that is due.
    pub fn round(&mut self, hear: &mut Hear<'_>) {
        let now = self.context.clock.running();
        if now < self.next {
            return;
        }
        let is_over = |since: Duration| now.saturating_sub(since) >= COMPACT_EVERY;
        let merged = if self.compacted.is_none_or(is_over) {
            self.compacted = Some(now);
            compact(&self.vault, self.context)
        } else {
            merge(&self.vault, self.context)
        };
        let step = FollowStep::Merge;
        match merged.map_err(FollowError::from) {
            Ok(done) => {
                self.next = now + MERGE_EVERY;
                if done != Compaction::default() {
                    hear(FollowEvent::Merged(done));
                }
                if let Some(overcome) = succeed(&mut self.trouble, now) {
                    hear(overcome.event(step));
                }
            }
            // It is asked to end.
            Err(_) if self.context.monitor.is_interrupted() => {}
            Err(error) => {
                let code = error.code();
                self.next = now
                    + if error.may_pass() {
                        MERGE_EVERY
                    } else {
                        COMPACT_EVERY
                    };
                if fail(&mut self.trouble, code, now) {
                    let message = error.told();
                    hear(FollowEvent::Failed {
                        step,
                        code,
                        message,
                    });
                }
            }
        }
    }
}
