//! States that are to stay, whatever a retention policy removes.

use std::fmt;

use apograph_format::{Epoch, Lsn, PointName, Timeline, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::plan::Target;

/// A state that is to stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Its name.
    pub name: PinName,
    /// The state.
    pub state: PinnedState,
    /// When it was pinned.
    pub at: UnixMillis,
}

/// A state, as it can be named for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinnedState {
    /// That at a point.
    Point(PinnedPoint),
    /// Generation 2: that after the commit that ends at a position of the log.
    Lsn(Lsn),
}

impl From<PinnedState> for Target {
    fn from(state: PinnedState) -> Self {
        match state {
            PinnedState::Point(point) => Self::Point(point.into()),
            PinnedState::Lsn(lsn) => Self::Lsn(lsn),
        }
    }
}

/// A point that is pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedPoint {
    /// The timeline.
    pub timeline: Timeline,
    /// The epoch.
    pub epoch: Epoch,
    /// How many of its further commits; `None` for all of them, where no more can come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub further: Option<u64>,
}

impl PinnedPoint {
    /// The point that a name with a timeline names; `None` without.
    pub fn of(name: PointName) -> Option<Self> {
        Some(Self {
            timeline: name.timeline?,
            epoch: name.epoch,
            further: name.further,
        })
    }
}

impl From<PinnedPoint> for PointName {
    fn from(pinned: PinnedPoint) -> Self {
        Self {
            timeline: Some(pinned.timeline),
            epoch: pinned.epoch,
            further: pinned.further,
        }
    }
}

/// `1:57`, `1:57+2`, or `LSN 4096`.
impl fmt::Display for PinnedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Point(point) => PointName::from(*point).fmt(f),
            Self::Lsn(lsn) => write!(f, "LSN {lsn}"),
        }
    }
}

/// The name of a pin: 1 to 100 bytes of text that can be shown on one line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PinName(String);

/// Why a text cannot be the name of a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 100 bytes, and no control characters")]
pub struct NotAPinName;

const NAME_MAX_BYTES: usize = 100;

impl PinName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PinName {
    type Error = NotAPinName;

    fn try_from(name: String) -> Result<Self, NotAPinName> {
        let fits = (1..=NAME_MAX_BYTES).contains(&name.len());
        if fits && !name.chars().any(char::is_control) {
            Ok(Self(name))
        } else {
            Err(NotAPinName)
        }
    }
}

impl std::str::FromStr for PinName {
    type Err = NotAPinName;

    fn from_str(name: &str) -> Result<Self, NotAPinName> {
        name.to_owned().try_into()
    }
}

impl From<PinName> for String {
    fn from(name: PinName) -> Self {
        name.0
    }
}

impl fmt::Display for PinName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_line_that_can_be_shown() {
        for name in ["before the migration", "v2", "ä", &"x".repeat(100)] {
            assert_eq!(
                name.parse::<PinName>().map(String::from).as_deref(),
                Ok(name)
            );
        }
        for name in ["", "two\nlines", "\u{1b}[2J", &"x".repeat(101)] {
            assert_eq!(name.parse::<PinName>(), Err(NotAPinName), "{name:?}");
        }
    }
}
