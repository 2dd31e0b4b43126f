//! What stands for encrypted streams where the library is built without encryption.

use std::io::{Read, Write};

use crate::error::{Result, WrapError};
use crate::keys::{IdentityKey, RecipientKey};

pub(crate) fn encrypt<T>(
    _keys: &[RecipientKey],
    _out: &mut dyn Write,
    _write: impl FnOnce(&mut dyn Write) -> Result<T>,
) -> Result<T> {
    Err(WrapError::NotBuiltIn)
}

pub(crate) fn decrypt<T>(
    _keys: &[IdentityKey],
    _encrypted: impl Read,
    _read: impl FnOnce(&mut dyn Read) -> Result<T>,
) -> Result<T> {
    Err(WrapError::NotBuiltIn)
}
