//! An object that is uploaded in parts.
//!
//! Parts are [`PART_BYTES`] long, and a store takes 10,000 of them. Some are on their way at once; an
//! upload has no more in memory than these and the next one. An object of less than a part is one
//! request. The name is one that nobody else makes, so nothing depends on a condition, which some
//! stores ignore here; an object that is there after the last request failed is the one that was
//! uploaded.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Error as ClientError, MultipartId, ObjectStoreExt, PutPayload};
use tokio::time::timeout;

use super::client::Client;
use super::failure::may_be_done;
use super::requests::{Answered, Requests, answer};
use super::runtime::Pending;
use crate::error::{Result, StoreError};
use crate::name::ObjectName;
use crate::store::Upload;

/// So long is a part, but for the last.
const PART_BYTES: usize = 8 << 20;
/// So many parts are on their way at once.
const ON_THEIR_WAY: usize = 3;
/// So many parts an object can have.
const MOST_PARTS: usize = 10_000;
/// So long a store may take to forget an upload.
const ABORT: Duration = Duration::from_secs(10);

/// An upload that is under way.
pub(super) struct CloudUpload<'s> {
    requests: &'s Requests,
    name: ObjectName,
    /// What was written and is not yet a part.
    rest: Vec<u8>,
    length: u64,
    /// Once there is a part.
    begun: Option<MultipartId>,
    done: Vec<PartId>,
    on_their_way: VecDeque<Pending<Answered<PartId>>>,
}

impl<'s> CloudUpload<'s> {
    pub(super) fn new(requests: &'s Requests, name: &ObjectName) -> Self {
        Self {
            requests,
            name: name.clone(),
            rest: Vec::new(),
            length: 0,
            begun: None,
            done: Vec::new(),
            on_their_way: VecDeque::new(),
        }
    }

    /// Sends what was written as the next part.
    fn send_part(&mut self) -> Result<()> {
        let index = self.done.len() + self.on_their_way.len();
        if index == MOST_PARTS {
            return Err(StoreError::TooLarge {
                place: self.requests.place().to_owned(),
                name: self.name.clone(),
                limit: (PART_BYTES * MOST_PARTS) as u64,
            });
        }
        let id = match &self.begun {
            Some(id) => id.clone(),
            None => self.begin()?,
        };
        if self.on_their_way.len() == ON_THEIR_WAY {
            self.wait_for_part()?;
        }
        let part = PutPayload::from(mem::take(&mut self.rest));
        let path = self.path();
        let request =
            |client: Arc<dyn Client>| async move { client.put_part(&path, &id, index, part).await };
        self.on_their_way.push_back(self.requests.begin(request));
        Ok(())
    }

    fn begin(&mut self) -> Result<MultipartId> {
        let path = self.path();
        let begun = self
            .requests
            .ask(|client| async move { client.create_multipart(&path).await });
        let id = begun.map_err(|error| self.failed(&error))?;
        self.begun = Some(id.clone());
        Ok(id)
    }

    /// Waits for the part that was sent first.
    fn wait_for_part(&mut self) -> Result<()> {
        if let Some(pending) = self.on_their_way.pop_front() {
            let part = answer(pending).map_err(|error| self.failed(&error))?;
            self.done.push(part);
        }
        Ok(())
    }

    /// Makes the parts an object.
    fn complete(&mut self, id: &MultipartId) -> Result<()> {
        let (path, id) = (self.path(), id.clone());
        let parts = mem::take(&mut self.done);
        let request = |client: Arc<dyn Client>| async move {
            client.complete_multipart(&path, &id, parts).await
        };
        match self.requests.ask(request) {
            Ok(_) => Ok(()),
            // The first answer may be lost, and the next one says that there is no such upload.
            Err(error) if self.is_there(&error) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Whether the object is there after an error that leaves that open.
    fn is_there(&self, error: &ClientError) -> bool {
        let is_open = may_be_done(error) || matches!(error, ClientError::NotFound { .. });
        if !is_open {
            return false;
        }
        let path = self.path();
        let found = self
            .requests
            .ask(|client| async move { client.head(&path).await });
        found.is_ok_and(|found| found.size == self.length)
    }

    /// An object of less than a part.
    fn put(&mut self) -> Result<()> {
        let path = self.path();
        let bytes = PutPayload::from(mem::take(&mut self.rest));
        let put = self
            .requests
            .ask(|client| async move { client.put(&path, bytes).await });
        put.map(drop).map_err(|error| self.failed(&error))
    }

    fn path(&self) -> Path {
        self.requests.path(&self.name)
    }

    fn failed(&self, error: &ClientError) -> StoreError {
        self.requests.failed("upload", self.name.as_str(), error)
    }
}

impl Upload for CloudUpload<'_> {
    fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.rest.len() == PART_BYTES {
                self.send_part()?;
            }
            if self.rest.capacity() == 0 {
                self.rest.reserve_exact(PART_BYTES);
            }
            let room = PART_BYTES - self.rest.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.rest.extend_from_slice(now);
            self.length += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.begun.is_none() {
            return self.put();
        }
        self.send_part()?;
        while !self.on_their_way.is_empty() {
            self.wait_for_part()?;
        }
        let Some(id) = self.begun.clone() else {
            return Ok(());
        };
        self.complete(&id)?;
        self.begun = None;
        Ok(())
    }
}

impl Drop for CloudUpload<'_> {
    /// What was not finished goes. What is left where that fails too is removed by the rule of the
    /// bucket for uploads that nobody finished.
    fn drop(&mut self) {
        let Some(id) = self.begun.take() else {
            return;
        };
        for pending in &self.on_their_way {
            pending.end();
        }
        let path = self.path();
        let abort = |client: Arc<dyn Client>| async move {
            // Nobody is there to be told of an error.
            let _ = timeout(ABORT, client.abort_multipart(&path, &id)).await;
            Ok(())
        };
        let _ = self.requests.ask::<(), _>(abort);
    }
}
