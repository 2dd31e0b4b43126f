//! What one version of a catalog says by itself.

use apograph_format::UnixMillis;

use crate::change::CatalogChange;
use crate::error::{Result, VaultError};
use crate::version::{Scope, Unreadable, Version};

/// What one version of a catalog says by itself, for who looks at its object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionContents {
    /// Its number.
    pub version: u64,
    /// When it was made, by the writer's clock.
    pub made_at: UnixMillis,
    /// Who made it.
    pub writer: String,
    /// Whether it needs no other version: it repeats what is left of all changes.
    pub is_whole: bool,
    /// Its own changes.
    pub changes: Vec<CatalogChange>,
    /// How many changes it repeats.
    pub repeated: u64,
}

impl VersionContents {
    /// Reads the object of a version; `place` is where it is, for messages.
    ///
    /// # Errors
    ///
    /// [`VaultError::Catalog`] and [`VaultError::TooNew`].
    pub fn decode(place: &str, bytes: &[u8]) -> Result<Self> {
        let unreadable = |version, error: Unreadable| {
            let (place, detail) = (place.to_owned(), error);
            match detail {
                Unreadable::Damaged => VaultError::Catalog {
                    place,
                    version,
                    detail: detail.into(),
                },
                _ => VaultError::TooNew {
                    place,
                    version,
                    detail: detail.into(),
                },
            }
        };
        let found = Version::decode(bytes).map_err(|error| unreadable(0, error))?;
        let number = found.head.number;
        let changes = found.own.iter().map(|line| {
            let change = serde_json::from_str(line);
            change.map_err(|error| unreadable(number, Unreadable::Change(error)))
        });
        Ok(Self {
            version: number,
            made_at: found.head.time,
            changes: changes.collect::<Result<_>>()?,
            is_whole: matches!(found.head.scope, Scope::Whole),
            writer: found.head.writer,
            repeated: found.repeated,
        })
    }
}
