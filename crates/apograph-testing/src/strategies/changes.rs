//! Records that change something, one of each kind, of borrowed parts that are generated.

use std::borrow::Cow;

use apograph_format::change::{
    DecimalValue, GraphChange, GraphOperation, GraphScope, Property, PropertyValue, RdfGraphs,
    RdfTerm, RdfTriple,
};
use apograph_format::v1::{
    ProcedureDefinition, PropertyAlteration, PropertyDefinition, SchemaChange, TypeDefinition,
};
use apograph_format::v2::{
    CatalogKey, CatalogRecord, ConstraintKind, DataType, DistanceMetric, EntityType,
    HistoryRetention, IndexDefinition, IndexNameKind, LogDurability, Quantization, SectionMemory,
    StoredConfiguration, TextTokenizer, TypeConstraint, TypedProperty,
};
use apograph_format::{EdgeId, NodeId};
use proptest::collection::vec;
use proptest::prelude::*;

use super::words::{bytes, number, text};

/// What records are made of.
#[derive(Debug, Clone)]
pub struct RecordParts {
    numbers: [u64; 3],
    short: u32,
    flag: bool,
    texts: [String; 4],
    name: Option<String>,
    values: Vec<PropertyValue<'static>>,
}

/// The parts of records.
pub fn record_parts() -> impl Strategy<Value = RecordParts> {
    let numbers = [number(), number(), number()];
    let texts = [text(), text(), text(), text()];
    let name = proptest::option::of(text());
    let values = vec(value(), 1..4);
    (numbers, any::<u32>(), any::<bool>(), texts, name, values).prop_map(
        |(numbers, short, flag, texts, name, values)| RecordParts {
            numbers,
            short,
            flag,
            texts,
            name,
            values,
        },
    )
}

fn owned_text() -> impl Strategy<Value = Cow<'static, str>> {
    text().prop_map(Cow::Owned)
}

fn counts() -> impl Strategy<Value = Vec<(Cow<'static, str>, u64)>> {
    let counts = proptest::collection::btree_map(text(), number(), 0..3);
    counts.prop_map(|counts| {
        let counts = counts.into_iter();
        counts
            .map(|(replica, count)| (Cow::Owned(replica), count))
            .collect()
    })
}

fn term() -> impl Strategy<Value = RdfTerm<'static>> {
    prop_oneof![
        owned_text().prop_map(RdfTerm::Iri),
        owned_text().prop_map(RdfTerm::Blank),
        (owned_text(), owned_text()).prop_map(|(value, datatype)| RdfTerm::Literal {
            value,
            datatype: Some(datatype),
            language: None,
        }),
    ]
}

fn plain_value() -> impl Strategy<Value = PropertyValue<'static>> {
    type Owned = PropertyValue<'static>;
    let day = 0..86_400_000_000_000_u64;
    let offset = || any::<i32>();
    let decimal = (any::<i64>(), 0..38_u8).prop_filter_map("a decimal", |(mantissa, scale)| {
        DecimalValue::new(mantissa.into(), scale).map(Owned::Decimal)
    });
    prop_oneof![
        Just(Owned::Null),
        any::<bool>().prop_map(Owned::Bool),
        any::<i64>().prop_map(Owned::Int64),
        any::<u64>()
            .prop_map(f64::from_bits)
            .prop_map(Owned::Float64),
        owned_text().prop_map(Owned::String),
        bytes(9).prop_map(Cow::Owned).prop_map(Owned::Bytes),
        any::<i64>().prop_map(Owned::Timestamp),
        any::<i32>().prop_map(Owned::Date),
        (day, proptest::option::of(offset()))
            .prop_map(|(nanos, offset)| Owned::Time { nanos, offset }),
        any::<[i64; 3]>().prop_map(|[months, days, nanos]| Owned::Duration {
            months,
            days,
            nanos
        }),
        (any::<i64>(), offset())
            .prop_map(|(micros, offset)| Owned::ZonedDatetime { micros, offset }),
        counts().prop_map(Owned::GCounter),
        (counts(), counts()).prop_map(|(pos, neg)| Owned::OnCounter { pos, neg }),
        decimal,
        term().prop_map(Box::new).prop_map(Owned::RdfTerm),
    ]
}

/// A value that both generations can hold.
fn value() -> impl Strategy<Value = PropertyValue<'static>> {
    plain_value().prop_recursive(3, 12, 3, |inner| {
        let list = || vec(inner.clone(), 0..3);
        let map = proptest::collection::btree_map(text(), inner.clone(), 0..3);
        prop_oneof![
            list().prop_map(PropertyValue::List),
            (list(), list()).prop_map(|(nodes, edges)| PropertyValue::Path { nodes, edges }),
            map.prop_map(|map| {
                let entries = map.into_iter();
                let entries = entries.map(|(key, value)| (Cow::Owned(key), value));
                PropertyValue::Map(entries.collect())
            }),
        ]
    })
}

impl RecordParts {
    fn text(&self, index: usize) -> &str {
        &self.texts[index]
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn texts(&self) -> Vec<&str> {
        self.texts.iter().map(String::as_str).collect()
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        vec![(self.text(0), self.text(1)), (self.text(2), self.text(3))]
    }

    fn properties(&self) -> Vec<Property<'_>> {
        let values = self.values.iter().cloned();
        values.map(|value| (self.text(1), value)).collect()
    }

    fn value(&self) -> PropertyValue<'_> {
        self.values[0].clone()
    }

    fn procedure(&self) -> ProcedureDefinition<'_> {
        ProcedureDefinition {
            name: self.text(0),
            parameters: self.pairs(),
            returns: Vec::new(),
            body: self.text(3),
        }
    }

    /// What both generations do in a graph.
    fn in_graph(&self, has_properties: bool) -> Vec<GraphOperation<'_>> {
        let [id, one, other] = self.numbers;
        let (node, edge) = (NodeId::new(id), EdgeId::new(id));
        let (key, label) = (self.text(0), self.text(1));
        let properties = || {
            if has_properties {
                self.properties()
            } else {
                Vec::new()
            }
        };
        vec![
            GraphOperation::CreateNode {
                id: node,
                labels: self.texts(),
                properties: properties(),
            },
            GraphOperation::DeleteNode { id: node },
            GraphOperation::CreateEdge {
                id: edge,
                source: NodeId::new(one),
                target: NodeId::new(other),
                edge_type: label,
                properties: properties(),
            },
            GraphOperation::DeleteEdge { id: edge },
            GraphOperation::SetNodeProperty {
                id: node,
                key,
                value: self.value(),
            },
            GraphOperation::SetEdgeProperty {
                id: edge,
                key,
                value: self.value(),
            },
            GraphOperation::RemoveNodeProperty { id: node, key },
            GraphOperation::RemoveEdgeProperty { id: edge, key },
            GraphOperation::AddNodeLabel { id: node, label },
            GraphOperation::RemoveNodeLabel { id: node, label },
        ]
    }

    fn of_graphs(&self) -> Vec<GraphOperation<'_>> {
        let name = self.text(0);
        vec![
            GraphOperation::CreateGraph { name },
            GraphOperation::DropGraph { name },
            GraphOperation::CreateRdfGraph { name },
            GraphOperation::DropRdfGraph {
                graphs: self.name().into(),
            },
            GraphOperation::ClearRdfGraph {
                graphs: self.name().into(),
            },
        ]
    }

    fn schema(&self) -> Vec<SchemaChange<'_>> {
        let (name, label, kind) = (self.text(0), self.text(1), self.text(2));
        let property = PropertyDefinition {
            name: label,
            data_type: kind,
            is_nullable: self.flag,
        };
        let definition = || TypeDefinition {
            name,
            properties: vec![property],
            constraints: vec![(kind, self.texts())],
        };
        let alterations = || {
            let action = self.text(3);
            vec![PropertyAlteration { action, property }]
        };
        vec![
            SchemaChange::CreateNodeType(definition()),
            SchemaChange::DropNodeType { name },
            SchemaChange::CreateEdgeType(definition()),
            SchemaChange::DropEdgeType { name },
            SchemaChange::CreateIndex {
                name,
                label,
                property: self.text(3),
                index_type: kind,
            },
            SchemaChange::DropIndex { name },
            SchemaChange::CreateConstraint {
                name,
                label,
                properties: self.texts(),
                kind,
            },
            SchemaChange::DropConstraint { name },
            SchemaChange::CreateGraphType {
                name,
                node_types: self.texts(),
                edge_types: vec![label],
                is_open: self.flag,
            },
            SchemaChange::DropGraphType { name },
            SchemaChange::CreateSchema { name },
            SchemaChange::DropSchema { name },
            SchemaChange::AlterNodeType {
                name,
                alterations: alterations(),
            },
            SchemaChange::AlterEdgeType {
                name,
                alterations: alterations(),
            },
            SchemaChange::AlterGraphType {
                name,
                alterations: self.pairs(),
            },
            SchemaChange::CreateProcedure(self.procedure()),
            SchemaChange::DropProcedure { name },
        ]
    }

    /// A record of each kind of generation 1 that changes something.
    pub fn changes_v1(&self) -> Vec<GraphChange<'_>> {
        let term = |index| RdfTerm::NTriples(Cow::Borrowed(self.text(index)));
        let triple = || RdfTriple {
            subject: term(0),
            predicate: term(1),
            object: term(2),
        };
        let switch = GraphOperation::SwitchGraph { name: self.name() };
        let of_database = self.of_graphs().into_iter().chain([switch]);
        let of_database = of_database.chain(
            self.schema()
                .into_iter()
                .map(Box::new)
                .map(GraphOperation::Schema),
        );
        let triples = [
            GraphOperation::InsertTriple(Box::new(triple())),
            GraphOperation::DeleteTriple(Box::new(triple())),
        ];
        let changes = self
            .in_graph(false)
            .into_iter()
            .map(in_scope(GraphScope::Switched));
        let changes = changes.chain(of_database.map(in_scope(GraphScope::Database)));
        changes
            .chain(triples.map(in_scope(self.name().into())))
            .collect()
    }

    /// A record of each kind of generation 2 that changes something.
    pub fn changes_v2(&self) -> Vec<GraphChange<'_>> {
        let text = |index| Cow::Borrowed(self.text(index));
        let triple = || RdfTriple {
            subject: RdfTerm::Iri(text(0)),
            predicate: RdfTerm::Blank(text(1)),
            object: RdfTerm::Literal {
                value: text(2),
                datatype: Some(text(3)),
                language: self.name().map(Cow::Borrowed),
            },
        };
        let (source, target) = (self.name(), Some(self.text(3)));
        let mut of_database = self.of_graphs();
        of_database.extend([
            GraphOperation::DropRdfGraph {
                graphs: RdfGraphs::All,
            },
            GraphOperation::ClearRdfGraph {
                graphs: RdfGraphs::AllNamed,
            },
            GraphOperation::CopyRdfGraph { source, target },
            GraphOperation::MoveRdfGraph { source, target },
            GraphOperation::AddRdfGraph { source, target },
            GraphOperation::DropCatalog(CatalogKey::StoredConfig),
            GraphOperation::DropCatalog(CatalogKey::Unknown {
                kind: 11,
                payload: self.text(0).as_bytes(),
            }),
            GraphOperation::Unknown {
                kind: 34,
                payload: self.text(0).as_bytes(),
            },
        ]);
        for record in self.catalog() {
            of_database.push(GraphOperation::DropCatalog(record.key()));
            of_database.push(GraphOperation::PutCatalog(Box::new(record)));
        }
        let mut in_graph = self.in_graph(true);
        in_graph.extend([
            GraphOperation::InsertTriple(Box::new(triple())),
            GraphOperation::DeleteTriple(Box::new(triple())),
        ]);
        let changes = in_graph.into_iter().map(in_scope(self.name().into()));
        let of_database = of_database.into_iter();
        changes
            .chain(of_database.map(in_scope(GraphScope::Database)))
            .collect()
    }

    fn catalog(&self) -> Vec<CatalogRecord<'_>> {
        let (name, label, property) = (self.text(0), self.text(1), self.text(2));
        let definition = || EntityType {
            name,
            properties: vec![TypedProperty {
                name: property,
                data_type: DataType {
                    list_levels: self.short,
                    code: self.short,
                },
                is_nullable: self.flag,
                default: self.flag.then(|| self.value()),
            }],
            constraints: vec![
                TypeConstraint::PrimaryKey(self.texts()),
                TypeConstraint::Unique(vec![label]),
                TypeConstraint::NotNull(property),
                TypeConstraint::Check {
                    name: self.name(),
                    expression: label,
                },
            ],
        };
        let mut records = vec![
            CatalogRecord::Schema { name },
            CatalogRecord::NodeType {
                definition: definition(),
                parents: self.texts(),
                key_labels: vec![label],
            },
            CatalogRecord::EdgeType {
                definition: definition(),
                endpoints: vec![(self.name(), Some(label))],
                key_labels: self.texts(),
            },
            CatalogRecord::GraphType {
                name,
                node_types: self.texts(),
                edge_types: vec![label],
                is_open: self.flag,
            },
            CatalogRecord::GraphBinding {
                graph: name,
                graph_type: label,
            },
            CatalogRecord::Procedure(self.procedure()),
            CatalogRecord::StoredConfig(self.configuration()),
        ];
        let kinds = [
            ConstraintKind::Unique,
            ConstraintKind::NodeKey,
            ConstraintKind::NotNull,
            ConstraintKind::Exists,
        ];
        records.extend(kinds.map(|kind| CatalogRecord::Constraint {
            name,
            label,
            properties: self.texts(),
            kind,
        }));
        let kinds = [
            IndexNameKind::Hash,
            IndexNameKind::BTree,
            IndexNameKind::FullText,
            IndexNameKind::Vector,
        ];
        records.extend(kinds.map(|kind| CatalogRecord::IndexName {
            name,
            label,
            property,
            kind,
        }));
        let indexes = self.indexes().into_iter();
        records.extend(indexes.map(|index| CatalogRecord::Index {
            graph: self.name(),
            index,
        }));
        records
    }

    fn configuration(&self) -> StoredConfiguration<'_> {
        let [one, other, more] = self.numbers;
        StoredConfiguration {
            graph_model: self.flag.into(),
            backward_edges: self.flag,
            schema_constraints: !self.flag,
            wal_enabled: self.flag,
            wal_durability: match one % 4 {
                0 => LogDurability::Sync,
                1 => LogDurability::Batch {
                    max_delay_ms: other,
                    max_records: more,
                },
                2 => LogDurability::Adaptive {
                    target_interval_ms: more,
                },
                _ => LogDurability::NoSync,
            },
            memory_limit: self.flag.then_some(other),
            spill_path: self.name(),
            sections: vec![SectionMemory {
                section: 251,
                max_ram: (!self.flag).then_some(more),
                tier: self.short % 3,
            }],
            history_retention: match other % 3 {
                0 => HistoryRetention::Off,
                1 => HistoryRetention::Duration { millis: one },
                _ => HistoryRetention::Forever,
            },
        }
    }

    fn indexes(&self) -> Vec<IndexDefinition<'_>> {
        let (label, property) = (self.text(1), self.text(2));
        let vector = |metric, quantization| IndexDefinition::Vector {
            label,
            property,
            dimensions: self.short,
            metric,
            m: self.short,
            ef_construction: 7,
            quantization,
        };
        let text = |tokenizer| IndexDefinition::Text {
            label,
            property,
            k1: 1.2,
            b: 0.75,
            tokenizer,
            stop_words: self.flag.then(|| self.texts()),
        };
        let subvectors = self.short;
        vec![
            IndexDefinition::Property { key: property },
            vector(DistanceMetric::Cosine, Quantization::None),
            vector(DistanceMetric::Euclidean, Quantization::Scalar),
            vector(DistanceMetric::DotProduct, Quantization::Binary),
            vector(
                DistanceMetric::Manhattan,
                Quantization::Product { subvectors },
            ),
            text(TextTokenizer::Simple),
            text(TextTokenizer::Standard),
            text(TextTokenizer::CjkBigram),
        ]
    }
}

fn in_scope<'a>(scope: GraphScope<'a>) -> impl Fn(GraphOperation<'a>) -> GraphChange<'a> {
    move |operation| GraphChange {
        scope,
        operation,
        extra_bytes: 0,
    }
}
