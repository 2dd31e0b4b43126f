//! The one database of the process, and what can be done with it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apograph_interop::Taken;
use apograph_interop::protocol::{Call, Durability, OpenOptions, Request, Version};
use grafeo_common::types::{EdgeId, EpochId, NodeId};
use grafeo_common::utils::error::Error;
use grafeo_engine::database::backup::BackupSegment;
use grafeo_engine::{Config, DurabilityMode, GrafeoDB, Session};
use serde_json::{Value, json};

use super::content::content;
use super::encoding::{from_engine, to_engine};
use super::sessions::Sessions;
use crate::engine;

type Answer = Result<Value, String>;

#[derive(Default)]
pub(super) struct Host {
    db: Option<Arc<GrafeoDB>>,
    sessions: Option<Sessions>,
    /// A session that stays open over requests.
    held: Option<Session>,
}

impl Host {
    pub(super) fn obey(&mut self, request: Request) -> Answer {
        match request {
            Request::Version => Ok(json!(Version {
                generation: engine::GENERATION,
                engine: engine::NAME.into(),
            })),
            Request::Open { path, options } => self.open(&path, options),
            Request::Run { op } => run(self.db()?, &op),
            Request::Call { call } => self.call(call).map_err(text),
            Request::Hold { op } => {
                let session = self.held.take().unwrap_or(self.db()?.session());
                let rows = run_in(&session, &op)?;
                self.held = Some(session);
                Ok(rows)
            }
            Request::Release { op } => {
                let session = self.held.take().ok_or("no session is held")?;
                run_in(&session, &op)
            }
            Request::Compact => {
                let db = self.db.as_mut().and_then(Arc::get_mut);
                engine::compact(db.ok_or("it takes an open database without sessions")?)
                    .map(Value::from)
            }
            Request::Checkpoint => done(self.db()?.wal_checkpoint()),
            Request::Rotate => engine::rotate(self.db()?).map(Value::from),
            Request::Epoch => Ok(json!(self.db()?.current_epoch().as_u64())),
            Request::Content => content(self.db()?).map_err(text),
            Request::BackupFull { dir } => taken(self.db()?.backup_full(&dir)),
            Request::BackupIncremental { dir } => taken(self.db()?.backup_incremental(&dir)),
            Request::Restore {
                dir,
                epoch,
                output,
                key,
            } => engine::restore(&dir, EpochId::new(epoch), &output, key).map(Value::from),
            Request::Close => self.close(),
            Request::ConcurrentStart { load } => {
                if self.sessions.is_some() {
                    return Err("background sessions are running already".into());
                }
                self.sessions = Some(Sessions::start(self.db()?, &load));
                Ok(Value::Null)
            }
            Request::ConcurrentCounts => {
                let sessions = self.sessions.as_ref().ok_or(NO_SESSIONS)?;
                Ok(json!(sessions.counts()))
            }
            Request::ConcurrentFinish => {
                Ok(json!(self.sessions.take().ok_or(NO_SESSIONS)?.finish()?))
            }
            Request::ConcurrentStop => Ok(json!(self.sessions.take().ok_or(NO_SESSIONS)?.stop()?)),
            Request::Dump { path, options } => dump(&path, options),
            Request::RewriteInSmallFiles { log, small } => {
                engine::rewrite_in_small_files(&log, &small).map(Value::from)
            }
        }
    }

    fn db(&self) -> Result<&Arc<GrafeoDB>, String> {
        self.db.as_ref().ok_or_else(|| "no database is open".into())
    }

    fn open(&mut self, path: &Path, options: OpenOptions) -> Answer {
        if self.db.is_some() {
            return Err("a database is open already".into());
        }
        self.db = Some(Arc::new(opened(path, options)?));
        Ok(Value::Null)
    }

    fn close(&mut self) -> Answer {
        if self.sessions.is_some() {
            return Err("background sessions are still running".into());
        }
        self.held = None;
        done(self.db()?.close())?;
        self.db = None;
        Ok(Value::Null)
    }

    fn call(&self, call: Call) -> Result<Value, Error> {
        let db = self.db().map_err(Error::Internal)?;
        Ok(match call {
            Call::CreateNode { labels } => {
                let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                json!(db.create_node(&labels)?.as_u64())
            }
            Call::SetNodeProperty { node, key, value } => {
                db.set_node_property(NodeId::new(node), &key, to_engine(&value))?;
                Value::Null
            }
            Call::CreateEdge {
                src,
                dst,
                edge_type,
            } => {
                let (src, dst) = (NodeId::new(src), NodeId::new(dst));
                json!(db.create_edge(src, dst, &edge_type)?.as_u64())
            }
            Call::DeleteEdge { edge } => json!(db.delete_edge(EdgeId::new(edge))?),
            Call::BatchCreateNodes {
                label,
                property,
                vectors,
            } => {
                let nodes = db.batch_create_nodes(&label, &property, vectors)?;
                nodes.iter().map(NodeId::as_u64).collect()
            }
            Call::CreateGraph { name } => json!(db.create_graph(&name)?),
            Call::CreatePropertyIndex { property } => {
                engine::create_property_index(db, &property)?;
                Value::Null
            }
        })
    }
}

const AN_HOUR_MS: u64 = 3_600_000;
const NO_SESSIONS: &str = "no background sessions are running";

fn opened(path: &Path, options: OpenOptions) -> Result<GrafeoDB, String> {
    let mut config = Config::persistent(path);
    if let Some(durability) = options.durability {
        config = config.with_wal_durability(match durability {
            Durability::Sync => DurabilityMode::Sync,
            Durability::Batch => DurabilityMode::default(),
            Durability::BatchByCount => batch_by_count(),
            Durability::NoSync => DurabilityMode::NoSync,
        });
    }
    if let Some(interval_ms) = options.checkpoint_interval_ms {
        config = config.with_checkpoint_interval(Duration::from_millis(interval_ms));
    }
    GrafeoDB::with_config(engine::configure(config, &options)?).map_err(text)
}

fn batch_by_count() -> DurabilityMode {
    let mut mode = DurabilityMode::default();
    if let DurabilityMode::Batch { max_delay_ms, .. } = &mut mode {
        *max_delay_ms = AN_HOUR_MS;
    }
    mode
}

fn run(db: &GrafeoDB, op: &str) -> Answer {
    run_in(&db.session(), op)
}

fn run_in(session: &Session, op: &str) -> Answer {
    let mut rows = Vec::new();
    for statement in op.split("; ") {
        rows = session.execute(statement).map_err(text)?.into_rows();
    }
    Ok(rows
        .iter()
        .map(|row| row.iter().map(from_engine).collect::<Value>())
        .collect())
}

fn dump(path: &Path, options: OpenOptions) -> Answer {
    let db = opened(path, options)?;
    if options.spills_vectors {
        engine::reload(&db);
    }
    let content = content(&db).map_err(text)?;
    Ok(json!({ "epoch": db.current_epoch().as_u64(), "content": content }))
}

fn taken(segment: Result<BackupSegment, Error>) -> Answer {
    let segment = segment.map_err(text)?;
    let taken = Taken {
        file: Some(segment.filename),
        start_epoch: Some(segment.start_epoch.as_u64()),
        end_epoch: Some(segment.end_epoch.as_u64()),
        size: Some(segment.size_bytes),
    };
    serde_json::to_value(taken).map_err(|error| error.to_string())
}

fn done(result: Result<(), Error>) -> Answer {
    result.map(|()| Value::Null).map_err(text)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
fn text(error: Error) -> String {
    error.to_string()
}
