//! Records of generation 1: they say what the engine's own types say.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use apograph_format::change::{
    GraphChange, GraphOperation, GraphScope, PropertyValue, RdfTerm, RdfTriple,
};
use apograph_format::v1::{
    ProcedureDefinition, PropertyAlteration, PropertyDefinition, RawFrame, SchemaChange,
    TypeDefinition, decode_change,
};
use apograph_format::{EdgeId, NodeId, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC};
use apograph_testing::encoding;
use apograph_testing::fixtures::V1;
use apograph_testing::strategies::{cases, record_parts};
use grafeo_common::types::Value;
use grafeo_storage::wal::WalRecord;
use proptest::prelude::*;

/// How many records the goldens and the logs of clients have.
const RECORDS: usize = 2002;

/// Bincode as the engine of generation 1 is told to use it.
fn by_the_engine(payload: &[u8]) -> WalRecord {
    let config = bincode::config::standard();
    let (record, _) = bincode::serde::decode_from_slice(payload, config).expect("a record");
    record
}

/// Ours of what the engine read; `None` for a control record.
fn expected(record: &WalRecord) -> Option<GraphChange<'_>> {
    let (scope, operation) = match record {
        WalRecord::InsertRdfTriple { graph, .. } | WalRecord::DeleteRdfTriple { graph, .. } => {
            (graph.as_deref().into(), of_graphs(record)?)
        }
        _ => match in_graph(record) {
            Some(operation) => (GraphScope::Switched, operation),
            None => (GraphScope::Database, of_graphs(record)?),
        },
    };
    Some(GraphChange {
        scope,
        operation,
        extra_bytes: 0,
    })
}

fn node(id: grafeo_common::types::NodeId) -> NodeId {
    NodeId::new(id.0)
}

fn edge(id: grafeo_common::types::EdgeId) -> EdgeId {
    EdgeId::new(id.0)
}

fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn pairs(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = pairs.iter();
    pairs
        .map(|(one, other)| (one.as_str(), other.as_str()))
        .collect()
}

fn in_graph(record: &WalRecord) -> Option<GraphOperation<'_>> {
    Some(match record {
        WalRecord::CreateNode { id, labels } => GraphOperation::CreateNode {
            id: node(*id),
            labels: texts(labels),
            properties: Vec::new(),
        },
        WalRecord::DeleteNode { id } => GraphOperation::DeleteNode { id: node(*id) },
        WalRecord::CreateEdge {
            id,
            src,
            dst,
            edge_type,
        } => GraphOperation::CreateEdge {
            id: edge(*id),
            source: node(*src),
            target: node(*dst),
            edge_type,
            properties: Vec::new(),
        },
        WalRecord::DeleteEdge { id } => GraphOperation::DeleteEdge { id: edge(*id) },
        WalRecord::SetNodeProperty { id, key, value: it } => GraphOperation::SetNodeProperty {
            id: node(*id),
            key,
            value: value(it),
        },
        WalRecord::SetEdgeProperty { id, key, value: it } => GraphOperation::SetEdgeProperty {
            id: edge(*id),
            key,
            value: value(it),
        },
        WalRecord::RemoveNodeProperty { id, key } => {
            GraphOperation::RemoveNodeProperty { id: node(*id), key }
        }
        WalRecord::RemoveEdgeProperty { id, key } => {
            GraphOperation::RemoveEdgeProperty { id: edge(*id), key }
        }
        WalRecord::AddNodeLabel { id, label } => GraphOperation::AddNodeLabel {
            id: node(*id),
            label,
        },
        WalRecord::RemoveNodeLabel { id, label } => GraphOperation::RemoveNodeLabel {
            id: node(*id),
            label,
        },
        _ => return None,
    })
}

fn term(text: &str) -> RdfTerm<'_> {
    RdfTerm::NTriples(Cow::Borrowed(text))
}

fn of_graphs(record: &WalRecord) -> Option<GraphOperation<'_>> {
    Some(match record {
        WalRecord::InsertRdfTriple {
            subject,
            predicate,
            object,
            ..
        } => GraphOperation::InsertTriple(Box::new(RdfTriple {
            subject: term(subject),
            predicate: term(predicate),
            object: term(object),
        })),
        WalRecord::DeleteRdfTriple {
            subject,
            predicate,
            object,
            ..
        } => GraphOperation::DeleteTriple(Box::new(RdfTriple {
            subject: term(subject),
            predicate: term(predicate),
            object: term(object),
        })),
        WalRecord::CreateNamedGraph { name } => GraphOperation::CreateGraph { name },
        WalRecord::DropNamedGraph { name } => GraphOperation::DropGraph { name },
        WalRecord::SwitchGraph { name } => GraphOperation::SwitchGraph {
            name: name.as_deref(),
        },
        WalRecord::ClearRdfGraph { graph } => GraphOperation::ClearRdfGraph {
            graphs: graph.as_deref().into(),
        },
        WalRecord::CreateRdfGraph { name } => GraphOperation::CreateRdfGraph { name },
        WalRecord::DropRdfGraph { name } => GraphOperation::DropRdfGraph {
            graphs: name.as_deref().into(),
        },
        _ => GraphOperation::Schema(Box::new(schema(record)?)),
    })
}

fn schema(record: &WalRecord) -> Option<SchemaChange<'_>> {
    Some(match record {
        WalRecord::CreateNodeType {
            name,
            properties,
            constraints,
        } => SchemaChange::CreateNodeType(definition(name, properties, constraints)),
        WalRecord::DropNodeType { name } => SchemaChange::DropNodeType { name },
        WalRecord::CreateEdgeType {
            name,
            properties,
            constraints,
        } => SchemaChange::CreateEdgeType(definition(name, properties, constraints)),
        WalRecord::DropEdgeType { name } => SchemaChange::DropEdgeType { name },
        WalRecord::CreateIndex {
            name,
            label,
            property,
            index_type,
        } => SchemaChange::CreateIndex {
            name,
            label,
            property,
            index_type,
        },
        WalRecord::DropIndex { name } => SchemaChange::DropIndex { name },
        WalRecord::CreateConstraint {
            name,
            label,
            properties,
            kind,
        } => SchemaChange::CreateConstraint {
            name,
            label,
            properties: texts(properties),
            kind,
        },
        WalRecord::DropConstraint { name } => SchemaChange::DropConstraint { name },
        WalRecord::CreateGraphType {
            name,
            node_types,
            edge_types,
            open,
        } => SchemaChange::CreateGraphType {
            name,
            node_types: texts(node_types),
            edge_types: texts(edge_types),
            is_open: *open,
        },
        WalRecord::DropGraphType { name } => SchemaChange::DropGraphType { name },
        WalRecord::CreateSchema { name } => SchemaChange::CreateSchema { name },
        WalRecord::DropSchema { name } => SchemaChange::DropSchema { name },
        WalRecord::AlterNodeType {
            name,
            alterations: it,
        } => SchemaChange::AlterNodeType {
            name,
            alterations: alterations(it),
        },
        WalRecord::AlterEdgeType {
            name,
            alterations: it,
        } => SchemaChange::AlterEdgeType {
            name,
            alterations: alterations(it),
        },
        WalRecord::AlterGraphType { name, alterations } => SchemaChange::AlterGraphType {
            name,
            alterations: pairs(alterations),
        },
        WalRecord::CreateProcedure {
            name,
            params,
            returns,
            body,
        } => SchemaChange::CreateProcedure(ProcedureDefinition {
            name,
            parameters: pairs(params),
            returns: pairs(returns),
            body,
        }),
        WalRecord::DropProcedure { name } => SchemaChange::DropProcedure { name },
        _ => return None,
    })
}

fn definition<'a>(
    name: &'a str,
    properties: &'a [(String, String, bool)],
    constraints: &'a [(String, Vec<String>)],
) -> TypeDefinition<'a> {
    let properties = properties.iter();
    let properties = properties.map(|(name, data_type, is_nullable)| PropertyDefinition {
        name,
        data_type,
        is_nullable: *is_nullable,
    });
    let constraints = constraints.iter();
    TypeDefinition {
        name,
        properties: properties.collect(),
        constraints: constraints
            .map(|(kind, them)| (kind.as_str(), texts(them)))
            .collect(),
    }
}

fn alterations(alterations: &[(String, String, String, bool)]) -> Vec<PropertyAlteration<'_>> {
    let alterations = alterations.iter();
    let alterations = alterations.map(|(action, name, data_type, is_nullable)| {
        let property = PropertyDefinition {
            name,
            data_type,
            is_nullable: *is_nullable,
        };
        PropertyAlteration { action, property }
    });
    alterations.collect()
}

fn values(list: &[Value]) -> Vec<PropertyValue<'_>> {
    list.iter().map(value).collect()
}

fn counts(counts: &HashMap<String, u64>) -> Vec<(Cow<'_, str>, u64)> {
    let mut counts: Vec<_> = counts
        .iter()
        .map(|(replica, count)| (Cow::Borrowed(replica.as_str()), *count))
        .collect();
    counts.sort_unstable();
    counts
}

fn value(value: &Value) -> PropertyValue<'_> {
    match value {
        Value::Null => PropertyValue::Null,
        Value::Bool(value) => PropertyValue::Bool(*value),
        Value::Int64(value) => PropertyValue::Int64(*value),
        Value::Float64(value) => PropertyValue::Float64(*value),
        Value::String(value) => PropertyValue::String(Cow::Borrowed(value)),
        Value::Bytes(value) => PropertyValue::Bytes(Cow::Borrowed(value)),
        Value::Timestamp(value) => PropertyValue::Timestamp(value.as_micros()),
        Value::Date(value) => PropertyValue::Date(value.as_days()),
        Value::Time(value) => PropertyValue::Time {
            nanos: value.as_nanos(),
            offset: value.offset_seconds(),
        },
        Value::Duration(value) => PropertyValue::Duration {
            months: value.months(),
            days: value.days(),
            nanos: value.nanos(),
        },
        Value::ZonedDatetime(value) => PropertyValue::ZonedDatetime {
            micros: value.as_timestamp().as_micros(),
            offset: value.offset_seconds(),
        },
        Value::List(list) => PropertyValue::List(values(list)),
        Value::Map(map) => {
            let entries = map.iter();
            let entries = entries.map(|(key, it)| (Cow::Borrowed(key.as_str()), self::value(it)));
            PropertyValue::Map(entries.collect())
        }
        Value::Path { nodes, edges } => PropertyValue::Path {
            nodes: values(nodes),
            edges: values(edges),
        },
        Value::GCounter(it) => PropertyValue::GCounter(counts(it)),
        Value::OnCounter { pos, neg } => PropertyValue::OnCounter {
            pos: counts(pos),
            neg: counts(neg),
        },
        // Vectors are compared by their components.
        other => panic!("no value of this engine: {other:?}"),
    }
}

/// Compares what both read; whether it was no control record.
fn compare(payload: &[u8]) -> bool {
    let by_the_engine = by_the_engine(payload);
    let ours = decode_change(payload).expect("a record of the engine");
    if let (
        WalRecord::SetNodeProperty {
            id,
            key,
            value: Value::Vector(components),
        },
        Some(ours),
    ) = (&by_the_engine, &ours)
    {
        assert_eq!(ours.operation.node(), Some(node(*id)));
        let Some((found, PropertyValue::Vector(vector))) = ours.operation.properties().next()
        else {
            panic!("{ours:?} is {by_the_engine:?}");
        };
        let bits = |component: f32| component.to_bits();
        assert_eq!(found, key);
        assert!(
            vector
                .components()
                .map(bits)
                .eq(components.iter().copied().map(bits))
        );
        return true;
    }
    assert_eq!(ours, expected(&by_the_engine), "{by_the_engine:?}");
    ours.is_some()
}

fn compare_log(mut log: &[u8], kinds: &mut BTreeSet<String>) -> usize {
    let mut records = 0;
    while let Some(frame) = RawFrame::parse(log).ok().filter(RawFrame::is_intact) {
        log = &log[frame.bytes().len()..];
        if compare(frame.payload()) {
            records += 1;
            kinds.insert(frame.kind().to_string());
        }
    }
    records
}

/// Every file of log frames in a folder.
fn logs_in(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let has = |extension: &str| path.extension().is_some_and(|it| it == extension);
        if path.is_dir() {
            logs_in(&path, found);
        } else if has("log") || has("wal") {
            found.push(path);
        }
    }
}

#[test]
fn records_of_goldens_and_clients_are_what_the_engine_reads() {
    let mut files = Vec::new();
    logs_in(&V1.root(), &mut files);
    logs_in(&V1.root().parent().unwrap().join("clients"), &mut files);
    let (mut records, mut kinds) = (0, BTreeSet::new());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let log = if bytes.starts_with(&SEGMENT_MAGIC) {
            &bytes[SEGMENT_HEADER_BYTES..]
        } else {
            &bytes[..]
        };
        records += compare_log(log, &mut kinds);
    }
    println!("{records} records of {} kinds: {kinds:?}", kinds.len());
    assert_eq!(records, RECORDS);
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn generated_records_are_what_the_engine_reads(parts in record_parts()) {
        for change in parts.changes_v1() {
            let payload = encoding::v1::record(&change);
            // The engine of 0.5 has no decimals and no terms.
            let config = bincode::config::standard();
            if bincode::serde::decode_from_slice::<WalRecord, _>(&payload, config).is_ok() {
                compare(&payload);
            } else {
                prop_assert!(change.operation.properties().next().is_some(), "{change:?}");
            }
        }
    }
}
