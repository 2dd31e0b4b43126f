//! Why a key cannot be used. No error has a private key in it, nor what may be one.

use apograph_format::Code;

/// A text is no key that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no recipient.
    #[error("no recipient is named")]
    NoRecipient,
    /// There are more recipients than a reader looks at.
    #[error("{count} recipients are more than {max}")]
    TooMany {
        /// How many.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A private key stands where a public one belongs.
    #[error("a recipient is a public key, and this is a private one")]
    Private,
    /// A recipient is of no kind that is known here.
    #[error("a recipient begins with `age1`, `ssh-ed25519` or `ssh-rsa`")]
    UnknownRecipient,
    /// A recipient is not whole, or has a wrong letter.
    #[error(
        "{key} is no recipient: it is not whole, has a wrong letter, or is of a kind that is not known here"
    )]
    Recipient {
        /// It, which is public.
        key: String,
    },
    /// A recipient that is to be left out is none.
    #[error("{key} is none of the recipients")]
    NotThere {
        /// It.
        key: String,
    },
    /// All recipients would be left out.
    #[error("no recipient would be left, and everybody could read what is added from then on")]
    NoneLeft,
    /// A file of identities cannot be used.
    #[error("there is no identity that can be used: {detail}")]
    Identity {
        /// Why not.
        detail: String,
    },
    /// This program was built without encryption.
    #[error("this program was built without encryption")]
    NotBuiltIn,
}

impl KeyError {
    /// The kind of the error, by a stable name.
    pub const fn code(&self) -> Code {
        match self {
            Self::NotBuiltIn => Code::UnsupportedVersion,
            _ => Code::Usage,
        }
    }
}
