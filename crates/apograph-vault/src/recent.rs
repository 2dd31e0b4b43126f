//! The changes since the last whole version, as the objects that have them: so they take a tenth of
//! what they take as lines, however many they are.

use std::sync::Arc;

use crate::version::{Unreadable, VersionReader};

/// The versions since the last whole one, as far as they are needed to know what changed.
#[derive(Clone, Default)]
pub(crate) struct RecentVersions {
    /// The oldest first.
    versions: Vec<Recent>,
    changes: u64,
}

/// A version of which there is the object.
#[derive(Clone)]
pub(crate) struct Recent {
    number: u64,
    bytes: Arc<[u8]>,
    /// Whether those before it are known by what it repeats alone.
    is_first: bool,
    changes: u64,
}

impl Recent {
    /// A version that is known with those before it, and has so many changes of its own.
    pub(crate) fn after_others(number: u64, bytes: Vec<u8>, own: u64) -> Self {
        Self {
            number,
            bytes: bytes.into(),
            is_first: false,
            changes: own,
        }
    }

    /// A version that repeats those before it, and has so many changes with them.
    pub(crate) fn first(number: u64, bytes: Vec<u8>, changes: u64) -> Self {
        Self {
            is_first: true,
            ..Self::after_others(number, bytes, changes)
        }
    }
}

/// Why changes were not handed on.
pub(crate) enum NotRead<E> {
    Unreadable(u64, Unreadable),
    Refused(E),
}

impl RecentVersions {
    /// These versions, of which the first may be one that repeats others.
    pub(crate) fn of(versions: impl Iterator<Item = Recent>) -> Self {
        let mut recent = Self::default();
        versions.for_each(|version| recent.push(version));
        recent
    }

    /// Adds the next version.
    pub(crate) fn push(&mut self, version: Recent) {
        self.changes += version.changes;
        self.versions.push(version);
    }

    /// How many changes there are.
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }

    /// Hands on the changes in order, each with the number of a version that has it.
    pub(crate) fn for_each<E>(
        &self,
        mut each: impl FnMut(u64, &str) -> Result<(), E>,
    ) -> Result<(), NotRead<E>> {
        for version in &self.versions {
            let number = version.number;
            let unreadable = |error| NotRead::Unreadable(number, error);
            let mut each = |line: &str| each(number, line).map_err(NotRead::Refused);
            let mut reader = VersionReader::open(&version.bytes).map_err(unreadable)?;
            while version.is_first
                && let Some(line) = reader.repeated().map_err(unreadable)?
            {
                each(&line)?;
            }
            reader.own.iter().try_for_each(|line| each(line))?;
        }
        Ok(())
    }
}
