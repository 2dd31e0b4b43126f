//! What is left of the changes of a catalog.
//!
//! Segments are a stream, which is not kept: those of the last whole version, and then those that were
//! added since. What else changed since is sorted before by the segments that it names, and each segment
//! of the stream is handed on as what became of it.

use std::collections::{HashMap, HashSet};

use apograph_format::UnixMillis;
use apograph_manifest::{DrillNote, Evidence, FileName, Pin, PinName};

use crate::change::CatalogChange;
use crate::departure::{Departure, Why};
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
    /// The states that are to stay, the first that was pinned first.
    pub pins: Vec<Pin>,
}

/// A segment of a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogSegment {
    /// It is in the chain.
    Live(StoredSegment),
    /// It has left the chain, and its objects may still be there.
    Left(StoredSegment, Departure),
}

impl CatalogSegment {
    /// The change by which a whole version repeats it.
    pub(crate) fn into_change(self) -> CatalogChange {
        match self {
            Self::Live(segment) => CatalogChange::addition(segment),
            Self::Left(segment, departure) => CatalogChange::Left {
                segment: Box::new(segment),
                departure,
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
            pins,
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
        let pins = pins.into_iter().map(Box::new);
        let pins = pins.map(|pin| CatalogChange::Pinned { pin });
        all.into_iter().flatten().chain(pins).collect()
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
    removed: HashMap<FileName, Departure>,
    brought_back: HashSet<FileName>,
    gone: HashSet<FileName>,
    checks: HashMap<FileName, Check>,
    looked_until: Option<UnixMillis>,
    recipients: Option<Vec<String>>,
    drilled: Option<DrillNote>,
    /// Each pin that was made, or the name of one that was taken back, in order.
    pins: Vec<std::result::Result<Pin, PinName>>,
    /// Whether what stands right before the next segment of the stream was removed.
    is_after_removed: bool,
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
            CatalogChange::Removed { segments, until } => {
                let why = Why::Removed { until };
                let departure = Departure { with: version, why };
                for name in segments {
                    self.brought_back.remove(&name);
                    self.removed.insert(name, departure);
                }
            }
            CatalogChange::BroughtBack { segments } => {
                for name in segments {
                    self.removed.remove(&name);
                    self.brought_back.insert(name);
                }
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
            CatalogChange::Pinned { pin } => self.pins.push(Ok(*pin)),
            CatalogChange::Unpinned { name } => self.pins.push(Err(name)),
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
            CatalogChange::Left { segment, departure } => {
                if self.brought_back.contains(segment.name()) {
                    return self.hand_on(*segment, each);
                }
                let again = self.removed.get(segment.name()).copied();
                self.left(*segment, again.unwrap_or(departure), each)
            }
            CatalogChange::Pinned { pin } => {
                settings.pins.push(*pin);
                Ok(())
            }
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
            | CatalogChange::BroughtBack { .. }
            | CatalogChange::Gone { .. }
            | CatalogChange::Unpinned { .. }
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
        for pin in self.pins {
            let name = pin.as_ref().map_or_else(|name| name, |pin| &pin.name);
            settings.pins.retain(|before| before.name != *name);
            settings.pins.extend(pin);
        }
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
                next = is_first.then(|| StoredSegment {
                    is_after_removed: segment.is_after_removed,
                    ..into.into.clone()
                });
                went.push((segment, Departure::merged(into.with)));
            } else if let Some(&departure) = self.removed.get(segment.name()) {
                self.left(segment, departure, each)?;
            } else {
                self.live(segment, each)?;
            }
        }
        let mut went = went.into_iter().rev();
        went.try_for_each(|(segment, departure)| self.left(segment, departure, each))
    }

    fn live(&mut self, segment: StoredSegment, each: &mut EachSegment<'_>) -> Result<()> {
        let mut segment = self.checked(segment);
        segment.is_after_removed |= std::mem::take(&mut self.is_after_removed);
        each(CatalogSegment::Live(segment))
    }

    fn left(
        &mut self,
        segment: StoredSegment,
        departure: Departure,
        each: &mut EachSegment<'_>,
    ) -> Result<()> {
        let mut segment = self.checked(segment);
        if departure.is_removal() {
            segment.is_after_removed |= std::mem::replace(&mut self.is_after_removed, true);
        }
        if self.gone.contains(segment.name()) {
            return Ok(());
        }
        each(CatalogSegment::Left(segment, departure))
    }

    /// A segment is handed on once: what was found of it is not needed any more.
    fn checked(&mut self, mut segment: StoredSegment) -> StoredSegment {
        if let Some(check) = self.checks.remove(segment.name()) {
            segment.check = Some(check.after(segment.check.as_ref()));
        }
        segment
    }
}
