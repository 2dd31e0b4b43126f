//! What stands for keys where the library is built without encryption.

use crate::key_error::KeyError;

/// There is none.
#[derive(Debug, Clone)]
pub(crate) enum RecipientKey {}

impl RecipientKey {
    pub(crate) fn parse(_text: &str) -> Result<Self, KeyError> {
        Err(KeyError::NotBuiltIn)
    }

    pub(crate) fn text(&self) -> String {
        match *self {}
    }
}

/// There is none.
#[derive(Debug, Clone)]
pub(crate) enum IdentityKey {}

impl IdentityKey {
    pub(crate) fn parse(_file: &str) -> Result<Vec<Self>, KeyError> {
        Err(KeyError::NotBuiltIn)
    }
}
