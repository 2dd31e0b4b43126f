//! An object of a vault in an object store, or the vault.

use std::fs::File;
use std::io::Write;

use apograph_format::Code;
use apograph_io::{Context, Source, spool_error, spool_file};
use apograph_repository::vault::HEAD;
use apograph_repository::vault::store::{ObjectName, Store, StoreError};

use super::vault;
use crate::args::StoredAt;
use crate::failure::Failure;
use crate::session::Report;

/// So much of an object is asked for at a time.
const PIECE_BYTES: u64 = 4 << 20;

/// What is at an address.
pub(super) enum Found {
    /// A vault, and what it says.
    Vault(Report),
    /// An object, and its bytes.
    Object(Source),
}

/// Looks what is at an address.
pub(super) fn find(at: &StoredAt, context: Context<'_>) -> Result<Found, Failure> {
    let path = at.address.as_path();
    let failed = |error: StoreError| vault::of_vault(&error.into(), path);
    let missing = || {
        let message = format!("{} does not exist", path.display());
        Failure::new(Code::Io, message).about(path)
    };
    if let Some((store, name)) = &at.object
        && let Some(size_bytes) = store.size(name).map_err(failed)?
    {
        if name.as_str() == HEAD {
            let head = vault::head(path, &**store)?;
            return head.map(Found::Vault).ok_or_else(missing);
        }
        let file = fetched((&**store, name), size_bytes, context, failed)?;
        return Ok(Found::Object(Source::of(file, path)?));
    }
    let head = vault::head(path, &*at.vault)?;
    head.map(Found::Vault).ok_or_else(missing)
}

/// The bytes of an object, in a file that goes when it is closed.
fn fetched(
    (store, name): (&dyn Store, &ObjectName),
    size_bytes: u64,
    context: Context<'_>,
    failed: impl Fn(StoreError) -> Failure,
) -> Result<File, Failure> {
    context.monitor.phase("fetching", size_bytes);
    let mut file = spool_file()?;
    let mut next = 0;
    while next < size_bytes {
        context.monitor.go_on()?;
        let end = size_bytes.min(next + PIECE_BYTES);
        let piece = store.read_range(name, next..end).map_err(&failed)?;
        file.write_all(&piece).map_err(spool_error("write"))?;
        context.monitor.advance(end - next);
        next = end;
    }
    Ok(file)
}
