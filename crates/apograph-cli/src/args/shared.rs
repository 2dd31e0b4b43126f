//! The words that several commands have.

use std::num::NonZero;
use std::path::PathBuf;

use apograph_io::Threads;
use clap::Args;

use super::values::{rate, threads};

#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// Use at most so many threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(super) threads: Option<Threads>,
    /// Read no more than so many bytes in a second, such as 500K or 20MiB
    #[arg(long, value_name = "BYTES", value_parser = rate)]
    pub(super) limit_rate: Option<NonZero<u64>>,
}

/// Who reads a vault.
#[derive(Debug, Args)]
pub(crate) struct IdentityArgs {
    /// The file of a private key, for a vault that is encrypted; can be given several times
    /// [default: that of `APOGRAPH_IDENTITY`]
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Vec<PathBuf>,
}

/// For whom a vault is written.
#[derive(Debug, Args)]
pub(crate) struct RecipientArgs {
    /// Encrypt for the owner of a public key, `age1…` or that of an SSH key; can be given several
    /// times
    #[arg(long, value_name = "KEY")]
    pub(crate) recipient: Vec<String>,
    /// Encrypt for the public keys in a file, one a line; can be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) recipients_file: Vec<PathBuf>,
}
