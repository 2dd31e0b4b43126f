//! The lease that a reader of a vault holds.

use std::io::ErrorKind;
use std::sync::Mutex;
use std::time::Duration;

use apograph_format::WithCauses;
use apograph_io::{Clock, Context, IoError};
use apograph_store::StoreError;
use apograph_vault::{LEASE_RENEWED_EVERY, LeaseObject, VaultError};

use crate::location::Location;
use crate::vault_place::{OpenPlace, VaultPlace, WRITER};
use crate::vault_segments::VaultSegments;

/// The lease that a reader of a vault holds. It is given back when this goes.
pub(crate) struct VaultLease<'a> {
    place: OpenPlace<'a>,
    clock: &'a dyn Clock,
    held: Mutex<Held>,
}

struct Held {
    lease: Option<LeaseObject>,
    renewed: Duration,
}

impl<'a> VaultLease<'a> {
    /// Takes a lease; `None` where there is no vault, or nothing can be written.
    pub(crate) fn take(location: &Location, context: Context<'a>) -> Option<Self> {
        // What is wrong with the place, opening it will tell.
        let place = VaultPlace::find(location).ok()??.open(context.disk);
        place.find_vault().ok()??;
        match LeaseObject::take(place.store(), WRITER) {
            Ok(lease) => Some(Self {
                place,
                clock: context.clock,
                held: Mutex::new(Held {
                    lease: Some(lease),
                    renewed: context.clock.running(),
                }),
            }),
            Err(error) => {
                if !is_read_only(&error) {
                    context.monitor.warn(&format!(
                        "no lease of {location} can be left; should this take longer than the grace of a \
                         `prune` or the day of a `compact`, what they delete may be missing: {}",
                        WithCauses(&error)
                    ));
                }
                None
            }
        }
    }

    /// Says which version of the catalog is read.
    pub(crate) fn narrow(&self, opened: &VaultSegments) {
        if let Ok(mut held) = self.held.lock()
            && let Some(lease) = &mut held.lease
        {
            // Where that fails it keeps more.
            let _ = lease.narrow(self.place.store(), opened.version);
        }
    }

    /// Renews it, where it is time.
    pub(crate) fn renew(&self) {
        let Ok(mut held) = self.held.try_lock() else {
            return;
        };
        let now = self.clock.running();
        if now.saturating_sub(held.renewed) < LEASE_RENEWED_EVERY {
            return;
        }
        held.renewed = now;
        if let Some(lease) = &held.lease {
            // The next time comes soon enough.
            let _ = lease.renew(self.place.store());
        }
    }
}

impl Drop for VaultLease<'_> {
    fn drop(&mut self) {
        let held = self.held.get_mut();
        if let Some(lease) = held.ok().and_then(|held| held.lease.take()) {
            // It ends by itself.
            let _ = lease.end(self.place.store());
        }
    }
}

/// Whether nobody on this machine can write to the place.
fn is_read_only(error: &VaultError) -> bool {
    let (VaultError::Io(error) | VaultError::Store(StoreError::Io(error))) = error else {
        return false;
    };
    matches!(error, IoError::Failed { source, .. } if source.kind() == ErrorKind::ReadOnlyFilesystem)
}
