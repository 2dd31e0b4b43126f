//! A stand-in for an S3 server, on a port of this machine, with mishaps where a test wants them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use apograph_io::{Clock, SystemClock};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// What happens at a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It answers with a status and does nothing.
    Says(u16),
    /// It does it and answers with a status.
    DoesAndSays(u16),
    /// It does it and ends the connection.
    DoesAndHangsUp,
    /// It ends the connection.
    HangsUp,
    /// It never answers.
    Hangs,
    /// It sends half of a body.
    SendsHalf,
    /// It says that the body is half of what it is.
    SaysHalf,
    /// It does it once so many requests of the kind have come.
    WaitsFor(usize),
}

/// The name of the bucket, of which all else is below.
const BUCKET: &str = "bucket";
/// What no text may have in it.
pub const SECRET: &str = "SecretThatNobodySees";
/// So long a request waits for others, which come at once or never.
const PATIENCE: Duration = Duration::from_secs(30);
/// At most so many names are in an answer, as in that of S3.
const PAGE: usize = 1000;

/// A server. It ends with the process.
#[derive(Debug, Clone)]
pub struct StandIn {
    address: SocketAddr,
    state: Arc<Mutex<Bucket>>,
    /// Whoever waits is told of each request.
    came: Arc<Condvar>,
}

#[derive(Debug, Default)]
struct Bucket {
    objects: BTreeMap<String, Stored>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    mishaps: Vec<(String, usize, Mishap)>,
    asked: Vec<String>,
    /// How many had come each time that somebody had waited.
    waited: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Stored {
    bytes: Vec<u8>,
    written: Timestamp,
}

/// What was asked for.
struct Asked {
    method: String,
    /// What is in the bucket; `None` for another bucket.
    path: Option<String>,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// An answer.
struct Given {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl StandIn {
    /// A server with an empty bucket.
    ///
    /// # Panics
    ///
    /// Where the machine has no port left.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = Self {
            address: listener.local_addr().expect("an address"),
            state: Arc::default(),
            came: Arc::default(),
        };
        let own = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                thread::spawn(move || own.serve(&stream));
            }
        });
        server
    }

    /// A mishap at the request of a kind with this index: `PUT`, or `PUT part` and its like.
    #[must_use]
    pub fn with(self, kind: &str, index: usize, mishap: Mishap) -> Self {
        let kind = kind.to_owned();
        self.state().mishaps.push((kind, index, mishap));
        self
    }

    /// The settings with which it is found.
    pub fn settings(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://{}", self.address);
        [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", "us-east-1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The kinds of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// Waits until so many requests of a kind have come; `None` where they do not.
    fn wait_for(&self, kind: &str, count: usize) -> Option<()> {
        let is_few = |state: &mut Bucket| state.count(kind) < count;
        let waited = self
            .came
            .wait_timeout_while(self.state(), PATIENCE, is_few)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut state, patience) = waited;
        let came = state.count(kind);
        state.waited.push(came);
        (!patience.timed_out()).then_some(())
    }

    /// How many requests of the kind had come each time that one had waited for others.
    pub fn waited(&self) -> Vec<usize> {
        self.state().waited.clone()
    }

    /// How many uploads are neither finished nor ended.
    pub fn unfinished(&self) -> usize {
        self.state().uploads.len()
    }

    /// Another writer creates an object.
    pub fn place(&self, key: &str, bytes: &[u8]) {
        self.state().store(key, bytes.to_vec());
    }

    /// What an object is.
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        Some(self.state().objects.get(key)?.bytes.clone())
    }

    fn state(&self) -> MutexGuard<'_, Bucket> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the requests of one connection.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream);
        let mut stream = stream;
        loop {
            let asked = Asked::read(&mut lines)?;
            let kind = asked.kind();
            let mishap = {
                let mut state = self.state();
                let index = state.count(&kind);
                state.asked.push(kind.clone());
                self.came.notify_all();
                let mishaps = state.mishaps.iter();
                let mut of_kind = mishaps.filter(|(it, at, _)| *it == kind && *at == index);
                of_kind.next().map(|(_, _, mishap)| *mishap)
            };
            let is_head = asked.method == "HEAD";
            let given = match mishap {
                Some(Mishap::HangsUp) => return None,
                Some(Mishap::Hangs) => loop {
                    thread::park();
                },
                Some(Mishap::Says(status)) => Given::error(status, "Mishap"),
                Some(Mishap::DoesAndSays(status)) => {
                    self.state().answer(asked);
                    Given::error(status, "Mishap")
                }
                Some(Mishap::DoesAndHangsUp) => {
                    self.state().answer(asked);
                    return None;
                }
                Some(Mishap::WaitsFor(count)) => {
                    self.wait_for(&kind, count)?;
                    self.state().answer(asked)
                }
                Some(Mishap::SendsHalf | Mishap::SaysHalf) | None => self.state().answer(asked),
            };
            given.send(&mut stream, is_head, mishap)?;
            if mishap == Some(Mishap::SendsHalf) {
                return None;
            }
        }
    }
}

impl Asked {
    fn read(lines: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        lines.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            lines.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length");
        let length = length.map_or(0, |it| it.parse().expect("a length"));
        let mut body = vec![0; length];
        lines.read_exact(&mut body).ok()?;
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let decoded = pairs.map(|(name, value)| (name.to_owned(), value.replace("%2F", "/")));
        let key = path.trim_start_matches('/');
        let within = key.strip_prefix(BUCKET);
        Some(Self {
            method,
            path: within.map(|key| key.trim_start_matches('/').to_owned()),
            query: decoded.collect(),
            headers,
            body,
        })
    }

    /// What a mishap names it by.
    fn kind(&self) -> String {
        let of = |name: &str| self.query.contains_key(name);
        let what = if of("partNumber") {
            " part"
        } else if of("uploads") {
            " begin"
        } else if of("uploadId") {
            " upload"
        } else if of("list-type") {
            " list"
        } else {
            ""
        };
        format!("{}{what}", self.method)
    }
}

impl Bucket {
    /// How many requests of a kind have come.
    fn count(&self, kind: &str) -> usize {
        self.asked.iter().filter(|it| *it == kind).count()
    }

    fn store(&mut self, key: &str, bytes: Vec<u8>) {
        let now = i64::try_from(SystemClock.now().get()).expect("a time");
        let written = Timestamp::from_millisecond(now).expect("a time");
        self.objects
            .insert(key.to_owned(), Stored { bytes, written });
    }

    fn answer(&mut self, asked: Asked) -> Given {
        let Some(key) = asked.path.clone() else {
            return Given::error(404, "NoSuchBucket");
        };
        let id = asked.query.get("uploadId").cloned();
        match asked.kind().as_str() {
            "PUT" => {
                let is_new = asked.headers.contains_key("if-none-match");
                if is_new && self.objects.contains_key(&key) {
                    return Given::error(412, "PreconditionFailed");
                }
                self.store(&key, asked.body);
                Given::done()
            }
            "GET" | "HEAD" => match self.objects.get(&key) {
                Some(stored) => stored.given(asked.headers.get("range")),
                None => Given::error(404, "NoSuchKey"),
            },
            "DELETE" => {
                self.objects.remove(&key);
                Given::done()
            }
            "GET list" => self.list(&asked.query),
            "POST begin" => {
                let id = format!("upload-{}", self.asked.len());
                self.uploads.insert(id.clone(), BTreeMap::new());
                Given::xml(&format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId>\
                     </InitiateMultipartUploadResult>"
                ))
            }
            "PUT part" => {
                let number = asked.query["partNumber"].parse().expect("a number");
                match id.and_then(|id| self.uploads.get_mut(&id)) {
                    Some(parts) => {
                        parts.insert(number, asked.body);
                        Given::done()
                    }
                    None => Given::error(404, "NoSuchUpload"),
                }
            }
            "POST upload" => match id.and_then(|id| self.uploads.remove(&id)) {
                Some(parts) => {
                    self.store(&key, parts.into_values().flatten().collect());
                    Given::xml(
                        "<CompleteMultipartUploadResult><ETag>\"e\"</ETag>\
                         </CompleteMultipartUploadResult>",
                    )
                }
                None => Given::error(404, "NoSuchUpload"),
            },
            "DELETE upload" => {
                self.uploads.remove(&id.expect("an upload"));
                Given::done()
            }
            other => panic!("{other} is not known here"),
        }
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Given {
        let of = |name: &str| query.get(name).map_or("", String::as_str);
        let after = of("start-after").max(of("continuation-token"));
        let within = self.objects.iter().filter(|(key, _)| {
            let inner = key.strip_prefix(of("prefix"));
            key.as_str() > after && inner.is_some_and(|inner| !inner.contains('/'))
        });
        let mut text = "<ListBucketResult>".to_owned();
        let mut within = within.peekable();
        for number in 1..=PAGE {
            let Some((key, stored)) = within.next() else {
                break;
            };
            let Stored { bytes, written } = stored;
            let _ = write!(
                text,
                "<Contents><Key>{key}</Key><LastModified>{written}</LastModified>\
                 <Size>{}</Size></Contents>",
                bytes.len()
            );
            if within.peek().is_some() && number == PAGE {
                let _ = write!(text, "<NextContinuationToken>{key}</NextContinuationToken>");
            }
        }
        Given::xml(&(text + "</ListBucketResult>"))
    }
}

impl Stored {
    fn given(&self, range: Option<&String>) -> Given {
        let Self { bytes, written } = self;
        let date = rfc2822::DateTimePrinter::new();
        let date = date.timestamp_to_rfc9110_string(written);
        let headers = vec![
            ("Last-Modified", date.expect("a date")),
            ("ETag", "\"e\"".to_owned()),
        ];
        let mut given = Given {
            status: 200,
            headers,
            body: bytes.clone(),
        };
        if let Some(range) = range {
            let (start, last) = range["bytes=".len()..].split_once('-').expect("a range");
            let start: usize = start.parse().expect("a start");
            let end = last.parse().map_or(bytes.len(), |last: usize| last + 1);
            let end = end.min(bytes.len());
            if start >= bytes.len() {
                return Given::error(416, "InvalidRange");
            }
            given.status = 206;
            given.body = bytes[start..end].to_vec();
            let told = format!("bytes {start}-{}/{}", end - 1, bytes.len());
            given.headers.push(("Content-Range", told));
        }
        given
    }
}

impl Given {
    fn done() -> Self {
        let headers = vec![("ETag", "\"e\"".to_owned())];
        Self {
            status: 200,
            headers,
            body: Vec::new(),
        }
    }

    fn xml(text: &str) -> Self {
        Self {
            body: text.as_bytes().to_vec(),
            ..Self::done()
        }
    }

    /// An error says more than it should, as real ones do.
    fn error(status: u16, name: &str) -> Self {
        let body = format!(
            "<Error><Code>{name}</Code><Message>of {SECRET}</Message>\
             <AWSAccessKeyId>{SECRET}</AWSAccessKeyId></Error>"
        );
        Self {
            status,
            headers: Vec::new(),
            body: body.into_bytes(),
        }
    }

    fn send(self, stream: &mut &TcpStream, is_head: bool, mishap: Option<Mishap>) -> Option<()> {
        let half = self.body.len() / 2;
        let told = match mishap {
            Some(Mishap::SaysHalf) => half,
            _ => self.body.len(),
        };
        let mut head = format!(
            "HTTP/1.1 {} Status\r\nContent-Length: {told}\r\n",
            self.status
        );
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(b"\r\n").ok()?;
        let sent = match mishap {
            _ if is_head => 0,
            Some(Mishap::SendsHalf | Mishap::SaysHalf) => half,
            _ => self.body.len(),
        };
        stream.write_all(&self.body[..sent]).ok()
    }
}
