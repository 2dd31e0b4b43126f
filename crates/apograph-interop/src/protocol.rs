//! The words between [`Engine`](crate::Engine) and the `grafeo-driver` process.
//!
//! One JSON line per [`Request`] on the driver's standard input, one per [`Reply`] on its
//! standard output, strictly in turn.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::generation::EngineGeneration;

/// What the driver is asked to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Report which engine this is.
    Version,
    /// Open a database, new or existing; it stays open until `Close` or the process ends.
    Open {
        /// The container, or the folder of a WAL-directory database.
        path: PathBuf,
        /// How to open it.
        options: OpenOptions,
    },
    /// Run GQL statements separated by `; ` in one session; the first failure ends it.
    Run {
        /// The statements.
        op: String,
    },
    /// Call the database handle directly.
    Call {
        /// The call.
        call: Call,
    },
    /// Run GQL statements in a session that stays open, with its transaction.
    Hold {
        /// The statements.
        op: String,
    },
    /// Run GQL statements in the session that stayed open, and end it.
    Release {
        /// The statements.
        op: String,
    },
    /// Write a checkpoint.
    Checkpoint,
    /// Bring the store into its compact form.
    Compact,
    /// Start a new log file.
    Rotate,
    /// Report the current epoch.
    Epoch,
    /// Dump the open database.
    Content,
    /// Take a full backup with the engine's own API.
    BackupFull {
        /// The engine's backup directory.
        dir: PathBuf,
    },
    /// Take an incremental backup with the engine's own API.
    BackupIncremental {
        /// The engine's backup directory.
        dir: PathBuf,
    },
    /// Restore with the engine's own API.
    Restore {
        /// The engine's backup directory.
        dir: PathBuf,
        /// The epoch to restore to.
        epoch: u64,
        /// The new container.
        output: PathBuf,
        /// The key of an encrypted chain.
        key: Option<Key>,
    },
    /// Close the database in order.
    Close,
    /// Start background sessions.
    ConcurrentStart {
        /// What they do.
        load: Load,
    },
    /// Report the commits acknowledged so far, per background session.
    ConcurrentCounts,
    /// Wait until the background sessions have made all their commits.
    ConcurrentFinish,
    /// Stop the background sessions after their current commit.
    ConcurrentStop,
    /// Open another database, dump it, and close it again. Of one that spills vectors, those are
    /// taken back before.
    Dump {
        /// The database.
        path: PathBuf,
        /// How to open it.
        options: OpenOptions,
    },
    /// Write the records of a log into another whose files are so small that groups span them.
    RewriteInSmallFiles {
        /// The log folder.
        log: PathBuf,
        /// The new log folder.
        small: PathBuf,
    },
}

/// The driver's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Done; the value depends on the request.
    Ok(Value),
    /// Not done: the engine's error, or the message of its panic.
    Error(String),
}

/// Which engine a driver was built with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The generation of its format.
    pub generation: EngineGeneration,
    /// Its name and version, as a truth gives them.
    pub engine: String,
}

/// The master key of an encrypted database.
pub type Key = [u8; 32];

/// How to open a database; the engine's defaults where nothing is said.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct OpenOptions {
    /// When the log is synced.
    pub durability: Option<Durability>,
    /// The interval of automatic checkpoints.
    pub checkpoint_interval_ms: Option<u64>,
    /// Encrypts a new database, and opens an encrypted one; generation 2 alone has that.
    pub key: Option<Key>,
    /// Keeps every committed state for time travel; generation 2 alone has that.
    pub keep_history: bool,
    /// Moves the embeddings of the vector indexes out of a database that is opened; generation 1
    /// alone has that.
    #[serde(default)]
    pub spills_vectors: bool,
}

impl OpenOptions {
    /// The defaults, encrypted with a key.
    pub fn encrypted(key: Key) -> Self {
        Self {
            key: Some(key),
            ..Self::default()
        }
    }
}

/// When the engine syncs its log.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// After every commit.
    Sync,
    /// After so many records or so long a time: the engine's default.
    Batch,
    /// After so many records alone: the same log however slow the machine is, since in generation 2
    /// a sync leaves its mark there.
    BatchByCount,
    /// Never.
    NoSync,
}

/// A direct call on the database handle, outside any session.
///
/// Its text is what the golden fixtures give as the operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Create a node; answers its id.
    CreateNode {
        /// Its labels.
        labels: Vec<String>,
    },
    /// Set one property of a node.
    SetNodeProperty {
        /// The node's id.
        node: u64,
        /// The property.
        key: String,
        /// Its value, plain JSON.
        value: Value,
    },
    /// Create an edge; answers its id.
    CreateEdge {
        /// The source node's id.
        src: u64,
        /// The target node's id.
        dst: u64,
        /// The edge type.
        edge_type: String,
    },
    /// Delete an edge; answers whether it was there.
    DeleteEdge {
        /// The edge's id.
        edge: u64,
    },
    /// Create nodes with a vector each, in one transaction; answers their ids.
    BatchCreateNodes {
        /// The label of all nodes.
        label: String,
        /// The property that holds the vector.
        property: String,
        /// One vector per node.
        vectors: Vec<Vec<f32>>,
    },
    /// Create a named graph; answers whether it is new.
    CreateGraph {
        /// Its name.
        name: String,
    },
    /// Create a property index, which generation 1 does not log.
    CreatePropertyIndex {
        /// The property.
        property: String,
    },
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateNode { labels } => write!(f, "create_node([{}])", labels.join(",")),
            Self::SetNodeProperty { .. } => f.write_str("set_node_property"),
            Self::CreateEdge { .. } => f.write_str("create_edge"),
            Self::DeleteEdge { .. } => f.write_str("delete_edge"),
            Self::BatchCreateNodes { vectors, .. } => {
                write!(f, "batch_create_nodes({})", vectors.len())
            }
            Self::CreateGraph { name } => write!(f, "create_graph({name})"),
            Self::CreatePropertyIndex { property } => {
                write!(f, "create_property_index({property})")
            }
        }
    }
}

/// Sessions that commit one node after the other, at the same time.
///
/// Session `s` inserts `(:Label {s:s, n:1})`, `(:Label {s:s, n:2})`, ..., each in a
/// transaction of its own. So once it has been told of `c` commits, the nodes 1 to `c` exist.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Load {
    /// The label of every node.
    pub label: String,
    /// The number of sessions.
    pub sessions: u64,
    /// Commits per session; without end when `None`.
    pub commits_per_session: Option<u64>,
    /// The length of a further property `v` of each node, where it is not 0.
    #[serde(default)]
    pub value_bytes: usize,
}

impl Load {
    /// Sessions that commit nodes `:W` until they are stopped.
    pub fn endless(sessions: u64) -> Self {
        Self {
            label: "W".into(),
            sessions,
            commits_per_session: None,
            value_bytes: 0,
        }
    }

    /// Sessions that commit that many nodes `:W` each.
    pub fn of(sessions: u64, commits_per_session: u64) -> Self {
        Self {
            commits_per_session: Some(commits_per_session),
            ..Self::endless(sessions)
        }
    }

    /// The same with a further property of so many bytes.
    #[must_use]
    pub fn with_values_of(self, value_bytes: usize) -> Self {
        Self {
            value_bytes,
            ..self
        }
    }

    /// The same with nodes of another label.
    #[must_use]
    pub fn labelled(self, label: &str) -> Self {
        Self {
            label: label.into(),
            ..self
        }
    }
}
