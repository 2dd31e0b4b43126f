//! Records that change something.

use apograph_format::change::{
    GraphChange, GraphOperation, GraphScope, Property, RdfGraphs, RdfTriple,
};
use apograph_format::v2::RecordKind;

use super::catalog;
use super::value::value;
use crate::encoding::fields::FieldWriter;
use crate::encoding::v1::term;

/// The kind of a record, and its payload.
///
/// # Panics
///
/// Where generation 2 has no such record.
pub fn change(change: &GraphChange<'_>) -> (u8, Vec<u8>) {
    let mut fields = FieldWriter::default();
    match change.scope {
        GraphScope::Database => {}
        GraphScope::Named(name) => {
            fields.optional_text(Some(name));
        }
        _ => {
            fields.optional_text(None);
        }
    }
    let kind = operation(&mut fields, &change.operation);
    (kind, fields.0)
}

fn operation(fields: &mut FieldWriter, operation: &GraphOperation<'_>) -> u8 {
    let kind = match operation {
        GraphOperation::CreateNode {
            id,
            labels,
            properties: it,
        } => {
            properties(fields.number(id.get()).texts(labels), it);
            RecordKind::CreateNode
        }
        GraphOperation::DeleteNode { id } => {
            fields.number(id.get());
            RecordKind::DeleteNode
        }
        GraphOperation::CreateEdge {
            id,
            source,
            target,
            edge_type,
            properties: it,
        } => {
            let ends = fields
                .number(id.get())
                .number(source.get())
                .number(target.get());
            properties(ends.text(edge_type), it);
            RecordKind::CreateEdge
        }
        GraphOperation::DeleteEdge { id } => {
            fields.number(id.get());
            RecordKind::DeleteEdge
        }
        GraphOperation::SetNodeProperty { id, key, value: it } => {
            fields.number(id.get()).text(key).bytes(&value(it));
            RecordKind::SetNodeProperty
        }
        GraphOperation::SetEdgeProperty { id, key, value: it } => {
            fields.number(id.get()).text(key).bytes(&value(it));
            RecordKind::SetEdgeProperty
        }
        GraphOperation::RemoveNodeProperty { id, key } => {
            fields.number(id.get()).text(key);
            RecordKind::RemoveNodeProperty
        }
        GraphOperation::RemoveEdgeProperty { id, key } => {
            fields.number(id.get()).text(key);
            RecordKind::RemoveEdgeProperty
        }
        GraphOperation::AddNodeLabel { id, label } => {
            fields.number(id.get()).text(label);
            RecordKind::AddNodeLabel
        }
        GraphOperation::RemoveNodeLabel { id, label } => {
            fields.number(id.get()).text(label);
            RecordKind::RemoveNodeLabel
        }
        other => return of_graphs(fields, other),
    };
    kind.number()
}

fn of_graphs(fields: &mut FieldWriter, operation: &GraphOperation<'_>) -> u8 {
    let kind = match operation {
        GraphOperation::InsertTriple(it) => {
            triple(fields, it);
            RecordKind::InsertTriple
        }
        GraphOperation::DeleteTriple(it) => {
            triple(fields, it);
            RecordKind::DeleteTriple
        }
        GraphOperation::CreateGraph { name } => {
            fields.text(name);
            RecordKind::CreateGraph
        }
        GraphOperation::DropGraph { name } => {
            fields.text(name);
            RecordKind::DropGraph
        }
        GraphOperation::CreateRdfGraph { name } => {
            fields.text(name);
            RecordKind::CreateRdfGraph
        }
        GraphOperation::DropRdfGraph { graphs: it } => {
            graphs(fields, *it);
            RecordKind::DropRdfGraph
        }
        GraphOperation::ClearRdfGraph { graphs: it } => {
            graphs(fields, *it);
            RecordKind::ClearRdfGraph
        }
        GraphOperation::CopyRdfGraph { source, target } => {
            fields.optional_text(*source).optional_text(*target);
            RecordKind::CopyRdfGraph
        }
        GraphOperation::MoveRdfGraph { source, target } => {
            fields.optional_text(*source).optional_text(*target);
            RecordKind::MoveRdfGraph
        }
        GraphOperation::AddRdfGraph { source, target } => {
            fields.optional_text(*source).optional_text(*target);
            RecordKind::AddRdfGraph
        }
        GraphOperation::PutCatalog(it) => {
            catalog::record(fields, it);
            RecordKind::PutCatalog
        }
        GraphOperation::DropCatalog(it) => {
            catalog::key(fields, it);
            RecordKind::DropCatalog
        }
        GraphOperation::Unknown { kind, payload } => {
            fields.raw(payload);
            return *kind;
        }
        other => panic!("no record of generation 2: {other:?}"),
    };
    kind.number()
}

fn properties(fields: &mut FieldWriter, properties: &[Property<'_>]) {
    fields.list(properties, |fields, (key, it)| {
        fields.text(key).bytes(&value(it));
    });
}

fn triple(fields: &mut FieldWriter, triple: &RdfTriple<'_>) {
    for part in [&triple.subject, &triple.predicate, &triple.object] {
        term(fields, part);
    }
}

fn graphs(fields: &mut FieldWriter, graphs: RdfGraphs<'_>) {
    match graphs {
        RdfGraphs::Default => fields.raw(&[0]),
        RdfGraphs::Named(name) => fields.raw(&[1]).text(name),
        RdfGraphs::AllNamed => fields.raw(&[2]),
        RdfGraphs::All => fields.raw(&[3]),
    };
}
