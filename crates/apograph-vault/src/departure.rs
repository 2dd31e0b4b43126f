//! How a segment left the chain of a vault.

use apograph_format::UnixMillis;
use serde::{Deserialize, Serialize};

/// How a segment left the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    /// The version of the catalog with which it left.
    pub with: u64,
    /// Why.
    pub why: Why,
}

/// Why a segment left the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Another one holds the same commits.
    Merged,
    /// It was removed, and can be brought back.
    Removed {
        /// Its objects stay until then, by the clock of the store; a day where it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMillis>,
    },
}

impl Departure {
    /// That a version merged it into another one.
    pub(crate) const fn merged(with: u64) -> Self {
        let why = Why::Merged;
        Self { with, why }
    }

    /// Whether it was removed, and nothing took its place.
    pub const fn is_removal(&self) -> bool {
        matches!(self.why, Why::Removed { .. })
    }
}
