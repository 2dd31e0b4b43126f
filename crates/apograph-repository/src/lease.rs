//! What keeps the segments of a repository while somebody reads them.

use apograph_io::{Context, Monitor};

use crate::location::Location;
use crate::repository::Repository;
use crate::vault_lease::VaultLease;

/// The word of a reader that its segments are to stay: none of a vault is deleted that was in the chain
/// when it was opened, as long as this is held.
///
/// It is renewed with the progress of the operation, by [its own context](Self::context). Where it cannot be written that monitor is warned, and the reader
/// goes on: for a day nothing is deleted anyway that it may need.
///
/// ```
/// use apograph_io::Context;
/// use apograph_repository::{Lease, Location, Repository};
///
/// # fn read(location: &Location) -> apograph_repository::Result<()> {
/// let lease = Lease::take(location, Context::default());
/// let context = lease.context();
/// let repository = lease.narrow(Repository::open(location, context)?);
/// # Ok(())
/// # }
/// ```
pub struct Lease<'a> {
    context: Context<'a>,
    held: Option<VaultLease<'a>>,
}

impl<'a> Lease<'a> {
    /// Takes a lease of the repository at a location, before it is opened.
    pub fn take(location: &Location, context: Context<'a>) -> Self {
        Self {
            context,
            held: VaultLease::take(location, context),
        }
    }

    /// The context of the reader: its monitor renews the lease, and is that of the context that the
    /// lease was taken with.
    pub fn context(&self) -> Context<'_> {
        Context {
            monitor: self,
            ..self.context
        }
    }

    /// Says what was opened: what left the chain before that is not kept any longer.
    pub fn narrow(&self, opened: Repository) -> Repository {
        if let (Some(held), Some(vault)) = (&self.held, opened.vault()) {
            held.narrow(vault);
        }
        opened
    }

    fn renew(&self) {
        if let Some(held) = &self.held {
            held.renew();
        }
    }
}

impl Monitor for Lease<'_> {
    fn phase(&self, name: &'static str, total_bytes: u64) {
        self.context.monitor.phase(name, total_bytes);
    }

    fn advance(&self, bytes: u64) {
        self.renew();
        self.context.monitor.advance(bytes);
    }

    fn warn(&self, message: &str) {
        self.context.monitor.warn(message);
    }

    fn is_interrupted(&self) -> bool {
        self.renew();
        self.context.monitor.is_interrupted()
    }
}
