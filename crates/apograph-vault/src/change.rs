//! What a version of the catalog changes.

use apograph_format::UnixMillis;
use apograph_manifest::{DrillNote, Evidence, FileName, Pin, PinName};
use serde::{Deserialize, Serialize};

use crate::departure::Departure;
use crate::segment::{Check, StoredSegment};

/// A change of a catalog. Each is a line of a version; one that is not known here makes the version
/// unreadable, since it has to be understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum CatalogChange {
    /// Segments were captured, and go on where the chain ended.
    Added {
        /// In the order of the chain.
        segments: Vec<StoredSegment>,
        /// What proves the next time that the log is still the one that was captured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<Box<Evidence>>,
    },
    /// One segment takes the place of several: it holds the same commits.
    Merged {
        /// The one.
        into: Box<StoredSegment>,
        /// The others, which leave the chain.
        of: Vec<FileName>,
    },
    /// Segments leave the chain, and nothing takes their place.
    Removed {
        /// Their names.
        segments: Vec<FileName>,
        /// Their objects stay until then, by the clock of the store; a day where it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMillis>,
    },
    /// Segments that were removed are in the chain again, in their old places.
    BroughtBack {
        /// Their names.
        segments: Vec<FileName>,
    },
    /// The objects of segments that have left the chain are deleted from now on.
    Gone {
        /// Their names.
        segments: Vec<FileName>,
    },
    /// A state is to stay, whatever else is removed.
    Pinned {
        /// Its name, and the state. It takes the place of another one that has the name.
        pin: Box<Pin>,
    },
    /// A state needs to stay no longer.
    Unpinned {
        /// The name of its pin.
        name: PinName,
    },
    /// Segments were verified.
    Verified {
        /// Their names, and what was found.
        checks: Vec<(FileName, Check)>,
    },
    /// Every commit that was made before this time is in the vault.
    Looked {
        /// By the clock of the database's machine.
        until: UnixMillis,
    },
    /// The vault was restored from, and what came of it was looked at.
    Drilled {
        /// What was found.
        drill: Box<DrillNote>,
    },
    /// What is captured from now on is encrypted for these.
    Recipients {
        /// Public keys as age writes them; none for no encryption.
        keys: Vec<String>,
    },
    /// A segment that has left the chain and is not gone, in a version that repeats what is left of
    /// others.
    Left {
        /// The segment.
        segment: Box<StoredSegment>,
        /// How it left.
        departure: Departure,
    },
}

impl CatalogChange {
    /// That segments were captured, and what was written down of the log then. Each segment is a change
    /// of its own, so that a whole version comes as soon as those after the last one are as
    /// many as those in it.
    pub fn additions(segments: Vec<StoredSegment>, evidence: Option<Evidence>) -> Vec<Self> {
        let mut changes: Vec<_> = segments.into_iter().map(Self::addition).collect();
        if let Some(Self::Added {
            evidence: newest, ..
        }) = changes.last_mut()
        {
            *newest = evidence.map(Box::new);
        }
        changes
    }

    /// That a segment was captured.
    pub(crate) fn addition(segment: StoredSegment) -> Self {
        Self::Added {
            segments: vec![segment],
            evidence: None,
        }
    }
}
