//! Records of commits, for people and for programs.

use apograph_format::change::{GraphChange, GraphOperation, GraphScope, PropertyValue, RdfGraphs};
use apograph_format::v1::SchemaChange;
use apograph_restore::SeenRecord;
use serde_json::{Map, Value, json};

use crate::values;

/// What is shown of a value or of a definition on a line, in characters.
const SHOWN_CHARACTERS: usize = 80;

/// A record as JSON: its kind, and what it is about by the names that this is given.
pub(crate) fn object(seen: &SeenRecord<'_>) -> Value {
    let record = seen.record;
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    put("kind", json!(record.kind));
    match &record.change {
        Ok(change) => {
            if let GraphScope::Named(name) = seen.scope {
                put("graph", json!(name));
            }
            if change.extra_bytes > 0 {
                put("extra_bytes", json!(change.extra_bytes));
            }
            put_operation(&mut object, &change.operation);
        }
        Err(error) => {
            put("undecoded", json!(error.to_string()));
            put("size_bytes", json!(record.payload_bytes));
        }
    }
    Value::Object(object)
}

fn put_operation(object: &mut Map<String, Value>, operation: &GraphOperation<'_>) {
    let mut put = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    if let Some(id) = operation.node() {
        put("node", json!(id.get()));
    }
    if let Some(id) = operation.edge() {
        put("edge", json!(id.get()));
    }
    match operation {
        GraphOperation::CreateNode {
            labels, properties, ..
        } => {
            put("labels", json!(labels));
            if !properties.is_empty() {
                put("properties", pairs(properties));
            }
        }
        GraphOperation::CreateEdge {
            source,
            target,
            edge_type,
            properties,
            ..
        } => {
            put("from", json!(source.get()));
            put("to", json!(target.get()));
            put("label", json!(edge_type));
            if !properties.is_empty() {
                put("properties", pairs(properties));
            }
        }
        GraphOperation::SetNodeProperty { key, value, .. }
        | GraphOperation::SetEdgeProperty { key, value, .. } => {
            put("key", json!(key));
            put("value", values::object(value));
        }
        GraphOperation::RemoveNodeProperty { key, .. }
        | GraphOperation::RemoveEdgeProperty { key, .. } => put("key", json!(key)),
        GraphOperation::AddNodeLabel { label, .. }
        | GraphOperation::RemoveNodeLabel { label, .. } => put("label", json!(label)),
        GraphOperation::CreateGraph { name }
        | GraphOperation::DropGraph { name }
        | GraphOperation::CreateRdfGraph { name } => put("name", json!(name)),
        GraphOperation::SwitchGraph { name } => put("name", json!(name)),
        GraphOperation::InsertTriple(triple) | GraphOperation::DeleteTriple(triple) => {
            let terms = [&triple.subject, &triple.predicate, &triple.object];
            put("triple", terms.iter().map(ToString::to_string).collect());
        }
        GraphOperation::DropRdfGraph { graphs } | GraphOperation::ClearRdfGraph { graphs } => {
            put("graphs", json!(rdf_graphs(*graphs)));
        }
        GraphOperation::CopyRdfGraph { source, target }
        | GraphOperation::MoveRdfGraph { source, target }
        | GraphOperation::AddRdfGraph { source, target } => {
            put("from", json!(source));
            put("to", json!(target));
        }
        GraphOperation::Schema(change) => {
            put("name", json!(schema_name(change)));
            put("definition", json!(definition(operation)));
        }
        GraphOperation::PutCatalog(record) => {
            put("entry", json!(record.key().kind()));
            put("name", json!(record.key().name()));
            put("definition", json!(definition(operation)));
        }
        GraphOperation::DropCatalog(key) => {
            put("entry", json!(key.kind()));
            put("name", json!(key.name()));
            put("definition", json!(definition(operation)));
        }
        GraphOperation::Unknown { payload, .. } => put("size_bytes", json!(payload.len())),
        _ => {}
    }
}

fn pairs(properties: &[(&str, PropertyValue<'_>)]) -> Value {
    let properties = properties.iter();
    let object: Map<_, _> = properties
        .map(|(key, value)| ((*key).to_owned(), values::object(value)))
        .collect();
    Value::Object(object)
}

fn rdf_graphs(graphs: RdfGraphs<'_>) -> String {
    match graphs {
        RdfGraphs::Default => "default".to_owned(),
        RdfGraphs::Named(name) => format!("<{name}>"),
        RdfGraphs::AllNamed => "named".to_owned(),
        RdfGraphs::All => "all".to_owned(),
    }
}

const fn schema_name<'a>(change: &SchemaChange<'a>) -> Option<&'a str> {
    Some(match change {
        SchemaChange::CreateNodeType(it) | SchemaChange::CreateEdgeType(it) => it.name,
        SchemaChange::CreateProcedure(it) => it.name,
        SchemaChange::DropNodeType { name }
        | SchemaChange::DropEdgeType { name }
        | SchemaChange::CreateIndex { name, .. }
        | SchemaChange::DropIndex { name }
        | SchemaChange::CreateConstraint { name, .. }
        | SchemaChange::DropConstraint { name }
        | SchemaChange::CreateGraphType { name, .. }
        | SchemaChange::DropGraphType { name }
        | SchemaChange::CreateSchema { name }
        | SchemaChange::DropSchema { name }
        | SchemaChange::AlterNodeType { name, .. }
        | SchemaChange::AlterEdgeType { name, .. }
        | SchemaChange::AlterGraphType { name, .. }
        | SchemaChange::DropProcedure { name } => name,
        _ => return None,
    })
}

/// What a change of the schema says, in the words of its fields.
fn definition(operation: &GraphOperation<'_>) -> String {
    match operation {
        GraphOperation::Schema(change) => format!("{change:?}"),
        GraphOperation::PutCatalog(record) => format!("{record:?}"),
        GraphOperation::DropCatalog(key) => format!("{key:?}"),
        other => format!("{other:?}"),
    }
}

/// A record on one line.
pub(crate) fn line(seen: &SeenRecord<'_>) -> String {
    let record = seen.record;
    let said = match &record.change {
        Ok(change) => said(change),
        Err(error) => format!("cannot be decoded: {error}"),
    };
    let graph = match seen.scope {
        GraphScope::Named(name) => format!("  in graph {name}"),
        _ => String::new(),
    };
    format!("{} {said}{graph}", record.kind)
        .trim_end()
        .to_owned()
}

/// A value on a line.
pub(crate) fn value_text(value: &PropertyValue<'_>) -> String {
    cut(&values::text(value))
}

fn said(change: &GraphChange<'_>) -> String {
    let list = |properties: &[(&str, PropertyValue<'_>)]| {
        let properties = properties.iter();
        let shown: Vec<_> = properties
            .map(|(key, value)| format!(" {key} = {}", value_text(value)))
            .collect();
        shown.join(",")
    };
    match &change.operation {
        GraphOperation::CreateNode {
            id,
            labels,
            properties,
        } => {
            let labels: Vec<_> = labels.iter().map(|label| format!(":{label}")).collect();
            format!("{id} {}{}", labels.concat(), list(properties))
        }
        GraphOperation::CreateEdge {
            id,
            source,
            target,
            edge_type,
            properties,
        } => format!(
            "{id} {source} -[:{edge_type}]-> {target}{}",
            list(properties)
        ),
        GraphOperation::DeleteNode { id } => id.to_string(),
        GraphOperation::DeleteEdge { id } => id.to_string(),
        GraphOperation::SetNodeProperty { id, key, value } => {
            format!("{id} {key} = {}", value_text(value))
        }
        GraphOperation::SetEdgeProperty { id, key, value } => {
            format!("{id} {key} = {}", value_text(value))
        }
        GraphOperation::RemoveNodeProperty { id, key } => format!("{id} {key}"),
        GraphOperation::RemoveEdgeProperty { id, key } => format!("{id} {key}"),
        GraphOperation::AddNodeLabel { id, label }
        | GraphOperation::RemoveNodeLabel { id, label } => format!("{id} :{label}"),
        GraphOperation::CreateGraph { name }
        | GraphOperation::DropGraph { name }
        | GraphOperation::CreateRdfGraph { name } => (*name).to_owned(),
        GraphOperation::SwitchGraph { name } => name.unwrap_or("(default)").to_owned(),
        GraphOperation::InsertTriple(triple) | GraphOperation::DeleteTriple(triple) => {
            cut(&triple.to_string())
        }
        GraphOperation::DropRdfGraph { graphs } | GraphOperation::ClearRdfGraph { graphs } => {
            rdf_graphs(*graphs)
        }
        GraphOperation::CopyRdfGraph { source, target }
        | GraphOperation::MoveRdfGraph { source, target }
        | GraphOperation::AddRdfGraph { source, target } => {
            let [source, target] = [source, target].map(|name| name.unwrap_or("(default)"));
            format!("{source} to {target}")
        }
        GraphOperation::Unknown { payload, .. } => format!("{} bytes", payload.len()),
        operation => cut(&definition(operation)),
    }
}

/// The front of a text, where it is long.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
