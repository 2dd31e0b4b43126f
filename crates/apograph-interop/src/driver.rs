//! The client of a `grafeo-driver` process.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::protocol::{Call, Key, Load, OpenOptions, Reply, Request, Version};
use crate::surroundings::ProcessSurroundings;

/// A real engine in a process of its own, holding at most one open database.
///
/// Dropping it kills the process (SIGKILL): what is left on disk is what a crash leaves.
/// Say [`close`](Self::close) first for an orderly end.
#[derive(Debug)]
pub struct Engine {
    process: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
    surroundings: ProcessSurroundings,
}

/// Why the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The engine refused, failed or panicked; the process lives on.
    #[error("{message}")]
    Refused {
        /// The engine's own words.
        message: String,
    },
    /// The process is gone.
    #[error("the engine process is gone")]
    Gone {
        /// What the pipe to it said.
        source: io::Error,
    },
    /// The process answered something else than a reply.
    #[error("the engine process answered {line:?}")]
    Unexpected {
        /// The line it answered.
        line: String,
        /// Why it cannot be read.
        source: serde_json::Error,
    },
}

/// What a database holds, and where it stands.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Dump {
    /// `current_epoch()` as the engine reports it after the open: 0 in a default build of
    /// generation 1, which counts anew at every open.
    pub epoch: u64,
    /// The content, in the form of the fixtures' `content`.
    pub content: Value,
}

/// What is known of a backup that was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The file in the backup directory.
    pub file: Option<String>,
    /// The first epoch, as the backup itself states it.
    pub start_epoch: Option<u64>,
    /// The last epoch, as the backup itself states it.
    pub end_epoch: Option<u64>,
    /// The size of the file in bytes.
    pub size: Option<u64>,
}

impl Engine {
    /// Starts a driver program.
    ///
    /// # Panics
    ///
    /// If the program cannot be started.
    pub fn start(driver: &Path) -> Self {
        Self::start_within(driver, &ProcessSurroundings::default())
    }

    /// The same in other surroundings.
    ///
    /// # Panics
    ///
    /// If the program cannot be started.
    pub fn start_within(driver: &Path, surroundings: &ProcessSurroundings) -> Self {
        let mut command = Command::new(driver);
        surroundings.put_around(&mut command);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", driver.display()));
        let requests = process.stdin.take().expect("stdin is piped");
        let replies = BufReader::new(process.stdout.take().expect("stdout is piped"));
        Self {
            process,
            requests,
            replies,
            surroundings: surroundings.clone(),
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Which engine it is.
    ///
    /// # Errors
    ///
    /// As every method here: see [`EngineError`].
    pub fn version(&mut self) -> Result<Version, EngineError> {
        self.ask(&Request::Version)
    }

    /// Opens a database with the engine's defaults, creating it when there is none.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn open(&mut self, path: &Path) -> Result<(), EngineError> {
        self.open_with(path, OpenOptions::default())
    }

    /// Opens a database.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn open_with(&mut self, path: &Path, options: OpenOptions) -> Result<(), EngineError> {
        self.ask(&Request::Open {
            path: path.into(),
            options,
        })
    }

    /// Runs GQL statements separated by `; ` in one session and returns the rows of the last.
    ///
    /// The first failing statement ends the session, which rolls back an open transaction.
    /// There is no quoting: a string that holds `; ` cannot be written.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn run(&mut self, op: &str) -> Result<Value, EngineError> {
        self.ask(&Request::Run { op: op.into() })
    }

    /// Runs GQL statements in a session that stays open, with its transaction, until
    /// [`release`](Self::release) or the end of the process.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn hold(&mut self, op: &str) -> Result<Value, EngineError> {
        self.ask(&Request::Hold { op: op.into() })
    }

    /// Runs GQL statements in the session that stayed open, and ends it.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn release(&mut self, op: &str) -> Result<Value, EngineError> {
        self.ask(&Request::Release { op: op.into() })
    }

    /// Brings the store into its compact form.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn compact(&mut self) -> Result<(), EngineError> {
        self.ask(&Request::Compact)
    }

    /// Calls the database handle directly, outside any session.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn call(&mut self, call: Call) -> Result<Value, EngineError> {
        self.ask(&Request::Call { call })
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn checkpoint(&mut self) -> Result<(), EngineError> {
        self.ask(&Request::Checkpoint)
    }

    /// Starts a new log file, as the engine itself does at 64 MiB.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn rotate(&mut self) -> Result<(), EngineError> {
        self.ask(&Request::Rotate)
    }

    /// The current epoch of the open database.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn epoch(&mut self) -> Result<u64, EngineError> {
        self.ask(&Request::Epoch)
    }

    /// Dumps the open database.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn content(&mut self) -> Result<Value, EngineError> {
        self.ask(&Request::Content)
    }

    /// Takes a full backup with the engine's own API.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn backup_full(&mut self, dir: &Path) -> Result<Taken, EngineError> {
        self.ask(&Request::BackupFull { dir: dir.into() })
    }

    /// Takes an incremental backup with the engine's own API.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn backup_incremental(&mut self, dir: &Path) -> Result<Taken, EngineError> {
        self.ask(&Request::BackupIncremental { dir: dir.into() })
    }

    /// Restores a chain of the engine's own backups, with its own `restore_to_epoch`.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn restore(&mut self, dir: &Path, epoch: u64, output: &Path) -> Result<(), EngineError> {
        self.restore_with(dir, epoch, output, None)
    }

    /// The same for an encrypted chain, with its key.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn restore_with(
        &mut self,
        dir: &Path,
        epoch: u64,
        output: &Path,
        key: Option<Key>,
    ) -> Result<(), EngineError> {
        self.ask(&Request::Restore {
            dir: dir.into(),
            epoch,
            output: output.into(),
            key,
        })
    }

    /// Closes the database in order; the process lives on and can open another.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn close(&mut self) -> Result<(), EngineError> {
        self.ask(&Request::Close)
    }

    /// Lets sessions make all their commits at the same time; returns the epoch reached.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn concurrent(&mut self, load: &Load) -> Result<u64, EngineError> {
        self.concurrent_start(load)?;
        self.concurrent_finish()?;
        self.epoch()
    }

    /// Starts sessions that commit in the background.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn concurrent_start(&mut self, load: &Load) -> Result<(), EngineError> {
        self.ask(&Request::ConcurrentStart { load: load.clone() })
    }

    /// The commits acknowledged so far, per background session.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn concurrent_counts(&mut self) -> Result<Vec<u64>, EngineError> {
        self.ask(&Request::ConcurrentCounts)
    }

    /// Waits until the background sessions made all their commits; returns the counts.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn concurrent_finish(&mut self) -> Result<Vec<u64>, EngineError> {
        self.ask(&Request::ConcurrentFinish)
    }

    /// Stops the background sessions; returns the acknowledged commits per session.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn concurrent_stop(&mut self) -> Result<Vec<u64>, EngineError> {
        self.ask(&Request::ConcurrentStop)
    }

    /// Opens another database, dumps it, and closes it in order, which checkpoints it.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn dump(&mut self, path: &Path) -> Result<Dump, EngineError> {
        self.dump_with(path, OpenOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn dump_with(&mut self, path: &Path, options: OpenOptions) -> Result<Dump, EngineError> {
        self.ask(&Request::Dump {
            path: path.into(),
            options,
        })
    }

    /// Writes the records of a log into another whose files are so small that groups span them.
    ///
    /// # Errors
    ///
    /// See [`EngineError`]; generation 2 has no such files.
    pub fn rewrite_in_small_files(&mut self, log: &Path, small: &Path) -> Result<(), EngineError> {
        self.ask(&Request::RewriteInSmallFiles {
            log: log.into(),
            small: small.into(),
        })
    }

    /// Kills the process (SIGKILL) and waits until it is gone.
    pub fn kill(self) {}

    fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, EngineError> {
        let line = self
            .exchange(request)
            .map_err(|source| EngineError::Gone { source })?;
        let understand = |source| EngineError::Unexpected {
            line: line.clone(),
            source,
        };
        match serde_json::from_str(&line).map_err(understand)? {
            Reply::Ok(value) => serde_json::from_value(value).map_err(understand),
            Reply::Error(message) => Err(EngineError::Refused { message }),
        }
    }

    fn exchange(&mut self, request: &Request) -> io::Result<String> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        self.requests.write_all(line.as_bytes())?;
        line.clear();
        match self.replies.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.surroundings.clean_up(self.process.id());
    }
}
