//! Records of generation 2: they say what the engine's own types say.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use apograph_format::change::{
    DecimalValue, GraphChange, GraphOperation, GraphScope, Property, PropertyValue, RdfGraphs,
    RdfTerm, RdfTriple,
};
use apograph_format::v2::{
    self, CatalogKey, CatalogRecord, ConstraintKind, DistanceMetric, EntityType, HistoryRetention,
    IndexDefinition, IndexKey, IndexNameKind, LogDurability, PROLOGUE_BYTES, Quantization,
    RawFrame, RawRecord, RecordKind, Records, SectionMemory, StoredConfiguration, TextTokenizer,
    TypeConstraint, TypedProperty, WAL_SEGMENT_HEADER_BYTES, WalSegmentHeader,
};
use apograph_format::{EdgeId, NodeId};
use apograph_testing::encoding;
use apograph_testing::fixtures::V2;
use apograph_testing::strategies::{cases, record_parts};
use grafeo_common::change::{DataOp, RdfGraphOp, StandaloneOp};
use grafeo_common::storage::catalog_record as engine;
use grafeo_common::storage::log_record::{
    LogRecord, RdfGraphTarget, TermRecord, TripleRecord, read_log_records,
};
use grafeo_common::types::rdf::Term;
use grafeo_common::types::{PropertyKey, Value};
use proptest::prelude::*;

/// How many records the goldens have beside the beginnings of groups.
const RECORDS: usize = 933;

fn by_the_engine(kind: u8, payload: &[u8]) -> Option<LogRecord> {
    let framed = encoding::v2::record(kind, encoding::v2::REQUIRED, payload);
    let mut found = None;
    let read = read_log_records(&framed, &mut |record| {
        found = Some(record);
        Ok(())
    });
    read.ok().and(found)
}

fn expected(record: &LogRecord) -> Option<GraphChange<'_>> {
    let (scope, operation) = match record {
        LogRecord::GroupBegin(_) => return None,
        LogRecord::Data { graph, op } => (graph.as_deref().into(), data(op)),
        LogRecord::Standalone(op) => (GraphScope::Database, standalone(op)),
    };
    Some(GraphChange {
        scope,
        operation,
        extra_bytes: 0,
    })
}

fn node(id: grafeo_common::types::NodeId) -> NodeId {
    NodeId::new(id.as_u64())
}

fn edge(id: grafeo_common::types::EdgeId) -> EdgeId {
    EdgeId::new(id.as_u64())
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

fn properties(properties: &[(PropertyKey, Value)]) -> Vec<Property<'_>> {
    let properties = properties.iter();
    properties
        .map(|(key, it)| (key.as_str(), value(it)))
        .collect()
}

fn data(op: &DataOp) -> GraphOperation<'_> {
    match op {
        DataOp::CreateNode {
            id,
            labels,
            properties: it,
        } => GraphOperation::CreateNode {
            id: node(*id),
            labels: labels.iter().map(|label| label.as_str()).collect(),
            properties: properties(it),
        },
        DataOp::DeleteNode { id } => GraphOperation::DeleteNode { id: node(*id) },
        DataOp::CreateEdge {
            id,
            src,
            dst,
            edge_type,
            properties: it,
        } => GraphOperation::CreateEdge {
            id: edge(*id),
            source: node(*src),
            target: node(*dst),
            edge_type,
            properties: properties(it),
        },
        DataOp::DeleteEdge { id } => GraphOperation::DeleteEdge { id: edge(*id) },
        DataOp::SetNodeProperty { id, key, value: it } => GraphOperation::SetNodeProperty {
            id: node(*id),
            key: key.as_str(),
            value: value(it),
        },
        DataOp::SetEdgeProperty { id, key, value: it } => GraphOperation::SetEdgeProperty {
            id: edge(*id),
            key: key.as_str(),
            value: value(it),
        },
        DataOp::RemoveNodeProperty { id, key } => GraphOperation::RemoveNodeProperty {
            id: node(*id),
            key: key.as_str(),
        },
        DataOp::RemoveEdgeProperty { id, key } => GraphOperation::RemoveEdgeProperty {
            id: edge(*id),
            key: key.as_str(),
        },
        DataOp::AddNodeLabel { id, label } => GraphOperation::AddNodeLabel {
            id: node(*id),
            label,
        },
        DataOp::RemoveNodeLabel { id, label } => GraphOperation::RemoveNodeLabel {
            id: node(*id),
            label,
        },
        DataOp::InsertTriple { triple: it } => GraphOperation::InsertTriple(Box::new(triple(it))),
        DataOp::DeleteTriple { triple: it } => GraphOperation::DeleteTriple(Box::new(triple(it))),
    }
}

fn triple(triple: &TripleRecord) -> RdfTriple<'_> {
    RdfTriple {
        subject: term(&triple.subject),
        predicate: term(&triple.predicate),
        object: term(&triple.object),
    }
}

fn term(term: &TermRecord) -> RdfTerm<'_> {
    match term {
        TermRecord::Iri(iri) => RdfTerm::Iri(Cow::Borrowed(iri)),
        TermRecord::Blank(label) => RdfTerm::Blank(Cow::Borrowed(label)),
        TermRecord::Literal {
            value,
            datatype,
            language,
        } => RdfTerm::Literal {
            value: Cow::Borrowed(value),
            datatype: Some(Cow::Borrowed(datatype)),
            language: language.as_deref().map(Cow::Borrowed),
        },
    }
}

fn standalone(op: &StandaloneOp) -> GraphOperation<'_> {
    let graphs = |target| match target {
        &RdfGraphTarget::Default => RdfGraphs::Default,
        RdfGraphTarget::Named(name) => RdfGraphs::Named(name),
        RdfGraphTarget::AllNamed => RdfGraphs::AllNamed,
        RdfGraphTarget::All => RdfGraphs::All,
    };
    match op {
        StandaloneOp::CreateGraph { name } => GraphOperation::CreateGraph { name },
        StandaloneOp::DropGraph { name } => GraphOperation::DropGraph { name },
        StandaloneOp::PutCatalog(record) => GraphOperation::PutCatalog(Box::new(catalog(record))),
        StandaloneOp::DropCatalog(key) => GraphOperation::DropCatalog(catalog_key(key)),
        StandaloneOp::RdfGraph(op) => match op {
            RdfGraphOp::Create { name } => GraphOperation::CreateRdfGraph { name },
            RdfGraphOp::Drop { target } => GraphOperation::DropRdfGraph {
                graphs: graphs(target),
            },
            RdfGraphOp::Clear { target } => GraphOperation::ClearRdfGraph {
                graphs: graphs(target),
            },
            RdfGraphOp::Copy { source, target } => GraphOperation::CopyRdfGraph {
                source: source.as_deref(),
                target: target.as_deref(),
            },
            RdfGraphOp::Move { source, target } => GraphOperation::MoveRdfGraph {
                source: source.as_deref(),
                target: target.as_deref(),
            },
            RdfGraphOp::Add { source, target } => GraphOperation::AddRdfGraph {
                source: source.as_deref(),
                target: target.as_deref(),
            },
        },
    }
}

/// The data type of a property as its bytes have it: the engine has it as a tree.
fn data_type(of: &engine::PropertyTypeRecord) -> v2::DataType {
    let bytes = bincode::serde::encode_to_vec(of, bincode::config::standard()).expect("a type");
    let ((list_levels, code), _) =
        bincode::decode_from_slice(&bytes, bincode::config::standard()).expect("two numbers");
    v2::DataType { list_levels, code }
}

fn entity<'a>(
    name: &'a str,
    properties: &'a [engine::PropertyRecord],
    constraints: &'a [engine::TypeConstraintRecord],
) -> EntityType<'a> {
    let properties = properties.iter().map(|it| TypedProperty {
        name: &it.name,
        data_type: data_type(&it.data_type),
        is_nullable: it.nullable,
        default: it.default_value.as_ref().map(value),
    });
    let constraints = constraints.iter().map(|it| match it {
        engine::TypeConstraintRecord::PrimaryKey(them) => TypeConstraint::PrimaryKey(texts(them)),
        engine::TypeConstraintRecord::Unique(them) => TypeConstraint::Unique(texts(them)),
        engine::TypeConstraintRecord::NotNull(it) => TypeConstraint::NotNull(it),
        engine::TypeConstraintRecord::Check { name, expression } => TypeConstraint::Check {
            name: name.as_deref(),
            expression,
        },
    });
    EntityType {
        name,
        properties: properties.collect(),
        constraints: constraints.collect(),
    }
}

fn catalog(record: &engine::CatalogRecord) -> CatalogRecord<'_> {
    match record {
        engine::CatalogRecord::Schema(it) => CatalogRecord::Schema { name: &it.name },
        engine::CatalogRecord::NodeType(it) => CatalogRecord::NodeType {
            definition: entity(&it.name, &it.properties, &it.constraints),
            parents: texts(&it.parent_types),
            key_labels: texts(&it.key_labels),
        },
        engine::CatalogRecord::EdgeType(it) => {
            let endpoints = it.endpoints.iter();
            CatalogRecord::EdgeType {
                definition: entity(&it.name, &it.properties, &it.constraints),
                endpoints: endpoints
                    .map(|it| (it.source.as_deref(), it.target.as_deref()))
                    .collect(),
                key_labels: texts(&it.key_labels),
            }
        }
        engine::CatalogRecord::GraphType(it) => CatalogRecord::GraphType {
            name: &it.name,
            node_types: texts(&it.node_types),
            edge_types: texts(&it.edge_types),
            is_open: it.open,
        },
        engine::CatalogRecord::GraphBinding(it) => CatalogRecord::GraphBinding {
            graph: &it.graph,
            graph_type: &it.graph_type,
        },
        engine::CatalogRecord::Constraint(it) => CatalogRecord::Constraint {
            name: &it.name,
            label: &it.label,
            properties: texts(&it.properties),
            kind: match it.kind {
                engine::NamedConstraintKindRecord::Unique => ConstraintKind::Unique,
                engine::NamedConstraintKindRecord::NodeKey => ConstraintKind::NodeKey,
                engine::NamedConstraintKindRecord::NotNull => ConstraintKind::NotNull,
                engine::NamedConstraintKindRecord::Exists => ConstraintKind::Exists,
            },
        },
        engine::CatalogRecord::Index(it) => CatalogRecord::Index {
            graph: it.graph.as_deref(),
            index: index(&it.index),
        },
        engine::CatalogRecord::IndexName(it) => CatalogRecord::IndexName {
            name: &it.name,
            label: &it.label,
            property: &it.property,
            kind: match it.kind {
                engine::IndexNameKindRecord::Hash => IndexNameKind::Hash,
                engine::IndexNameKindRecord::BTree => IndexNameKind::BTree,
                engine::IndexNameKindRecord::FullText => IndexNameKind::FullText,
                engine::IndexNameKindRecord::Vector => IndexNameKind::Vector,
            },
        },
        engine::CatalogRecord::Procedure(it) => {
            CatalogRecord::Procedure(apograph_format::v1::ProcedureDefinition {
                name: &it.name,
                parameters: pairs(&it.params),
                returns: pairs(&it.returns),
                body: &it.body,
            })
        }
        engine::CatalogRecord::StoredConfig(it) => CatalogRecord::StoredConfig(configuration(it)),
    }
}

fn configuration(it: &engine::StoredConfigRecord) -> StoredConfiguration<'_> {
    let sections = it.sections.iter().map(|it| SectionMemory {
        section: it.section,
        max_ram: it.max_ram,
        tier: match it.tier {
            engine::TierRecord::Auto => 0,
            engine::TierRecord::ForceRam => 1,
            engine::TierRecord::ForceDisk => 2,
        },
    });
    StoredConfiguration {
        graph_model: match it.graph_model {
            engine::GraphModelRecord::Lpg => 0,
            engine::GraphModelRecord::Rdf => 1,
        },
        backward_edges: it.backward_edges,
        schema_constraints: it.schema_constraints,
        wal_enabled: it.wal_enabled,
        wal_durability: match it.wal_durability {
            engine::DurabilityRecord::Sync => LogDurability::Sync,
            engine::DurabilityRecord::Batch {
                max_delay_ms,
                max_records,
            } => LogDurability::Batch {
                max_delay_ms,
                max_records,
            },
            engine::DurabilityRecord::Adaptive { target_interval_ms } => {
                LogDurability::Adaptive { target_interval_ms }
            }
            engine::DurabilityRecord::NoSync => LogDurability::NoSync,
        },
        memory_limit: it.memory_limit,
        spill_path: it.spill_path.as_deref(),
        sections: sections.collect(),
        history_retention: match it.history_retention {
            engine::HistoryRetentionRecord::Off => HistoryRetention::Off,
            engine::HistoryRetentionRecord::Duration { millis } => {
                HistoryRetention::Duration { millis }
            }
            engine::HistoryRetentionRecord::Forever => HistoryRetention::Forever,
        },
    }
}

fn index(index: &engine::IndexKindRecord) -> IndexDefinition<'_> {
    match index {
        engine::IndexKindRecord::Property { key } => IndexDefinition::Property { key },
        engine::IndexKindRecord::Vector {
            label,
            property,
            dimensions,
            metric,
            m,
            ef_construction,
            quantization,
        } => IndexDefinition::Vector {
            label,
            property,
            dimensions: *dimensions,
            metric: match metric {
                engine::DistanceMetricRecord::Cosine => DistanceMetric::Cosine,
                engine::DistanceMetricRecord::Euclidean => DistanceMetric::Euclidean,
                engine::DistanceMetricRecord::DotProduct => DistanceMetric::DotProduct,
                engine::DistanceMetricRecord::Manhattan => DistanceMetric::Manhattan,
            },
            m: *m,
            ef_construction: *ef_construction,
            quantization: match *quantization {
                engine::QuantizationRecord::None => Quantization::None,
                engine::QuantizationRecord::Scalar => Quantization::Scalar,
                engine::QuantizationRecord::Binary => Quantization::Binary,
                engine::QuantizationRecord::Product { num_subvectors } => Quantization::Product {
                    subvectors: num_subvectors,
                },
            },
        },
        engine::IndexKindRecord::Text {
            label,
            property,
            k1,
            b,
            tokenizer,
            stop_words,
        } => IndexDefinition::Text {
            label,
            property,
            k1: *k1,
            b: *b,
            tokenizer: match tokenizer {
                engine::TextTokenizerRecord::Simple => TextTokenizer::Simple,
                engine::TextTokenizerRecord::Standard => TextTokenizer::Standard,
                engine::TextTokenizerRecord::CjkBigram => TextTokenizer::CjkBigram,
            },
            stop_words: stop_words.as_deref().map(texts),
        },
    }
}

fn catalog_key(key: &engine::CatalogKey) -> CatalogKey<'_> {
    match key {
        engine::CatalogKey::Schema(name) => CatalogKey::Schema(name),
        engine::CatalogKey::NodeType(name) => CatalogKey::NodeType(name),
        engine::CatalogKey::EdgeType(name) => CatalogKey::EdgeType(name),
        engine::CatalogKey::GraphType(name) => CatalogKey::GraphType(name),
        engine::CatalogKey::GraphBinding(name) => CatalogKey::GraphBinding(name),
        engine::CatalogKey::Constraint(name) => CatalogKey::Constraint(name),
        engine::CatalogKey::Index { graph, index } => CatalogKey::Index {
            graph: graph.as_deref(),
            index: match index {
                engine::IndexKeyRecord::Property { key } => IndexKey::Property { key },
                engine::IndexKeyRecord::Vector { label, property } => {
                    IndexKey::Vector { label, property }
                }
                engine::IndexKeyRecord::Text { label, property } => {
                    IndexKey::Text { label, property }
                }
            },
        },
        engine::CatalogKey::IndexName(name) => CatalogKey::IndexName(name),
        engine::CatalogKey::Procedure(name) => CatalogKey::Procedure(name),
        engine::CatalogKey::StoredConfig => CatalogKey::StoredConfig,
    }
}

fn values(list: &[Value]) -> Vec<PropertyValue<'_>> {
    list.iter().map(value).collect()
}

fn counts(counts: &HashMap<String, u64>) -> Vec<(Cow<'_, str>, u64)> {
    let counts = counts.iter();
    let mut counts: Vec<_> = counts
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
        Value::Decimal(it) => PropertyValue::Decimal(
            DecimalValue::new(it.mantissa(), it.scale()).expect("a decimal of the engine"),
        ),
        Value::RdfTerm(it) => PropertyValue::RdfTerm(Box::new(rdf_value(it))),
        // Vectors are compared by their components.
        other => panic!("no value of this engine: {other:?}"),
    }
}

fn rdf_value(term: &Term) -> RdfTerm<'_> {
    match term {
        Term::Iri(iri) => RdfTerm::Iri(Cow::Borrowed(iri.as_str())),
        Term::BlankNode(node) => RdfTerm::Blank(Cow::Borrowed(node.id())),
        Term::Literal(literal) => RdfTerm::Literal {
            value: Cow::Borrowed(literal.value()),
            datatype: match literal.language() {
                Some(_) => None,
                None => Some(Cow::Borrowed(literal.datatype())),
            },
            language: literal.language().map(Cow::Borrowed),
        },
        other => panic!("a term of a newer engine: {other:?}"),
    }
}

/// The vectors of a record, which `value` does not make.
fn vectors(record: &LogRecord) -> Vec<&[f32]> {
    let values: Vec<&Value> = match record {
        LogRecord::Data { op, .. } => match op {
            DataOp::CreateNode { properties, .. } | DataOp::CreateEdge { properties, .. } => {
                properties.iter().map(|(_, value)| value).collect()
            }
            DataOp::SetNodeProperty { value, .. } | DataOp::SetEdgeProperty { value, .. } => {
                vec![value]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let vectors = values.into_iter().filter_map(|value| match value {
        Value::Vector(components) => Some(&components[..]),
        _ => None,
    });
    vectors.collect()
}

fn compare(raw: &RawRecord<'_>) {
    let by_the_engine = by_the_engine(raw.kind, raw.payload).expect("a record of the engine");
    let ours = v2::decode_change(raw).expect("a record of the engine");
    let vectors = vectors(&by_the_engine);
    if vectors.is_empty() {
        assert_eq!(Some(ours), expected(&by_the_engine), "{by_the_engine:?}");
        return;
    }
    let found = ours
        .operation
        .properties()
        .filter_map(|(_, value)| match value {
            PropertyValue::Vector(vector) => Some(vector.components().collect::<Vec<_>>()),
            _ => None,
        });
    assert_eq!(found.collect::<Vec<_>>(), vectors, "{by_the_engine:?}");
}

#[test]
fn records_of_goldens_are_what_the_engine_reads() {
    let (mut records, mut kinds) = (0, BTreeSet::new());
    let mut see = |header: &WalSegmentHeader, mut rest: &[u8]| {
        let mut lsn = header.first_lsn;
        while let Ok(frame) = RawFrame::parse(rest, lsn) {
            (lsn, rest) = (frame.end(), &rest[frame.bytes().len()..]);
            if frame.check().is_err() {
                break;
            }
            let front = if frame.flags().is_first() {
                PROLOGUE_BYTES
            } else {
                0
            };
            for record in Records::new(&frame.payload()[front..]) {
                let record = record.expect("a record");
                if record.known_kind() == Some(RecordKind::GroupBegin) {
                    continue;
                }
                compare(&record);
                records += 1;
                kinds.insert(record.known_kind().expect("a known kind").to_string());
            }
        }
    };
    for file in V2.wal_segments() {
        let header = WalSegmentHeader::decode(&file.bytes).expect("a log file");
        see(&header, &file.bytes[WAL_SEGMENT_HEADER_BYTES..]);
    }
    for segment in V2.segments() {
        let body = &segment.bytes[apograph_format::SEGMENT_HEADER_BYTES..];
        for piece in v2::Pieces::new(body) {
            let piece = piece.expect("a piece");
            see(&piece.header, piece.frames);
        }
    }
    println!("{records} records of {} kinds: {kinds:?}", kinds.len());
    assert_eq!(records, RECORDS);
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn generated_records_are_what_the_engine_reads(parts in record_parts()) {
        for change in parts.changes_v2() {
            let (kind, payload) = encoding::v2::change(&change);
            match by_the_engine(kind, &payload) {
                Some(_) => compare(&RawRecord { kind, payload: &payload }),
                // It refuses what is not known, and data types that there are none of.
                None => prop_assert!(match &change.operation {
                    GraphOperation::Unknown { .. }
                    | GraphOperation::DropCatalog(CatalogKey::Unknown { .. }) => true,
                    GraphOperation::PutCatalog(record) => matches!(
                        &**record,
                        CatalogRecord::NodeType { .. } | CatalogRecord::EdgeType { .. }
                    ),
                    _ => false,
                }, "{change:?}"),
            }
        }
    }
}
