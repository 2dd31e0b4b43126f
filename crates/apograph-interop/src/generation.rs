//! The two generations of the engine's format.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A generation of the engine's format. Its text and its JSON are its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Generation {
    /// Grafeo 0.5.
    One,
    /// Grafeo 0.6.
    Two,
}

impl Generation {
    /// Both, the older first.
    pub const ALL: [Self; 2] = [Self::One, Self::Two];
}

impl From<Generation> for u32 {
    fn from(generation: Generation) -> Self {
        match generation {
            Generation::One => 1,
            Generation::Two => 2,
        }
    }
}

impl TryFrom<u32> for Generation {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|it| u32::from(*it) == number);
        known.ok_or_else(|| format!("there is no generation {number}"))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        u32::from(*self).fmt(f)
    }
}
