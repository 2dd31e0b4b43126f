//! Entries of the catalog.

use apograph_format::v2::{
    CatalogKey, CatalogRecord, ConstraintKind, DistanceMetric, EntityType, HistoryRetention,
    IndexDefinition, IndexKey, IndexNameKind, LogDurability, Quantization, StoredConfiguration,
    TextTokenizer, TypeConstraint,
};

use super::value::value;
use crate::encoding::fields::FieldWriter;
use crate::encoding::v1::procedure;

pub(super) fn record(fields: &mut FieldWriter, record: &CatalogRecord<'_>) {
    match record {
        CatalogRecord::Schema { name } => fields.raw(&[1]).text(name),
        CatalogRecord::NodeType {
            definition,
            parents,
            key_labels,
        } => entity(fields.raw(&[2]), definition)
            .texts(parents)
            .texts(key_labels),
        CatalogRecord::EdgeType {
            definition,
            endpoints,
            key_labels,
        } => entity(fields.raw(&[3]), definition)
            .list(endpoints, |fields, (source, target)| {
                fields.optional_text(*source).optional_text(*target);
            })
            .texts(key_labels),
        CatalogRecord::GraphType {
            name,
            node_types,
            edge_types,
            is_open,
        } => fields
            .raw(&[4])
            .text(name)
            .texts(node_types)
            .texts(edge_types)
            .bool(*is_open),
        CatalogRecord::GraphBinding { graph, graph_type } => {
            fields.raw(&[5]).text(graph).text(graph_type)
        }
        CatalogRecord::Constraint {
            name,
            label,
            properties,
            kind,
        } => fields
            .raw(&[6])
            .text(name)
            .text(label)
            .texts(properties)
            .raw(&[match kind {
                ConstraintKind::Unique => 0,
                ConstraintKind::NodeKey => 1,
                ConstraintKind::NotNull => 2,
                ConstraintKind::Exists => 3,
            }]),
        CatalogRecord::Index { graph, index: it } => {
            index(fields.raw(&[7]).optional_text(*graph), it)
        }
        CatalogRecord::IndexName {
            name,
            label,
            property,
            kind,
        } => fields
            .raw(&[8])
            .text(name)
            .text(label)
            .text(property)
            .raw(&[match kind {
                IndexNameKind::Hash => 0,
                IndexNameKind::BTree => 1,
                IndexNameKind::FullText => 2,
                IndexNameKind::Vector => 3,
            }]),
        CatalogRecord::Procedure(it) => procedure(fields.raw(&[9]), it),
        CatalogRecord::StoredConfig(it) => configuration(fields.raw(&[10]), it),
        CatalogRecord::Unknown { kind, payload } => fields.raw(&[*kind]).raw(payload),
        other => panic!("no entry of the catalog: {other:?}"),
    };
}

fn entity<'w>(fields: &'w mut FieldWriter, entity: &EntityType<'_>) -> &'w mut FieldWriter {
    fields
        .text(entity.name)
        .list(&entity.properties, |fields, property| {
            fields
                .text(property.name)
                .number(property.data_type.list_levels)
                .number(property.data_type.code)
                .bool(property.is_nullable)
                .option(property.default.as_ref(), |fields, default| {
                    fields.bytes(&value(default));
                });
        })
        .list(&entity.constraints, |fields, constraint| {
            match constraint {
                TypeConstraint::PrimaryKey(properties) => fields.raw(&[0]).texts(properties),
                TypeConstraint::Unique(properties) => fields.raw(&[1]).texts(properties),
                TypeConstraint::NotNull(property) => fields.raw(&[2]).text(property),
                TypeConstraint::Check { name, expression } => {
                    fields.raw(&[3]).optional_text(*name).text(expression)
                }
                other => panic!("no constraint: {other:?}"),
            };
        })
}

fn index<'w>(fields: &'w mut FieldWriter, index: &IndexDefinition<'_>) -> &'w mut FieldWriter {
    match index {
        IndexDefinition::Property { key } => fields.raw(&[0]).text(key),
        IndexDefinition::Vector {
            label,
            property,
            dimensions,
            metric,
            m,
            ef_construction,
            quantization,
        } => {
            fields
                .raw(&[1])
                .text(label)
                .text(property)
                .number(*dimensions);
            fields.raw(&[match metric {
                DistanceMetric::Cosine => 0,
                DistanceMetric::Euclidean => 1,
                DistanceMetric::DotProduct => 2,
                DistanceMetric::Manhattan => 3,
            }]);
            fields.number(*m).number(*ef_construction);
            match quantization {
                Quantization::None => fields.raw(&[0]),
                Quantization::Scalar => fields.raw(&[1]),
                Quantization::Binary => fields.raw(&[2]),
                Quantization::Product { subvectors } => fields.raw(&[3]).number(*subvectors),
            }
        }
        IndexDefinition::Text {
            label,
            property,
            k1,
            b,
            tokenizer,
            stop_words,
        } => fields
            .raw(&[2])
            .text(label)
            .text(property)
            .raw(&k1.to_le_bytes())
            .raw(&b.to_le_bytes())
            .raw(&[match tokenizer {
                TextTokenizer::Simple => 0,
                TextTokenizer::Standard => 1,
                TextTokenizer::CjkBigram => 2,
            }])
            .option(stop_words.as_ref(), |fields, words| {
                fields.texts(words);
            }),
        other => panic!("no index: {other:?}"),
    }
}

fn configuration<'w>(
    fields: &'w mut FieldWriter,
    it: &StoredConfiguration<'_>,
) -> &'w mut FieldWriter {
    fields
        .number(it.graph_model)
        .bool(it.backward_edges)
        .bool(it.schema_constraints)
        .bool(it.wal_enabled);
    match it.wal_durability {
        LogDurability::Sync => fields.raw(&[0]),
        LogDurability::Batch {
            max_delay_ms,
            max_records,
        } => fields.raw(&[1]).number(max_delay_ms).number(max_records),
        LogDurability::Adaptive { target_interval_ms } => {
            fields.raw(&[2]).number(target_interval_ms)
        }
        LogDurability::NoSync => fields.raw(&[3]),
    };
    fields
        .option(it.memory_limit, |fields, limit| {
            fields.number(limit);
        })
        .optional_text(it.spill_path)
        .list(&it.sections, |fields, section| {
            fields
                .raw(&[section.section])
                .option(section.max_ram, |fields, limit| {
                    fields.number(limit);
                })
                .number(section.tier);
        });
    match it.history_retention {
        HistoryRetention::Off => fields.raw(&[0]),
        HistoryRetention::Duration { millis } => fields.raw(&[1]).number(millis),
        HistoryRetention::Forever => fields.raw(&[2]),
    }
}

pub(super) fn key(fields: &mut FieldWriter, key: &CatalogKey<'_>) {
    match key {
        CatalogKey::Schema(name) => fields.raw(&[1]).text(name),
        CatalogKey::NodeType(name) => fields.raw(&[2]).text(name),
        CatalogKey::EdgeType(name) => fields.raw(&[3]).text(name),
        CatalogKey::GraphType(name) => fields.raw(&[4]).text(name),
        CatalogKey::GraphBinding(name) => fields.raw(&[5]).text(name),
        CatalogKey::Constraint(name) => fields.raw(&[6]).text(name),
        CatalogKey::Index { graph, index } => {
            let fields = fields.raw(&[7]).optional_text(*graph);
            match index {
                IndexKey::Property { key } => fields.raw(&[0]).text(key),
                IndexKey::Vector { label, property } => fields.raw(&[1]).text(label).text(property),
                IndexKey::Text { label, property } => fields.raw(&[2]).text(label).text(property),
                other => panic!("no key of an index: {other:?}"),
            }
        }
        CatalogKey::IndexName(name) => fields.raw(&[8]).text(name),
        CatalogKey::Procedure(name) => fields.raw(&[9]).text(name),
        CatalogKey::StoredConfig => fields.raw(&[10]),
        CatalogKey::Unknown { kind, payload } => fields.raw(&[*kind]).raw(payload),
        other => panic!("no key of the catalog: {other:?}"),
    };
}
