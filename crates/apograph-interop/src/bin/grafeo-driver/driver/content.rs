//! What a database holds, in the form of the golden fixtures' `content`.
//!
//! Everything is asked through GQL, so that the dump shows what a user of the engine sees.
//! Nodes and edges are sorted by id, labels and SHOW rows by their text.

use grafeo_common::types::Value;
use grafeo_common::utils::error::Result;
use grafeo_engine::GrafeoDB;
use serde_json::{Map, Value as Json, json};

use super::encoding::{from_engine, properties};

const NODES: &str = "MATCH (n) RETURN id(n), labels(n), properties(n)";
const EDGES: &str = "MATCH (a)-[e]->(b) RETURN id(e), id(a), id(b), type(e), properties(e)";

const SHOWN: [(&str, &str); 6] = [
    ("node_types", "SHOW NODE TYPES"),
    ("edge_types", "SHOW EDGE TYPES"),
    ("graph_types", "SHOW GRAPH TYPES"),
    ("schemas", "SHOW SCHEMAS"),
    ("constraints", "SHOW CONSTRAINTS"),
    ("indexes", "SHOW INDEXES"),
];

/// Dumps a database: the default graph, every named graph, and the schema.
///
/// # Errors
///
/// An error of the engine while it answers one of the queries.
pub(super) fn content(db: &GrafeoDB) -> Result<Json> {
    let mut content = graph(|query| rows(db, query))?;
    content.insert("graphs".into(), named_graphs(db)?);
    for (name, statement) in SHOWN {
        content.insert(name.into(), shown(&rows(db, statement)?));
    }
    Ok(content.into())
}

type Rows = Vec<Vec<Value>>;

fn rows(db: &GrafeoDB, query: &str) -> Result<Rows> {
    Ok(db.session().execute(query)?.into_rows())
}

fn named_graphs(db: &GrafeoDB) -> Result<Json> {
    let mut graphs = Map::new();
    for key in db.list_graphs() {
        let (schema, name) = match key.split_once('/') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, key.as_str()),
        };
        let handle = db.graph_in(schema, name)?;
        let contents = graph(|query| Ok(handle.execute(query)?.into_rows()))?;
        graphs.insert(key, contents.into());
    }
    Ok(graphs.into())
}

fn graph(ask: impl Fn(&str) -> Result<Rows>) -> Result<Map<String, Json>> {
    let nodes = ask(NODES)?.iter().map(|row| node(row)).collect();
    let edges = ask(EDGES)?.iter().map(|row| edge(row)).collect();
    Ok(Map::from_iter([
        ("nodes".to_owned(), sorted_by_id(nodes)),
        ("edges".to_owned(), sorted_by_id(edges)),
    ]))
}

fn node(row: &[Value]) -> Json {
    let [id, labels, props] = row else {
        panic!("{NODES} answered {row:?}")
    };
    let labels = labels
        .as_list()
        .unwrap_or_default()
        .iter()
        .map(from_engine)
        .collect();
    json!({ "id": from_engine(id), "labels": sorted(labels), "props": properties(props) })
}

fn edge(row: &[Value]) -> Json {
    let [id, src, dst, edge_type, props] = row else {
        panic!("{EDGES} answered {row:?}")
    };
    json!({
        "id": from_engine(id),
        "src": from_engine(src),
        "dst": from_engine(dst),
        "type": from_engine(edge_type),
        "props": properties(props),
    })
}

fn shown(rows: &[Vec<Value>]) -> Json {
    sorted(
        rows.iter()
            .map(|row| row.iter().map(from_engine).collect())
            .collect(),
    )
}

fn sorted(mut values: Vec<Json>) -> Json {
    values.sort_by_cached_key(Json::to_string);
    values.into()
}

fn sorted_by_id(mut items: Vec<Json>) -> Json {
    items.sort_by_key(|item| item["id"].as_i64());
    items.into()
}
