//! Keys, as the command line and the environment name them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use apograph_format::{Code, WithCauses};
use apograph_io::IoError;
use apograph_repository::Location;
use apograph_repository::vault::wrap::{Identities, KeyError, Recipients};

use crate::args::{IdentityArgs, RecipientArgs};
use crate::failure::Failure;

/// Where a file of private keys is, for who names none.
const VARIABLE: &str = "APOGRAPH_IDENTITY";
/// No file of keys is longer.
const FILE_MAX_BYTES: u64 = 1 << 20;

impl IdentityArgs {
    /// The files of private keys that are named, or that of the environment.
    fn files(&self) -> Vec<PathBuf> {
        if !self.identity.is_empty() {
            return self.identity.clone();
        }
        let named = std::env::var_os(VARIABLE).filter(|file: &OsString| !file.is_empty());
        named.map(PathBuf::from).into_iter().collect()
    }

    /// Whether there is a private key.
    pub(crate) fn is_given(&self) -> bool {
        !self.files().is_empty()
    }

    /// The same place, read with these keys.
    pub(crate) fn open(&self, location: &Location) -> Result<Location, Failure> {
        let mut identities = Identities::default();
        for file in self.files() {
            let added = identities.add(&read(&file)?);
            added.map_err(|error| in_file(&error, &file))?;
        }
        Ok(location.clone().with_identities(identities))
    }
}

impl RecipientArgs {
    /// Those that were named; `None` where none was.
    pub(crate) fn recipients(&self) -> Result<Option<Recipients>, Failure> {
        if self.recipient.is_empty() && self.recipients_file.is_empty() {
            return Ok(None);
        }
        let mut all: Vec<Recipients> = Vec::new();
        if !self.recipient.is_empty() {
            all.push(Recipients::of(&self.recipient)?);
        }
        for file in &self.recipients_file {
            let text = read(file)?;
            let found = Recipients::of(Recipients::in_file(&text));
            all.push(found.map_err(|error| in_file(&error, file))?);
        }
        let keys = all.iter().flat_map(Recipients::keys);
        Ok(Some(Recipients::of(keys)?))
    }

    /// The same place, written for those that were named.
    pub(crate) fn write(&self, location: &Location) -> Result<Location, Failure> {
        let location = location.clone();
        Ok(match self.recipients()? {
            None => location,
            Some(recipients) => location.with_recipients(recipients),
        })
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let failure = Self::new(error.code(), WithCauses(&error).to_string());
        match error.code() {
            Code::Usage => failure.hinting(
                "age-keygen makes a key pair: its public key is a KEY, and its file an identity",
            ),
            _ => failure,
        }
    }
}

fn in_file(error: &KeyError, file: &Path) -> Failure {
    let failure = Failure::from(error.clone());
    failure.in_file(file)
}

/// The text of a small file.
pub(crate) fn read(file: &Path) -> Result<String, Failure> {
    let failed = |source: io::Error| IoError::Failed {
        operation: "read",
        path: file.to_owned(),
        source,
    };
    let mut text = String::new();
    let opened = File::open(file).map_err(failed)?;
    let read = opened.take(FILE_MAX_BYTES).read_to_string(&mut text);
    read.map_err(failed)?;
    Ok(text)
}
