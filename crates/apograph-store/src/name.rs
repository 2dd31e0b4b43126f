//! The names of objects.

use std::fmt;

/// A name that every store can have: parts of ASCII letters, digits, `.`, `_` and `-`, separated by
/// `/`. A part has 1 to 128 bytes and does not begin with `.`; a name has at most 512.
///
/// Names are ordered by their bytes, as every store lists them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

/// At most so many bytes are in a part of a name.
const MOST_OF_PART: usize = 128;
/// At most so many bytes are in a name.
const MOST: usize = 512;

impl ObjectName {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`NameError`] where a store may not be able to have it.
    pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if text.len() <= MOST && text.split('/').all(is_part) {
            Ok(Self(text))
        } else {
            Err(NameError { text })
        }
    }

    /// The name, with `/` between its parts.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder that the name is in (`""` for none), and the name there.
    pub fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

/// Whether it can stand between two slashes.
pub(crate) fn is_part(part: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MOST_OF_PART).contains(&part.len())
        && !part.starts_with('.')
        && part.bytes().all(is_allowed)
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no name of an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no name of an object: it has parts of letters, digits, `.`, `_` and `-`")]
pub struct NameError {
    /// The text.
    pub text: String,
}
