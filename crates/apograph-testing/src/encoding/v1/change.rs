//! Records that change something.

use std::borrow::Cow;

use apograph_format::change::{
    GraphChange, GraphOperation, GraphScope, PropertyValue, RdfGraphs, RdfTerm, RdfTriple,
};
use apograph_format::v1::{
    ProcedureDefinition, PropertyAlteration, PropertyDefinition, RecordKind, SchemaChange,
    TypeDefinition,
};

use crate::encoding::fields::FieldWriter;

/// The payload of a record.
///
/// # Panics
///
/// Where generation 1 has no such record.
pub fn record(change: &GraphChange<'_>) -> Vec<u8> {
    let mut fields = FieldWriter::default();
    let graph = match change.scope {
        GraphScope::Named(name) => Some(name),
        _ => None,
    };
    operation(&mut fields, &change.operation, graph);
    fields.0
}

fn tag(fields: &mut FieldWriter, kind: RecordKind) -> &mut FieldWriter {
    fields.raw(&[kind as u8])
}

fn operation(fields: &mut FieldWriter, operation: &GraphOperation<'_>, graph: Option<&str>) {
    match operation {
        GraphOperation::CreateNode { id, labels, .. } => tag(fields, RecordKind::CreateNode)
            .number(id.get())
            .texts(labels),
        GraphOperation::DeleteNode { id } => tag(fields, RecordKind::DeleteNode).number(id.get()),
        GraphOperation::CreateEdge {
            id,
            source,
            target,
            edge_type,
            ..
        } => tag(fields, RecordKind::CreateEdge)
            .number(id.get())
            .number(source.get())
            .number(target.get())
            .text(edge_type),
        GraphOperation::DeleteEdge { id } => tag(fields, RecordKind::DeleteEdge).number(id.get()),
        GraphOperation::SetNodeProperty { id, key, value: it } => {
            tag(fields, RecordKind::SetNodeProperty)
                .number(id.get())
                .text(key);
            value(fields, it)
        }
        GraphOperation::SetEdgeProperty { id, key, value: it } => {
            tag(fields, RecordKind::SetEdgeProperty)
                .number(id.get())
                .text(key);
            value(fields, it)
        }
        GraphOperation::RemoveNodeProperty { id, key } => {
            tag(fields, RecordKind::RemoveNodeProperty)
                .number(id.get())
                .text(key)
        }
        GraphOperation::RemoveEdgeProperty { id, key } => {
            tag(fields, RecordKind::RemoveEdgeProperty)
                .number(id.get())
                .text(key)
        }
        GraphOperation::AddNodeLabel { id, label } => tag(fields, RecordKind::AddNodeLabel)
            .number(id.get())
            .text(label),
        GraphOperation::RemoveNodeLabel { id, label } => tag(fields, RecordKind::RemoveNodeLabel)
            .number(id.get())
            .text(label),
        GraphOperation::CreateGraph { name } => {
            tag(fields, RecordKind::CreateNamedGraph).text(name)
        }
        GraphOperation::DropGraph { name } => tag(fields, RecordKind::DropNamedGraph).text(name),
        GraphOperation::SwitchGraph { name } => {
            tag(fields, RecordKind::SwitchGraph).optional_text(*name)
        }
        GraphOperation::InsertTriple(it) => {
            triple(tag(fields, RecordKind::InsertRdfTriple), it).optional_text(graph)
        }
        GraphOperation::DeleteTriple(it) => {
            triple(tag(fields, RecordKind::DeleteRdfTriple), it).optional_text(graph)
        }
        GraphOperation::CreateRdfGraph { name } => {
            tag(fields, RecordKind::CreateRdfGraph).text(name)
        }
        GraphOperation::DropRdfGraph { graphs } => {
            tag(fields, RecordKind::DropRdfGraph).optional_text(named(*graphs))
        }
        GraphOperation::ClearRdfGraph { graphs } => {
            tag(fields, RecordKind::ClearRdfGraph).optional_text(named(*graphs))
        }
        GraphOperation::Schema(change) => schema(fields, change),
        GraphOperation::Unknown { kind, payload } => fields.raw(&[*kind]).raw(payload),
        other => panic!("no record of generation 1: {other:?}"),
    };
}

fn named(graphs: RdfGraphs<'_>) -> Option<&str> {
    match graphs {
        RdfGraphs::Named(name) => Some(name),
        _ => None,
    }
}

fn triple<'w>(fields: &'w mut FieldWriter, triple: &RdfTriple<'_>) -> &'w mut FieldWriter {
    for term in [&triple.subject, &triple.predicate, &triple.object] {
        match term {
            RdfTerm::NTriples(text) => fields.text(text),
            other => panic!("no term of generation 1: {other:?}"),
        };
    }
    fields
}

/// Writes a value after other fields.
pub(in crate::encoding) fn value<'w>(
    fields: &'w mut FieldWriter,
    value: &PropertyValue<'_>,
) -> &'w mut FieldWriter {
    match value {
        PropertyValue::Null => fields.raw(&[0]),
        PropertyValue::Bool(flag) => fields.raw(&[1]).bool(*flag),
        PropertyValue::Int64(number) => fields.raw(&[2]).signed(*number),
        PropertyValue::Float64(number) => fields.raw(&[3]).raw(&number.to_le_bytes()),
        PropertyValue::String(text) => fields.raw(&[4]).text(text),
        PropertyValue::Bytes(bytes) => fields.raw(&[5]).bytes(bytes),
        PropertyValue::Timestamp(micros) => fields.raw(&[6]).signed(*micros),
        PropertyValue::Date(days) => fields.raw(&[7]).signed(*days),
        PropertyValue::Time { nanos, offset } => {
            fields
                .raw(&[8])
                .number(*nanos)
                .option(*offset, |fields, offset| {
                    fields.signed(offset);
                })
        }
        PropertyValue::Duration {
            months,
            days,
            nanos,
        } => fields
            .raw(&[9])
            .signed(*months)
            .signed(*days)
            .signed(*nanos),
        PropertyValue::ZonedDatetime { micros, offset } => {
            fields.raw(&[10]).signed(*micros).signed(*offset)
        }
        PropertyValue::List(list) => values(fields.raw(&[11]), list),
        PropertyValue::Map(entries) => fields.raw(&[12]).list(entries, |fields, (key, it)| {
            value_of(fields.text(key), it);
        }),
        PropertyValue::Vector(vector) => {
            fields.raw(&[13]).number(vector.dimensions() as u64);
            let components = vector.components().flat_map(f32::to_le_bytes);
            fields.raw(&components.collect::<Vec<_>>())
        }
        PropertyValue::Path { nodes, edges } => values(values(fields.raw(&[14]), nodes), edges),
        PropertyValue::GCounter(counts) => counter(fields.raw(&[15]), counts),
        PropertyValue::OnCounter { pos, neg } => counter(counter(fields.raw(&[16]), pos), neg),
        PropertyValue::Decimal(decimal) => fields.raw(&[17]).text(&decimal.to_string()),
        PropertyValue::RdfTerm(term) => {
            self::term(fields.raw(&[18]), term);
            fields
        }
        PropertyValue::Undecoded(bytes) => fields.raw(bytes),
        other => panic!("no value of generation 1: {other:?}"),
    }
}

fn value_of(fields: &mut FieldWriter, it: &PropertyValue<'_>) {
    value(fields, it);
}

fn values<'w>(fields: &'w mut FieldWriter, list: &[PropertyValue<'_>]) -> &'w mut FieldWriter {
    fields.list(list, value_of)
}

fn counter<'w>(fields: &'w mut FieldWriter, counts: &[(Cow<'_, str>, u64)]) -> &'w mut FieldWriter {
    fields.list(counts, |fields, (replica, count)| {
        fields.text(replica).number(*count);
    })
}

/// Writes a term with its fields, as both generations do.
pub(in crate::encoding) fn term(fields: &mut FieldWriter, term: &RdfTerm<'_>) {
    match term {
        RdfTerm::Iri(iri) => fields.raw(&[0]).text(iri),
        RdfTerm::Blank(label) => fields.raw(&[1]).text(label),
        RdfTerm::Literal {
            value,
            datatype,
            language,
        } => fields
            .raw(&[2])
            .text(value)
            .text(datatype.as_deref().unwrap_or_default())
            .optional_text(language.as_deref()),
        other => panic!("not a term with fields: {other:?}"),
    };
}

fn property<'w>(
    fields: &'w mut FieldWriter,
    property: &PropertyDefinition<'_>,
) -> &'w mut FieldWriter {
    let fields = fields.text(property.name).text(property.data_type);
    fields.bool(property.is_nullable)
}

fn definition<'w>(
    fields: &'w mut FieldWriter,
    definition: &TypeDefinition<'_>,
) -> &'w mut FieldWriter {
    fields
        .text(definition.name)
        .list(&definition.properties, |fields, it| {
            property(fields, it);
        })
        .list(&definition.constraints, |fields, (kind, properties)| {
            fields.text(kind).texts(properties);
        })
}

fn alterations<'w>(
    fields: &'w mut FieldWriter,
    alterations: &[PropertyAlteration<'_>],
) -> &'w mut FieldWriter {
    fields.list(alterations, |fields, alteration| {
        property(fields.text(alteration.action), &alteration.property);
    })
}

/// Writes a procedure, as both generations do.
pub(in crate::encoding) fn procedure<'w>(
    fields: &'w mut FieldWriter,
    procedure: &ProcedureDefinition<'_>,
) -> &'w mut FieldWriter {
    fields
        .text(procedure.name)
        .pairs(&procedure.parameters)
        .pairs(&procedure.returns)
        .text(procedure.body)
}

fn schema<'w>(fields: &'w mut FieldWriter, change: &SchemaChange<'_>) -> &'w mut FieldWriter {
    match change {
        SchemaChange::CreateNodeType(it) => definition(tag(fields, RecordKind::CreateNodeType), it),
        SchemaChange::CreateEdgeType(it) => definition(tag(fields, RecordKind::CreateEdgeType), it),
        SchemaChange::DropNodeType { name } => tag(fields, RecordKind::DropNodeType).text(name),
        SchemaChange::DropEdgeType { name } => tag(fields, RecordKind::DropEdgeType).text(name),
        SchemaChange::CreateIndex {
            name,
            label,
            property,
            index_type,
        } => tag(fields, RecordKind::CreateIndex)
            .text(name)
            .text(label)
            .text(property)
            .text(index_type),
        SchemaChange::DropIndex { name } => tag(fields, RecordKind::DropIndex).text(name),
        SchemaChange::CreateConstraint {
            name,
            label,
            properties,
            kind,
        } => tag(fields, RecordKind::CreateConstraint)
            .text(name)
            .text(label)
            .texts(properties)
            .text(kind),
        SchemaChange::DropConstraint { name } => tag(fields, RecordKind::DropConstraint).text(name),
        SchemaChange::CreateGraphType {
            name,
            node_types,
            edge_types,
            is_open,
        } => tag(fields, RecordKind::CreateGraphType)
            .text(name)
            .texts(node_types)
            .texts(edge_types)
            .bool(*is_open),
        SchemaChange::DropGraphType { name } => tag(fields, RecordKind::DropGraphType).text(name),
        SchemaChange::CreateSchema { name } => tag(fields, RecordKind::CreateSchema).text(name),
        SchemaChange::DropSchema { name } => tag(fields, RecordKind::DropSchema).text(name),
        SchemaChange::AlterNodeType {
            name,
            alterations: it,
        } => alterations(tag(fields, RecordKind::AlterNodeType).text(name), it),
        SchemaChange::AlterEdgeType {
            name,
            alterations: it,
        } => alterations(tag(fields, RecordKind::AlterEdgeType).text(name), it),
        SchemaChange::AlterGraphType { name, alterations } => {
            tag(fields, RecordKind::AlterGraphType)
                .text(name)
                .pairs(alterations)
        }
        SchemaChange::CreateProcedure(it) => {
            procedure(tag(fields, RecordKind::CreateProcedure), it)
        }
        SchemaChange::DropProcedure { name } => tag(fields, RecordKind::DropProcedure).text(name),
        other => panic!("no record of generation 1: {other:?}"),
    }
}
