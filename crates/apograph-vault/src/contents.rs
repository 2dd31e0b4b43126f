//! What is left of the changes of a catalog.
//!
//! Segments are a stream, which is not kept: those of the last whole version, and then those that were
//! added since. What else changed since is sorted before by the segments that it names, and each segment
//! of the stream is handed on as what became of it.

use std::collections::{HashMap, HashSet};

use apograph_format::UnixMillis;
use apograph_manifest::{DrillNote, Evidence, FileName};

use crate::change::CatalogChange;
use crate::error::Result;
use crate::segment::{Check, StoredSegment};

/// What a catalog says beside its segments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// What the newest publish wrote down of the log.
    pub evidence: Option<Evidence>,
    /// Every commit that was made before this time is in the vault.
    pub looked_until: Option<UnixMillis>,
    /// For whom new segments are encrypted.
    pub recipients: Vec<String>,
    /// What the last drill found.
    pub drilled: Option<DrillNote>,
}

/// A segment of a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogSegment {
    /// It is in the chain.
    Live(StoredSegment),
    /// It has left the chain with a version, and its objects may still be there.
    Left(StoredSegment, u64),
}

impl CatalogSegment {
    /// The change by which a whole version repeats it.
    pub(crate) fn into_change(self) -> CatalogChange {
        match self {
            Self::Live(segment) => CatalogChange::addition(segment),
            Self::Left(segment, with) => CatalogChange::Left {
                segment: Box::new(segment),
                with,
            },
        }
    }
}

impl Settings {
    /// The changes by which a whole version repeats them.
    pub(crate) fn into_changes(self) -> Vec<CatalogChange> {
        let Self {
            evidence,
            looked_until,
            recipients,
            drilled,
        } = self;
        let evidence = evidence.map(|evidence| CatalogChange::Added {
            segments: Vec::new(),
            evidence: Some(Box::new(evidence)),
        });
        let looked = looked_until.map(|until| CatalogChange::Looked { until });
        let keys = (!recipients.is_empty()).then_some(recipients);
        let recipients = keys.map(|keys| CatalogChange::Recipients { keys });
        let drilled = drilled.map(|drill| CatalogChange::Drilled {
            drill: Box::new(drill),
        });
        let all = [evidence, looked, recipients, drilled];
        all.into_iter().flatten().collect()
    }
}

/// Takes each segment: those of the chain in its order, and the others anywhere.
pub type EachSegment<'a> = dyn FnMut(CatalogSegment) -> Result<()> + 'a;

/// The changes since a whole version, by what they are about.
#[derive(Default)]
pub(crate) struct Since {
    merged: Vec<Merged>,
    /// Which of those a segment went into.
    merged_into: HashMap<FileName, usize>,
    removed: HashMap<FileName, u64>,
    gone: HashSet<FileName>,
    checks: HashMap<FileName, Check>,
    looked_until: Option<UnixMillis>,
    recipients: Option<Vec<String>>,
    drilled: Option<DrillNote>,
}

struct Merged {
    into: StoredSegment,
    with: u64,
    is_handed_on: bool,
}

impl Since {
    /// Adds a change of a version, after all others, that adds no segment.
    pub(crate) fn add(&mut self, version: u64, change: CatalogChange) {
        match change {
            CatalogChange::Merged { into, of } => {
                let index = self.merged.len();
                self.merged_into
                    .extend(of.into_iter().map(|name| (name, index)));
                self.merged.push(Merged {
                    into: *into,
                    with: version,
                    is_handed_on: false,
                });
            }
            CatalogChange::Removed { segments } => {
                let removed = segments.into_iter().map(|name| (name, version));
                self.removed.extend(removed);
            }
            CatalogChange::Gone { segments } => self.gone.extend(segments),
            CatalogChange::Verified { checks } => {
                for (name, check) in checks {
                    let check = check.after(self.checks.get(&name));
                    self.checks.insert(name, check);
                }
            }
            CatalogChange::Looked { until } => self.looked_until = Some(until),
            CatalogChange::Recipients { keys } => self.recipients = Some(keys),
            CatalogChange::Drilled { drill } => self.drilled = Some(*drill),
            // The first is part of the stream. The other stands in whole versions alone, as what is
            // left.
            CatalogChange::Added { .. } | CatalogChange::Left { .. } => {}
        }
    }

    /// Hands on the segments that a change of the whole version has, or that one since has added, as
    /// what became of them.
    pub(crate) fn apply(
        &mut self,
        change: CatalogChange,
        settings: &mut Settings,
        each: &mut EachSegment<'_>,
    ) -> Result<()> {
        match change {
            CatalogChange::Added { segments, evidence } => {
                let evidence = evidence.map(|evidence| *evidence);
                settings.evidence = evidence.or(settings.evidence.take());
                let mut segments = segments.into_iter();
                segments.try_for_each(|segment| self.hand_on(segment, each))
            }
            CatalogChange::Left { segment, with } => self.left(*segment, with, each),
            CatalogChange::Looked { until } => {
                settings.looked_until = Some(until);
                Ok(())
            }
            CatalogChange::Drilled { drill } => {
                settings.drilled = Some(*drill);
                Ok(())
            }
            CatalogChange::Recipients { keys } => {
                settings.recipients = keys;
                Ok(())
            }
            // What is left of these is in others.
            CatalogChange::Merged { .. }
            | CatalogChange::Removed { .. }
            | CatalogChange::Gone { .. }
            | CatalogChange::Verified { .. } => Ok(()),
        }
    }

    /// Makes the settings those of the newest version.
    pub(crate) fn finish(self, settings: &mut Settings) {
        settings.looked_until = self.looked_until.or(settings.looked_until);
        if let Some(recipients) = self.recipients {
            settings.recipients = recipients;
        }
        settings.drilled = self.drilled.or(settings.drilled.take());
    }

    /// Hands a segment on as what became of it. What several were merged into is in the place of the
    /// first of them.
    fn hand_on(&mut self, segment: StoredSegment, each: &mut EachSegment<'_>) -> Result<()> {
        // What it was merged into may have been merged again, however often.
        let (mut went, mut next) = (Vec::new(), Some(segment));
        while let Some(segment) = next.take() {
            let into = self.merged_into.get(segment.name());
            if let Some(into) = into.and_then(|&index| self.merged.get_mut(index)) {
                let is_first = !std::mem::replace(&mut into.is_handed_on, true);
                next = is_first.then(|| into.into.clone());
                went.push((segment, into.with));
            } else if let Some(&with) = self.removed.get(segment.name()) {
                self.left(segment, with, each)?;
            } else {
                let segment = self.checked(segment);
                each(CatalogSegment::Live(segment))?;
            }
        }
        let mut went = went.into_iter().rev();
        went.try_for_each(|(segment, with)| self.left(segment, with, each))
    }

    fn left(&self, segment: StoredSegment, with: u64, each: &mut EachSegment<'_>) -> Result<()> {
        if self.gone.contains(segment.name()) {
            return Ok(());
        }
        let segment = self.checked(segment);
        each(CatalogSegment::Left(segment, with))
    }

    fn checked(&self, mut segment: StoredSegment) -> StoredSegment {
        if let Some(check) = self.checks.get(segment.name()) {
            segment.check = Some(check.clone().after(segment.check.as_ref()));
        }
        segment
    }
}
