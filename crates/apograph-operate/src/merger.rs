//! The merging of a vault that is captured into: at a capture a second it would have 86,400 increments
//! a day.
//!
//! It runs beside the captures, by another thread: they are not held up by it, and whoever is overtaken
//! commits again. Every five minutes what was captured is merged; once an hour what nothing needs any
//! more is deleted too, for which all objects are listed.

use std::time::Duration;

use apograph_format::{Code, UnixMillis, WithCauses};
use apograph_io::Context;
use apograph_repository::{Compaction, Location, compact, merge};

use crate::follow::Follow;
use crate::follow_event::{FollowError, FollowEvent, FollowStep, Hear};
use crate::prune::{Prune, PruneError};
use crate::trouble::{Trouble, fail, succeed};

/// How often increments are merged.
const MERGE_EVERY: Duration = Duration::from_secs(5 * 60);
/// How often what nothing needs is deleted, and what failed is tried again.
const COMPACT_EVERY: Duration = Duration::from_secs(60 * 60);
/// The first time after the beginning: one who is killed again and again merges too.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// For how long what was removed can be brought back.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// Who merges what is captured into a vault, and removes what no rule keeps.
pub struct Merger<'a> {
    vault: Location,
    prune: Option<Prune>,
    context: Context<'a>,
    next: Duration,
    compacted: Option<Duration>,
    trouble: Option<Trouble>,
    /// The full backup after which was pruned last, or that was there in the beginning.
    pruned_after: Option<UnixMillis>,
    has_begun: bool,
    next_prune: Duration,
    prune_trouble: Option<Trouble>,
}

impl<'a> Merger<'a> {
    /// Who merges the increments of a vault into which a database is followed from now on.
    pub fn new(follow: &Follow, context: Context<'a>) -> Self {
        let prune = |policy| Prune {
            policy,
            grace: GRACE,
            allow_stale: false,
        };
        Self {
            vault: follow.repository.clone(),
            prune: follow.retention.clone().map(prune),
            next: context.clock.running() + FIRST_AFTER,
            context,
            compacted: None,
            trouble: None,
            pruned_after: None,
            has_begun: false,
            next_prune: Duration::ZERO,
            prune_trouble: None,
        }
    }

    /// Merges where that is due, and prunes where that was not done since the last full backup.
    pub fn round(&mut self, last_full: Option<UnixMillis>, hear: &mut Hear<'_>) {
        let now = self.context.clock.running();
        if now >= self.next {
            self.merge(now, hear);
        }
        if !self.has_begun {
            (self.pruned_after, self.has_begun) = (last_full, true);
        }
        if last_full > self.pruned_after && now >= self.next_prune {
            self.prune(last_full, now, hear);
        }
    }

    fn merge(&mut self, now: Duration, hear: &mut Hear<'_>) {
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
            Err(error) => {
                let pause = if error.may_pass() {
                    MERGE_EVERY
                } else {
                    COMPACT_EVERY
                };
                self.next = now + pause;
                let told = (step, error.code(), error.told());
                self.failed(told, now, hear);
            }
        }
    }

    fn prune(&mut self, last_full: Option<UnixMillis>, now: Duration, hear: &mut Hear<'_>) {
        let Some(prune) = &self.prune else {
            return;
        };
        let step = FollowStep::Prune;
        match prune.apply(&self.vault, self.context) {
            Ok(pruned) => {
                self.pruned_after = last_full;
                let removed = || pruned.plan.removed();
                let bytes = removed().map(|segment| segment.stored_bytes).sum();
                let segments = removed().count() as u64;
                if segments > 0 {
                    hear(FollowEvent::Pruned { segments, bytes });
                }
                if let Some(overcome) = succeed(&mut self.prune_trouble, now) {
                    hear(overcome.event(step));
                }
            }
            Err(error) => {
                self.next_prune = now + COMPACT_EVERY;
                let told = (
                    step,
                    PruneError::code(&error),
                    WithCauses(&error).to_string(),
                );
                self.failed(told, now, hear);
            }
        }
    }

    /// Takes a failure, unless it is one since all is to end.
    fn failed(
        &mut self,
        (step, code, message): (FollowStep, Code, String),
        now: Duration,
        hear: &mut Hear<'_>,
    ) {
        if self.context.monitor.is_interrupted() {
            return;
        }
        let trouble = match step {
            FollowStep::Prune => &mut self.prune_trouble,
            _ => &mut self.trouble,
        };
        if fail(trouble, code, now) {
            hear(FollowEvent::Failed {
                step,
                code,
                message,
            });
        }
    }
}
