//! Requests to an object store, and the errors that come of them.

use std::sync::Arc;
use std::time::Duration;

use object_store::Error as ClientError;
use object_store::path::Path;
use tokio::time::sleep;

use super::client::{Address, Client};
use super::counter::Counter;
use super::failure::remote;
use super::runtime::{Pending, Runtime};
use crate::error::{Result, StoreError};
use crate::name::ObjectName;
use crate::remote::RemoteError;
use crate::traffic::Traffic;

/// What comes of a request, with the library's own error.
pub(super) type Answered<T> = std::result::Result<T, ClientError>;

/// A client, the thread on which its requests run, and the folder that they are about.
pub(super) struct Requests {
    runtime: Runtime,
    client: Arc<dyn Client>,
    counter: Counter,
    place: String,
    prefix: String,
}

impl Requests {
    pub(super) fn open(address: &Address, settings: &[(String, String)]) -> Result<Self> {
        let place = address.text();
        let failed = |source| StoreError::Remote {
            operation: "open",
            address: place.clone(),
            source,
        };
        let counter = Counter::default();
        let client = address.client(settings, &counter).map_err(failed)?;
        let runtime = Runtime::start().map_err(|error| {
            let reason = format!("no thread can be started: {error}");
            failed(RemoteError::Refused { reason })
        })?;
        Ok(Self {
            runtime,
            client,
            counter,
            place,
            prefix: address.prefix.clone(),
        })
    }

    /// What went over the line so far.
    pub(super) fn traffic(&self) -> Traffic {
        self.counter.traffic()
    }

    /// Where the objects are.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The name that something below the prefix has in the bucket.
    pub(super) fn key(&self, name: &str) -> String {
        match self.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }

    /// The same as the library has it.
    pub(super) fn path(&self, name: &ObjectName) -> Path {
        Path::from(self.key(name.as_str()))
    }

    /// Begins a request.
    pub(super) fn begin<T: Send + 'static, F>(
        &self,
        request: impl FnOnce(Arc<dyn Client>) -> F,
    ) -> Pending<Answered<T>>
    where
        F: Future<Output = Answered<T>> + Send + 'static,
    {
        self.runtime.begin(request(Arc::clone(&self.client)))
    }

    /// Makes a request, and waits for its answer.
    pub(super) fn ask<T: Send + 'static, F>(
        &self,
        request: impl FnOnce(Arc<dyn Client>) -> F,
    ) -> Answered<T>
    where
        F: Future<Output = Answered<T>> + Send + 'static,
    {
        answer(self.begin(request))
    }

    /// Waits, by the clock of the requests.
    pub(super) fn wait(&self, time: Duration) {
        let _ = self.runtime.begin(async move { sleep(time).await }).wait();
    }

    /// The error of an operation on an object or a folder.
    pub(super) fn failed(
        &self,
        operation: &'static str,
        name: &str,
        error: &ClientError,
    ) -> StoreError {
        self.refused(operation, name, remote(error))
    }

    /// The same, where the library found nothing wrong.
    pub(super) fn refused(
        &self,
        operation: &'static str,
        name: &str,
        source: RemoteError,
    ) -> StoreError {
        let place = &self.place;
        let slash = if name.is_empty() { "" } else { "/" };
        StoreError::Remote {
            operation,
            address: format!("{place}{slash}{name}"),
            source,
        }
    }
}

/// What comes of a request that was begun.
pub(super) fn answer<T>(pending: Pending<Answered<T>>) -> Answered<T> {
    pending.wait().unwrap_or_else(|| {
        Err(ClientError::Generic {
            store: "client",
            source: "the request was given up".into(),
        })
    })
}
