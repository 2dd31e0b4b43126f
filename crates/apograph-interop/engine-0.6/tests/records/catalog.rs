//! Records of the catalog, as the engine has them, in the words of `apograph-format`.

use apograph_format::v2::{
    self, CatalogKey, CatalogRecord, ConstraintKind, DistanceMetric, EntityType, HistoryRetention,
    IndexDefinition, IndexKey, IndexNameKind, LogDurability, Quantization, SectionMemory,
    StoredConfiguration, TextTokenizer, TypeConstraint, TypedProperty,
};
use grafeo_common::storage::catalog_record as engine;

use crate::values::value;

fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn pairs(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = pairs.iter();
    pairs
        .map(|(one, other)| (one.as_str(), other.as_str()))
        .collect()
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

pub(crate) fn catalog(record: &engine::CatalogRecord) -> CatalogRecord<'_> {
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

pub(crate) fn catalog_key(key: &engine::CatalogKey) -> CatalogKey<'_> {
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
