//! Listing a folder of an object store, an answer at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use apograph_format::UnixMillis;
use object_store::ObjectMeta;
use object_store::list::PaginatedListOptions;

use super::requests::Requests;
use crate::error::Result;
use crate::name::{ObjectName, is_part};
use crate::remote::RemoteError;
use crate::store::Object;

const DELIMITER: &str = "/";

/// The objects of a folder from one on; each answer has some of them.
pub(super) struct Pages<'s> {
    requests: &'s Requests,
    folder: String,
    /// The name to begin after.
    after: Option<String>,
    /// The last name that was seen.
    last: Option<String>,
    found: VecDeque<Object>,
    next: Next,
}

/// Where the next answer begins.
enum Next {
    First,
    Token(String),
    None,
}

impl<'s> Pages<'s> {
    pub(super) fn new(requests: &'s Requests, folder: &str, after: Option<&str>) -> Self {
        Self {
            requests,
            folder: folder.to_owned(),
            after: after.map(str::to_owned),
            last: None,
            found: VecDeque::new(),
            next: Next::First,
        }
    }

    /// Gets the next answer.
    fn turn(&mut self) -> Result<()> {
        let inner = match self.folder.as_str() {
            "" => String::new(),
            folder => format!("{folder}{DELIMITER}"),
        };
        let prefix = self.requests.key(&inner);
        let offset = self.after.as_ref().map(|after| format!("{prefix}{after}"));
        let page_token = match std::mem::replace(&mut self.next, Next::None) {
            Next::Token(token) => Some(token),
            Next::First | Next::None => None,
        };
        let options = PaginatedListOptions {
            // A token knows where the listing began.
            offset: offset.filter(|_| page_token.is_none()),
            delimiter: Some(DELIMITER.into()),
            page_token,
            ..PaginatedListOptions::default()
        };
        let asked = prefix.clone();
        let page = self.requests.ask(|client: Arc<_>| async move {
            let within = Some(asked.as_str()).filter(|prefix| !prefix.is_empty());
            client.list_paginated(within, options).await
        });
        let page = page.map_err(|error| self.requests.failed("list", &self.folder, &error))?;
        if let Some(token) = page.page_token {
            self.next = Next::Token(token);
        }
        for meta in &page.result.objects {
            let name = meta.location.as_ref().strip_prefix(prefix.as_str());
            self.add(name.unwrap_or_default(), meta)?;
        }
        Ok(())
    }

    /// Adds what has a name of an object, and is not from before the beginning: not every store
    /// begins where it is told to.
    fn add(&mut self, name: &str, meta: &ObjectMeta) -> Result<()> {
        if !is_part(name) || self.after.as_deref() >= Some(name) {
            return Ok(());
        }
        if self.last.as_deref() >= Some(name) {
            let reason = "it lists names out of their order".to_owned();
            let reason = RemoteError::Refused { reason };
            return Err(self.requests.refused("list", &self.folder, reason));
        }
        self.last = Some(name.to_owned());
        let name = match self.folder.as_str() {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        };
        if let Ok(name) = ObjectName::parse(name) {
            let object = Object::new(name, meta.size, modified(meta));
            self.found.push_back(object);
        }
        Ok(())
    }
}

impl Iterator for Pages<'_> {
    type Item = Result<Object>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(object) = self.found.pop_front() {
                return Some(Ok(object));
            }
            if let Next::None = self.next {
                return None;
            }
            if let Err(error) = self.turn() {
                (self.next, self.found) = (Next::None, VecDeque::new());
                return Some(Err(error));
            }
        }
    }
}

/// When an object was written, by the store's clock: in whole seconds, as some answers have them.
pub(super) fn modified(meta: &ObjectMeta) -> UnixMillis {
    let seconds = u64::try_from(meta.last_modified.timestamp()).unwrap_or_default();
    UnixMillis::new(seconds.saturating_mul(1000))
}
