//! For whom segments are encrypted, and who reads them.

use std::io::{Read, Write};

use crate::error::Result;
use crate::key_error::KeyError;
use crate::keys::{IdentityKey, RecipientKey};
use crate::streams::{decrypt, encrypt};

/// The most recipients that there may be.
const RECIPIENTS_MAX: usize = 32;

/// Public keys, for whose owners something is encrypted: at least one.
///
/// ```
/// # #[cfg(feature = "encryption")] {
/// use apograph_wrap::Recipients;
///
/// let key = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
/// let recipients = Recipients::of([key])?;
/// assert_eq!(recipients.keys(), [key]);
/// # }
/// # Ok::<(), apograph_wrap::KeyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Recipients {
    keys: Vec<RecipientKey>,
}

impl Recipients {
    /// Public keys as the `age` command takes them: `age1…`, `ssh-ed25519 …` and `ssh-rsa …`. What
    /// is there twice is taken once.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn of<K: AsRef<str>>(
        keys: impl IntoIterator<Item = K>,
    ) -> std::result::Result<Self, KeyError> {
        let mut found: Vec<RecipientKey> = Vec::new();
        for key in keys {
            let key = parse(key.as_ref().trim())?;
            if found.iter().all(|other| other.text() != key.text()) {
                found.push(key);
            }
        }
        Self::some(found, KeyError::NoRecipient)
    }

    fn some(keys: Vec<RecipientKey>, none: KeyError) -> std::result::Result<Self, KeyError> {
        match keys.len() {
            0 => Err(none),
            1..=RECIPIENTS_MAX => Ok(Self { keys }),
            count => Err(KeyError::TooMany {
                count,
                max: RECIPIENTS_MAX,
            }),
        }
    }

    /// These, and more.
    ///
    /// # Errors
    ///
    /// [`KeyError::TooMany`].
    pub fn and(&self, more: &Self) -> std::result::Result<Self, KeyError> {
        let new = more.keys.iter().filter(|key| !self.has(key));
        let keys = self.keys.iter().chain(new).cloned().collect();
        Self::some(keys, KeyError::NoneLeft)
    }

    /// These, but for some.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotThere`] and [`KeyError::NoneLeft`].
    pub fn without(&self, less: &Self) -> std::result::Result<Self, KeyError> {
        if let Some(other) = less.keys.iter().find(|key| !self.has(key)) {
            let key = other.text();
            return Err(KeyError::NotThere { key });
        }
        let left = self.keys.iter().filter(|key| !less.has(key));
        Self::some(left.cloned().collect(), KeyError::NoneLeft)
    }

    fn has(&self, key: &RecipientKey) -> bool {
        self.keys.iter().any(|other| other.text() == key.text())
    }

    /// The keys of a recipients file, one a line: empty lines and those with `#` in front say
    /// nothing.
    pub fn in_file(text: &str) -> impl Iterator<Item = &str> {
        let lines = text.lines().map(str::trim);
        lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
    }

    /// The keys as age writes them, without a comment.
    pub fn keys(&self) -> Vec<String> {
        self.keys.iter().map(RecipientKey::text).collect()
    }

    /// Whether they are the same, in whatever order.
    pub fn are(&self, other: &Self) -> bool {
        let sorted = |recipients: &Self| {
            let mut keys = recipients.keys();
            keys.sort_unstable();
            keys
        };
        sorted(self) == sorted(other)
    }

    /// Encrypts what `write` writes, and hands it on to `out`. Each piece is decrypted again and
    /// compared before that, by a recipient that is made for this and forgotten.
    ///
    /// # Errors
    ///
    /// [`WrapError::NotAsEncrypted`](crate::WrapError::NotAsEncrypted);
    /// [`WrapError::Write`](crate::WrapError::Write); those of `write`.
    pub fn encrypt<T>(
        &self,
        out: &mut dyn Write,
        write: impl FnOnce(&mut dyn Write) -> Result<T>,
    ) -> Result<T> {
        encrypt(&self.keys, out, write)
    }
}

fn parse(key: &str) -> std::result::Result<RecipientKey, KeyError> {
    // Upper case is a private key too.
    let front = key.get(..16).unwrap_or(key).to_ascii_uppercase();
    if front.starts_with("AGE-SECRET-KEY") || front.starts_with("AGE-PLUGIN") {
        return Err(KeyError::Private);
    }
    if !["AGE1", "SSH-"].iter().any(|kind| front.starts_with(kind)) {
        return Err(KeyError::UnknownRecipient);
    }
    RecipientKey::parse(key)
}

/// Private keys, by which their owner reads what is encrypted; or none.
#[derive(Debug, Clone, Default)]
pub struct Identities {
    keys: Vec<IdentityKey>,
}

impl Identities {
    /// Adds those of an identity file, as age-keygen writes it, or an SSH private key that has no
    /// passphrase.
    ///
    /// # Errors
    ///
    /// [`KeyError::Identity`] and [`KeyError::NotBuiltIn`].
    pub fn add(&mut self, file: &str) -> std::result::Result<(), KeyError> {
        self.keys.extend(IdentityKey::parse(file)?);
        Ok(())
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Lets `read` read what was encrypted, to its end. Nothing is handed on that is not what was
    /// encrypted.
    ///
    /// # Errors
    ///
    /// [`WrapError::NoIdentity`](crate::WrapError::NoIdentity);
    /// [`WrapError::Damaged`](crate::WrapError::Damaged), with a place in what was encrypted;
    /// [`WrapError::Read`](crate::WrapError::Read); those of `read`.
    pub fn decrypt<T>(
        &self,
        encrypted: impl Read,
        read: impl FnOnce(&mut dyn Read) -> Result<T>,
    ) -> Result<T> {
        decrypt(&self.keys, encrypted, read)
    }
}
