//! The two generations of the engine, as its drivers say them.

use std::fmt;

#[cfg(feature = "programs")]
use apograph_format::Generation;
use serde::{Deserialize, Serialize};

/// A generation of the engine's format. Its text and its JSON are its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum EngineGeneration {
    /// Grafeo 0.5.
    One,
    /// Grafeo 0.6.
    Two,
}

impl EngineGeneration {
    /// Both, the older first.
    pub const ALL: [Self; 2] = [Self::One, Self::Two];

    /// Whether the engine goes on counting epochs after a crash. That of generation 1 does so where
    /// it is built with the feature `temporal`.
    pub const fn counts_on(self) -> bool {
        cfg!(feature = "temporal") || matches!(self, Self::Two)
    }
}

impl From<EngineGeneration> for u32 {
    fn from(generation: EngineGeneration) -> Self {
        match generation {
            EngineGeneration::One => 1,
            EngineGeneration::Two => 2,
        }
    }
}

impl TryFrom<u32> for EngineGeneration {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|it| u32::from(*it) == number);
        known.ok_or_else(|| format!("there is no generation {number}"))
    }
}

impl fmt::Display for EngineGeneration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        u32::from(*self).fmt(f)
    }
}

#[cfg(feature = "programs")]
impl From<EngineGeneration> for Generation {
    fn from(generation: EngineGeneration) -> Self {
        match generation {
            EngineGeneration::One => Self::One,
            EngineGeneration::Two => Self::Two,
        }
    }
}

#[cfg(feature = "programs")]
impl From<Generation> for EngineGeneration {
    fn from(generation: Generation) -> Self {
        match generation {
            Generation::One => Self::One,
            Generation::Two => Self::Two,
        }
    }
}
