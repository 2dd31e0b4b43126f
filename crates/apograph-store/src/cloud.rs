//! Objects in an object store: `s3://`, `gs://` and `az://`.
//!
//! Each operation is one request, but where this says otherwise. A request is repeated where that
//! can help, with a limit that its error tells. So a store can do it twice, or do it and say that it
//! failed; a name that is taken may be taken by the very request. `create` reads what is there then,
//! and compares it with what it wrote.
//!
//! Times are those of the store, in whole seconds. The clock of a store is asked by an object that is
//! written, looked at, and deleted: three requests.

mod client;
mod counter;
mod failure;
mod listing;
mod requests;
mod runtime;
mod upload;

use std::env;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use apograph_format::UnixMillis;
use apograph_io::random;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

use self::client::Address;
use self::failure::{is_after_the_end, is_missing, may_be_done};
use self::listing::{Pages, modified};
use self::requests::{Answered, Requests};
use self::upload::CloudUpload;
use crate::error::{Result, StoreError};
use crate::name::ObjectName;
use crate::store::{Created, Listing, Store, Upload};
use crate::traffic::Traffic;

/// What begins the names of the settings in the environment.
const SETTINGS: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];
/// What begins the name of the object that a store is asked for its time by. It is none of an
/// [`ObjectName`], so it is not listed.
const CLOCK: &str = ".clock-";
/// So often a create is tried whose outcome is not known and whose object is not there.
const TRIES: u32 = 4;
/// So long is waited before it is tried again, and twice as long each time.
const WAIT: Duration = Duration::from_millis(100);

/// The objects below a prefix of a bucket.
pub struct CloudStore {
    requests: Requests,
}

impl CloudStore {
    /// The store at an address: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or
    /// `az://CONTAINER/PREFIX`.
    ///
    /// Credentials, endpoint and the rest are taken from the environment variables that the users of
    /// these clouds know (`AWS_*`, `GOOGLE_*`, `AZURE_*`), from a web identity, or from the machine
    /// in its cloud: `AWS_ENDPOINT`, `AWS_REGION`, `AWS_ALLOW_HTTP`, `AWS_PROXY_URL`,
    /// `AWS_TIMEOUT`, `AWS_CONNECT_TIMEOUT`, and those of the others that are named alike.
    /// `HTTPS_PROXY` and `SSL_CERT_FILE` are heeded. No request is made.
    ///
    /// ```no_run
    /// use apograph_store::{CloudStore, probe};
    ///
    /// let store = CloudStore::open("s3://backups/people")?;
    /// probe(&store)?;
    /// # Ok::<(), apograph_store::StoreError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::Remote`] where the address is none, or a setting cannot be understood.
    pub fn open(address: &str) -> Result<Self> {
        let settings = env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let is_ours = SETTINGS.iter().any(|front| name.starts_with(front));
            is_ours.then(|| Some((name, value.into_string().ok()?)))?
        });
        Self::open_with(address, settings)
    }

    /// The same, with settings in the place of the environment's.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_with(
        address: &str,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let address = Address::parse(address).map_err(|source| StoreError::Remote {
            operation: "open",
            address: "the store".to_owned(),
            source,
        })?;
        let settings: Vec<_> = settings.into_iter().collect();
        let requests = Requests::open(&address, &settings)?;
        Ok(Self { requests })
    }

    /// What the store says of an object.
    fn head(&self, name: &ObjectName) -> Result<Option<ObjectMeta>> {
        let path = self.requests.path(name);
        let found = self
            .requests
            .ask(|client| async move { client.head(&path).await });
        match found {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.requests.failed("look at", name.as_str(), &error)),
        }
    }

    /// Whose object has a name, once it is not known what a create came to.
    fn owner(&self, name: &ObjectName, bytes: &[u8]) -> Result<Owner> {
        let found = self.read(name, bytes.len() as u64);
        match found {
            Ok(None) => Ok(Owner::Nobody),
            Ok(Some(found)) if found == bytes => Ok(Owner::Us),
            Ok(Some(_)) | Err(StoreError::TooLarge { .. }) => Ok(Owner::Another),
            Err(error) => Err(error),
        }
    }

    fn put_as(&self, path: &Path, bytes: &[u8], mode: PutMode) -> Answered<()> {
        let (path, bytes) = (path.clone(), PutPayload::from(bytes.to_vec()));
        self.requests.ask(|client| async move {
            let options = PutOptions::from(mode);
            client.put_opts(&path, bytes, options).await.map(drop)
        })
    }

    fn ended_early(&self, name: &ObjectName, end: u64) -> StoreError {
        StoreError::EndedEarly {
            place: self.place(),
            name: name.clone(),
            end,
        }
    }

    /// The error of a range that does not come, where it is not the object's end.
    fn range_failed(&self, name: &ObjectName, end: u64, error: &object_store::Error) -> StoreError {
        if is_after_the_end(error) {
            self.ended_early(name, end)
        } else if is_missing(error) {
            self.missing(name)
        } else {
            self.requests.failed("read", name.as_str(), error)
        }
    }

    fn missing(&self, name: &ObjectName) -> StoreError {
        StoreError::Missing {
            place: self.place(),
            name: name.clone(),
        }
    }
}

/// Whose object has a name.
enum Owner {
    Us,
    Another,
    Nobody,
}

impl Store for CloudStore {
    fn place(&self) -> String {
        self.requests.place().to_owned()
    }

    fn size(&self, name: &ObjectName) -> Result<Option<u64>> {
        Ok(self.head(name)?.map(|meta| meta.size))
    }

    fn read(&self, name: &ObjectName, limit: u64) -> Result<Option<Vec<u8>>> {
        let path = self.requests.path(name);
        let found = self.requests.ask(|client| async move {
            let found = client.get(&path).await?;
            let size = found.meta.size;
            let is_small = size <= limit;
            let bytes = if is_small {
                Some(found.bytes().await?)
            } else {
                None
            };
            Ok((size, bytes))
        });
        match found {
            Ok((size, Some(bytes))) if bytes.len() as u64 == size => Ok(Some(bytes.into())),
            Ok((size, Some(_))) => Err(self.ended_early(name, size)),
            Ok((_, None)) => Err(StoreError::TooLarge {
                place: self.place(),
                name: name.clone(),
                limit,
            }),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.requests.failed("read", name.as_str(), &error)),
        }
    }

    fn read_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        let end = range.end;
        if range.is_empty() {
            let size = self.size(name)?.ok_or_else(|| self.missing(name))?;
            let is_within = end <= size;
            return if is_within {
                Ok(Vec::new())
            } else {
                Err(self.ended_early(name, end))
            };
        }
        let asked = end - range.start;
        let path = self.requests.path(name);
        let found = self.requests.ask(|client| async move {
            let options = GetOptions {
                range: Some(GetRange::Bounded(range)),
                ..GetOptions::default()
            };
            client.get_opts(&path, options).await?.bytes().await
        });
        let bytes = found.map_err(|error| self.range_failed(name, end, &error))?;
        if bytes.len() as u64 == asked {
            Ok(bytes.into())
        } else {
            Err(self.ended_early(name, end))
        }
    }

    fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Created> {
        let path = self.requests.path(name);
        let mut wait = WAIT;
        let mut tries = 0;
        loop {
            let error = match self.put_as(&path, bytes, PutMode::Create) {
                Ok(()) => return Ok(Created::New),
                Err(error) => error,
            };
            tries += 1;
            let is_taken = matches!(error, object_store::Error::AlreadyExists { .. });
            if !is_taken && !may_be_done(&error) {
                return Err(self.requests.failed("create", name.as_str(), &error));
            }
            match self.owner(name, bytes)? {
                Owner::Us => return Ok(Created::New),
                Owner::Another => return Ok(Created::Taken),
                Owner::Nobody if tries == TRIES => {
                    return Err(self.requests.failed("create", name.as_str(), &error));
                }
                Owner::Nobody => self.requests.wait(wait),
            }
            wait *= 2;
        }
    }

    fn upload(&self, name: &ObjectName) -> Result<Box<dyn Upload + '_>> {
        Ok(Box::new(CloudUpload::new(&self.requests, name)))
    }

    /// Some stores take one write a second to one name; what is too fast for them is repeated a
    /// little later.
    fn put(&self, name: &ObjectName, bytes: &[u8]) -> Result<()> {
        let path = self.requests.path(name);
        self.put_as(&path, bytes, PutMode::Overwrite)
            .map_err(|error| self.requests.failed("write", name.as_str(), &error))
    }

    fn list<'a>(&'a self, folder: &str, after: Option<&str>) -> Result<Listing<'a>> {
        Ok(Box::new(Pages::new(&self.requests, folder, after)))
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        let path = self.requests.path(name);
        let deleted = self
            .requests
            .ask(|client| async move { client.delete(&path).await });
        match deleted {
            Err(error) if !is_missing(&error) => {
                Err(self.requests.failed("delete", name.as_str(), &error))
            }
            _ => Ok(()),
        }
    }

    fn traffic(&self) -> Option<Traffic> {
        Some(self.requests.traffic())
    }

    fn now(&self) -> Result<UnixMillis> {
        let name = format!("{CLOCK}{:032x}", random()?);
        let path = Path::from(self.requests.key(&name));
        let asked = self.requests.ask(|client| async move {
            client.put(&path, PutPayload::new()).await?;
            let meta = client.head(&path).await;
            // Where it stays, it is in nobody's way.
            let _ = client.delete(&path).await;
            meta
        });
        let meta = asked.map_err(|error| self.requests.failed("ask for its time", "", &error))?;
        Ok(modified(&meta))
    }
}

impl fmt::Debug for CloudStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.requests.place();
        f.debug_struct("CloudStore").field("place", &place).finish()
    }
}
