//! A store between a caller and a real one, which fails at the requests that a test names.
//!
//! Each request has an index, in the order in which they come, as an operation of
//! [`SimDisk`](crate::disk::SimDisk) has. A fault strikes at one index, or at every request of a
//! kind. Nothing here is random.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use apograph_format::UnixMillis;
use apograph_io::{Clock, IoError};
use apograph_store::{Created, Listing, Object, ObjectName, Result, Store, StoreError, Upload};

/// What happens at a request.
#[derive(Debug, Clone)]
pub enum StoreFault {
    /// It fails and does nothing.
    Fails,
    /// It is done, and then it fails: the answer was lost.
    FailsAfter,
    /// It comes so late, by the clock of the store.
    Delays(Duration),
    /// It comes twice, and the answer is that of the second time: a create finds its own object.
    Duplicates,
    /// A read gets the first half of what it asks for; a range is `EndedEarly`.
    CutsShort,
    /// A listing is that of the last time that this folder was listed; empty the first time.
    ServesStale,
    /// A create replaces what has the name, and says that it is new.
    LosesRace,
    /// A create that finds the name taken says that it is new, and changes nothing.
    SaysNew,
    /// A create says that the name was taken, whatever it did.
    SaysTaken,
    /// A create that finds the name taken says so, and replaces the object.
    Replaces,
    /// A create looks whether the name is free, and writes once as many have looked as the barrier
    /// waits for.
    LooksFirst(Arc<Barrier>),
}

/// What is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    /// The size of an object.
    Size,
    /// A whole object.
    Read,
    /// A part of an object.
    ReadRange,
    /// To create an object.
    Create,
    /// To begin an upload.
    Upload,
    /// To append to an upload.
    Write,
    /// To finish an upload.
    Finish,
    /// To write a hint.
    Put,
    /// To list a folder.
    List,
    /// To delete an object.
    Delete,
    /// The time.
    Now,
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRequest {
    /// Its kind.
    pub kind: RequestKind,
    /// The object or the folder; empty for the time.
    pub name: String,
}

/// How much was asked of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestTally {
    /// So many requests came.
    pub count: u64,
    /// So many bytes of objects went to the store or came from it.
    pub size_bytes: u64,
}

/// A store that fails where it is told to.
pub struct FaultyStore<'s> {
    store: Box<dyn Store + 's>,
    clock: Box<dyn Clock + 's>,
    state: Mutex<State>,
}

/// What somebody else does right before the request with an index.
type Meanwhile = Arc<dyn Fn(usize) + Send + Sync>;

#[derive(Default)]
struct State {
    meanwhile: Option<Meanwhile>,
    requests: Vec<StoreRequest>,
    tallies: BTreeMap<RequestKind, RequestTally>,
    at: Vec<(usize, StoreFault)>,
    each: Vec<(RequestKind, StoreFault)>,
    listed: BTreeMap<String, Vec<Object>>,
    is_struck: bool,
}

impl<'s> FaultyStore<'s> {
    /// A store without faults, in front of another one. Delays are those of the clock.
    pub fn new(store: impl Store + 's, clock: impl Clock + 's) -> Self {
        Self {
            store: Box::new(store),
            clock: Box::new(clock),
            state: Mutex::default(),
        }
    }

    /// The same, with a fault more, at the request that has this index.
    #[must_use]
    pub fn with_fault(self, index: usize, fault: StoreFault) -> Self {
        self.state().at.push((index, fault));
        self
    }

    /// The same, with a fault at each request of a kind that has none by its index.
    #[must_use]
    pub fn with_each(self, kind: RequestKind, fault: StoreFault) -> Self {
        self.state().each.push((kind, fault));
        self
    }

    /// The same, and somebody else does something before each request, which has this index.
    #[must_use]
    pub fn meanwhile(self, act: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.state().meanwhile = Some(Arc::new(act));
        self
    }

    /// What came so far, in order.
    pub fn requests(&self) -> Vec<StoreRequest> {
        self.state().requests.clone()
    }

    /// How much of a kind came so far.
    pub fn tally(&self, kind: RequestKind) -> RequestTally {
        self.state().tallies.get(&kind).copied().unwrap_or_default()
    }

    /// Whether a fault has struck.
    pub fn is_struck(&self) -> bool {
        self.state().is_struck
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request comes; the fault that strikes at it, if it is one of those that are meant.
    fn ask(
        &self,
        kind: RequestKind,
        name: &str,
        bytes: u64,
        is_meant: impl Fn(&StoreFault) -> bool,
    ) -> Result<Option<StoreFault>> {
        let (index, meanwhile) = {
            let mut state = self.state();
            let name = name.to_owned();
            state.requests.push(StoreRequest { kind, name });
            let tally = state.tallies.entry(kind).or_default();
            tally.count += 1;
            tally.size_bytes += bytes;
            (state.requests.len() - 1, state.meanwhile.clone())
        };
        if let Some(act) = meanwhile {
            act(index);
        }
        let fault = self.state().strike(index, kind, is_meant);
        match fault {
            Some(StoreFault::Fails) => Err(failed(kind, name)),
            Some(StoreFault::Delays(time)) => {
                self.clock.wait(time);
                Ok(None)
            }
            other => Ok(other),
        }
    }

    /// A request of which the answer alone can be lost.
    fn pass<T>(
        &self,
        kind: RequestKind,
        name: &str,
        bytes: u64,
        act: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let fault = self.ask(kind, name, bytes, |_| false)?;
        answer(fault.as_ref(), kind, name, act()?)
    }

    /// Bytes that were read count once it is known how many there are.
    fn count(&self, kind: RequestKind, bytes: &[u8]) {
        let mut state = self.state();
        state.tallies.entry(kind).or_default().size_bytes += bytes.len() as u64;
    }

    /// Creates an object, and lies about it.
    fn create_wrongly(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        fault: Option<&StoreFault>,
    ) -> Result<Created> {
        if let Some(StoreFault::LooksFirst(looked)) = fault {
            let found = self.store.size(name)?;
            looked.wait();
            if found.is_some() {
                return Ok(Created::Taken);
            }
            self.store.put(name, bytes)?;
            return Ok(Created::New);
        }
        let created = self.store.create(name, bytes)?;
        match (fault, created) {
            (Some(StoreFault::Duplicates), _) => self.store.create(name, bytes),
            (Some(StoreFault::LosesRace), Created::Taken) => {
                self.store.put(name, bytes)?;
                Ok(Created::New)
            }
            (Some(StoreFault::Replaces), Created::Taken) => {
                self.store.put(name, bytes)?;
                Ok(Created::Taken)
            }
            (Some(StoreFault::SaysNew), _) => Ok(Created::New),
            (Some(StoreFault::SaysTaken), _) => Ok(Created::Taken),
            (fault, created) => answer(fault, RequestKind::Create, name.as_str(), created),
        }
    }
}

impl State {
    /// The fault at a request, where it can come at one of this kind.
    fn strike(
        &mut self,
        index: usize,
        kind: RequestKind,
        is_meant: impl Fn(&StoreFault) -> bool,
    ) -> Option<StoreFault> {
        let at = self.at.iter().find(|(at, _)| *at == index);
        let each = self.each.iter().find(|(each, _)| *each == kind);
        let fault = at
            .map(|(_, fault)| fault)
            .or_else(|| each.map(|(_, fault)| fault));
        let of_all = |fault: &StoreFault| {
            matches!(
                fault,
                StoreFault::Fails | StoreFault::FailsAfter | StoreFault::Delays(_)
            )
        };
        let fault = fault
            .filter(|fault| of_all(fault) || is_meant(fault))
            .cloned();
        self.is_struck |= fault.is_some();
        fault
    }
}

impl Store for FaultyStore<'_> {
    fn place(&self) -> String {
        self.store.place()
    }

    fn size(&self, name: &ObjectName) -> Result<Option<u64>> {
        self.pass(RequestKind::Size, name.as_str(), 0, || {
            self.store.size(name)
        })
    }

    fn read(&self, name: &ObjectName, limit: u64) -> Result<Option<Vec<u8>>> {
        let kind = RequestKind::Read;
        let fault = self.ask(kind, name.as_str(), 0, cuts_short)?;
        let mut found = self.store.read(name, limit)?;
        if let (Some(StoreFault::CutsShort), Some(bytes)) = (&fault, &mut found) {
            bytes.truncate(bytes.len() / 2);
        }
        self.count(kind, found.as_deref().unwrap_or_default());
        answer(fault.as_ref(), kind, name.as_str(), found)
    }

    fn read_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        let kind = RequestKind::ReadRange;
        let fault = self.ask(kind, name.as_str(), 0, cuts_short)?;
        let end = range.end;
        let found = self.store.read_range(name, range)?;
        if let Some(StoreFault::CutsShort) = fault {
            return Err(StoreError::EndedEarly {
                place: self.place(),
                name: name.clone(),
                end,
            });
        }
        self.count(kind, &found);
        answer(fault.as_ref(), kind, name.as_str(), found)
    }

    fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Created> {
        let is_meant =
            |fault: &StoreFault| !matches!(fault, StoreFault::CutsShort | StoreFault::ServesStale);
        let length = bytes.len() as u64;
        let fault = self.ask(RequestKind::Create, name.as_str(), length, is_meant)?;
        self.create_wrongly(name, bytes, fault.as_ref())
    }

    fn upload(&self, name: &ObjectName) -> Result<Box<dyn Upload + '_>> {
        let upload = self.pass(RequestKind::Upload, name.as_str(), 0, || {
            self.store.upload(name)
        })?;
        Ok(Box::new(FaultyUpload {
            store: self,
            upload,
            name: name.clone(),
        }))
    }

    fn put(&self, name: &ObjectName, bytes: &[u8]) -> Result<()> {
        let length = bytes.len() as u64;
        self.pass(RequestKind::Put, name.as_str(), length, || {
            self.store.put(name, bytes)
        })
    }

    fn list<'a>(&'a self, folder: &str, after: Option<&str>) -> Result<Listing<'a>> {
        let kind = RequestKind::List;
        let is_meant = |fault: &StoreFault| matches!(fault, StoreFault::ServesStale);
        let fault = self.ask(kind, folder, 0, is_meant)?;
        let all: Vec<_> = self.store.list(folder, None)?.collect::<Result<_>>()?;
        let before = self.state().listed.insert(folder.to_owned(), all.clone());
        let listed = match fault {
            Some(StoreFault::ServesStale) => before.unwrap_or_default(),
            _ => all,
        };
        let after = after.map(str::to_owned);
        let listed = listed.into_iter().filter(move |object| {
            let (_, name) = object.name.split();
            Some(name) > after.as_deref()
        });
        answer(
            fault.as_ref(),
            kind,
            folder,
            Box::new(listed.map(Ok)) as Listing<'a>,
        )
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.pass(RequestKind::Delete, name.as_str(), 0, || {
            self.store.delete(name)
        })
    }

    fn now(&self) -> Result<UnixMillis> {
        self.pass(RequestKind::Now, "", 0, || self.store.now())
    }
}

/// An upload to a store that fails where it is told to.
struct FaultyUpload<'u, 's> {
    store: &'u FaultyStore<'s>,
    upload: Box<dyn Upload + 'u>,
    name: ObjectName,
}

impl Upload for FaultyUpload<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let (kind, length) = (RequestKind::Write, bytes.len() as u64);
        self.store.pass(kind, self.name.as_str(), length, || {
            self.upload.write(bytes)
        })
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self {
            store,
            upload,
            name,
        } = *self;
        store.pass(RequestKind::Finish, name.as_str(), 0, || upload.finish())
    }
}

fn cuts_short(fault: &StoreFault) -> bool {
    matches!(fault, StoreFault::CutsShort)
}

/// The answer of a request that was done, unless it is lost.
fn answer<T>(fault: Option<&StoreFault>, kind: RequestKind, name: &str, given: T) -> Result<T> {
    match fault {
        Some(StoreFault::FailsAfter) => Err(failed(kind, name)),
        _ => Ok(given),
    }
}

fn failed(kind: RequestKind, name: &str) -> StoreError {
    let operation = match kind {
        RequestKind::Size => "size",
        RequestKind::Read => "read",
        RequestKind::ReadRange => "read a part of",
        RequestKind::Create => "create",
        RequestKind::Upload => "upload",
        RequestKind::Write => "write",
        RequestKind::Finish => "finish",
        RequestKind::Put => "put",
        RequestKind::List => "list",
        RequestKind::Delete => "delete",
        RequestKind::Now => "get the time of",
    };
    StoreError::Io(IoError::Failed {
        operation,
        path: name.into(),
        source: io::ErrorKind::ConnectionReset.into(),
    })
}

impl fmt::Debug for FaultyStore<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("FaultyStore");
        told.field("store", &self.store).finish_non_exhaustive()
    }
}
