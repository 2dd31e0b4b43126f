//! Keys of age: X25519, and SSH.

use std::fmt;
use std::sync::Arc;

use age::{IdentityFile, ssh, x25519};

use crate::key_error::KeyError;

/// A public key.
#[derive(Debug, Clone)]
pub(crate) enum RecipientKey {
    X25519(x25519::Recipient),
    Ssh(ssh::Recipient),
}

impl RecipientKey {
    pub(crate) fn parse(text: &str) -> Result<Self, KeyError> {
        if let Ok(key) = text.parse() {
            return Ok(Self::X25519(key));
        }
        let key = text.parse().map(Self::Ssh);
        key.map_err(|_| KeyError::Recipient {
            key: text.to_owned(),
        })
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::X25519(key) => key.to_string(),
            Self::Ssh(key) => key.to_string(),
        }
    }

    pub(crate) fn as_age(&self) -> &dyn age::Recipient {
        match self {
            Self::X25519(key) => key,
            Self::Ssh(key) => key,
        }
    }
}

/// A private key.
#[derive(Clone)]
pub(crate) struct IdentityKey(Arc<dyn age::Identity + Send + Sync>);

impl IdentityKey {
    pub(crate) fn parse(file: &str) -> Result<Vec<Self>, KeyError> {
        let refused = |detail: &str| KeyError::Identity {
            detail: detail.to_owned(),
        };
        let text = file.trim_start();
        if text.starts_with("age-encryption.org/") || text.starts_with("-----BEGIN AGE ENCRYPTED") {
            return Err(refused(
                "the file is encrypted itself: decrypt it with `age -d`",
            ));
        }
        if text.starts_with("-----BEGIN ") {
            return match ssh::Identity::from_buffer(text.as_bytes(), None) {
                Ok(key @ ssh::Identity::Unencrypted(_)) => Ok(vec![Self(Arc::new(key))]),
                Ok(ssh::Identity::Encrypted(_)) => Err(refused("the key has a passphrase")),
                Ok(ssh::Identity::Unsupported(_)) => Err(refused(
                    "an SSH key is of Ed25519 or RSA, and has no passphrase",
                )),
                Err(_) => Err(refused("it is not a whole SSH key")),
            };
        }
        let found = IdentityFile::from_buffer(file.as_bytes());
        // Which line it is it says, and not what stands there.
        let found = found.map_err(|error| refused(&error.to_string()))?;
        let keys = found.into_identities().unwrap_or_default();
        if keys.is_empty() {
            return Err(refused("the file has none"));
        }
        Ok(keys.into_iter().map(|key| Self(key.into())).collect())
    }

    pub(crate) fn as_age(&self) -> &dyn age::Identity {
        &*self.0
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey")
    }
}
