//! What a record of generation 2 changes (FORMAT.md, "Log records, generation 2").

use std::borrow::Cow;

use crate::change::{
    GraphChange, GraphElement, GraphOperation, GraphScope, Property, RdfGraphs, RdfTerm, RdfTriple,
};
use crate::error::Result;
use crate::fields::Fields;
use crate::numbers::{EdgeId, NodeId};
use crate::v2::catalog::{CatalogKey, CatalogRecord};
use crate::v2::record::{RawRecord, RecordKind};
use crate::v2::value::decode_value;

const WHAT: &str = "log record";

/// Decodes a record; the beginning of a group is none that changes something, and
/// [`GraphOperation::Unknown`] here (see [`GroupBegin`](super::GroupBegin)).
///
/// # Errors
///
/// [`FormatError::Malformed`](crate::FormatError::Malformed) where its payload is not exactly its
/// fields.
pub fn decode_change<'a>(record: &RawRecord<'a>) -> Result<GraphChange<'a>> {
    let mut fields = Fields::of(WHAT, record.payload);
    let (scope, operation) = match record.known_kind() {
        Some(kind) if is_in_graph(kind) => {
            let scope = fields.optional_text()?.into();
            (scope, of_graph(kind, &mut fields)?)
        }
        kind => (
            GraphScope::Database,
            of_database(kind, record.kind, &mut fields)?,
        ),
    };
    fields.end()?;
    Ok(GraphChange {
        scope,
        operation,
        extra_bytes: 0,
    })
}

/// The node or the edge that a record is about, read from its first fields alone; `None` where it is
/// about neither, or they cannot be read.
#[inline]
pub fn element_of(record: &RawRecord<'_>) -> Option<GraphElement> {
    let mut fields = Fields::of(WHAT, record.payload);
    let kind = record.known_kind().filter(|kind| is_in_graph(*kind))?;
    fields.optional_text().ok()?;
    match kind {
        RecordKind::InsertTriple | RecordKind::DeleteTriple => None,
        RecordKind::CreateEdge
        | RecordKind::DeleteEdge
        | RecordKind::SetEdgeProperty
        | RecordKind::RemoveEdgeProperty => edge(&mut fields).ok().map(GraphElement::Edge),
        _ => node(&mut fields).ok().map(GraphElement::Node),
    }
}

const fn is_in_graph(kind: RecordKind) -> bool {
    matches!(
        kind,
        RecordKind::CreateNode
            | RecordKind::DeleteNode
            | RecordKind::CreateEdge
            | RecordKind::DeleteEdge
            | RecordKind::SetNodeProperty
            | RecordKind::RemoveNodeProperty
            | RecordKind::SetEdgeProperty
            | RecordKind::RemoveEdgeProperty
            | RecordKind::AddNodeLabel
            | RecordKind::RemoveNodeLabel
            | RecordKind::InsertTriple
            | RecordKind::DeleteTriple
    )
}

fn node(fields: &mut Fields<'_>) -> Result<NodeId> {
    fields.number().map(NodeId::new)
}

fn edge(fields: &mut Fields<'_>) -> Result<EdgeId> {
    fields.number().map(EdgeId::new)
}

fn property<'a>(fields: &mut Fields<'a>) -> Result<Property<'a>> {
    Ok((fields.text()?, decode_value(fields.bytes()?)?))
}

fn term<'a>(fields: &mut Fields<'a>) -> Result<RdfTerm<'a>> {
    Ok(match fields.variant()? {
        0 => RdfTerm::Iri(Cow::Borrowed(fields.text()?)),
        1 => RdfTerm::Blank(Cow::Borrowed(fields.text()?)),
        2 => RdfTerm::Literal {
            value: Cow::Borrowed(fields.text()?),
            datatype: Some(Cow::Borrowed(fields.text()?)),
            language: fields.optional_text()?.map(Cow::Borrowed),
        },
        kind => return Err(fields.malformed(format!("an RDF term of kind {kind}"))),
    })
}

fn triple<'a>(fields: &mut Fields<'a>) -> Result<RdfTriple<'a>> {
    Ok(RdfTriple {
        subject: term(fields)?,
        predicate: term(fields)?,
        object: term(fields)?,
    })
}

#[inline]
fn of_graph<'a>(kind: RecordKind, fields: &mut Fields<'a>) -> Result<GraphOperation<'a>> {
    Ok(match kind {
        RecordKind::CreateNode => GraphOperation::CreateNode {
            id: node(fields)?,
            labels: fields.texts()?,
            properties: fields.list(property)?,
        },
        RecordKind::DeleteNode => GraphOperation::DeleteNode { id: node(fields)? },
        RecordKind::CreateEdge => GraphOperation::CreateEdge {
            id: edge(fields)?,
            source: node(fields)?,
            target: node(fields)?,
            edge_type: fields.text()?,
            properties: fields.list(property)?,
        },
        RecordKind::DeleteEdge => GraphOperation::DeleteEdge { id: edge(fields)? },
        RecordKind::SetNodeProperty => {
            let id = node(fields)?;
            let (key, value) = property(fields)?;
            GraphOperation::SetNodeProperty { id, key, value }
        }
        RecordKind::SetEdgeProperty => {
            let id = edge(fields)?;
            let (key, value) = property(fields)?;
            GraphOperation::SetEdgeProperty { id, key, value }
        }
        RecordKind::RemoveNodeProperty => GraphOperation::RemoveNodeProperty {
            id: node(fields)?,
            key: fields.text()?,
        },
        RecordKind::RemoveEdgeProperty => GraphOperation::RemoveEdgeProperty {
            id: edge(fields)?,
            key: fields.text()?,
        },
        RecordKind::AddNodeLabel => GraphOperation::AddNodeLabel {
            id: node(fields)?,
            label: fields.text()?,
        },
        RecordKind::RemoveNodeLabel => GraphOperation::RemoveNodeLabel {
            id: node(fields)?,
            label: fields.text()?,
        },
        RecordKind::InsertTriple => GraphOperation::InsertTriple(Box::new(triple(fields)?)),
        _ => GraphOperation::DeleteTriple(Box::new(triple(fields)?)),
    })
}

fn graphs<'a>(fields: &mut Fields<'a>) -> Result<RdfGraphs<'a>> {
    Ok(match fields.variant()? {
        0 => RdfGraphs::Default,
        1 => RdfGraphs::Named(fields.text()?),
        2 => RdfGraphs::AllNamed,
        3 => RdfGraphs::All,
        target => return Err(fields.malformed(format!("RDF graphs of kind {target}"))),
    })
}

fn of_database<'a>(
    kind: Option<RecordKind>,
    number: u8,
    fields: &mut Fields<'a>,
) -> Result<GraphOperation<'a>> {
    Ok(match kind {
        Some(RecordKind::CreateGraph) => GraphOperation::CreateGraph {
            name: fields.text()?,
        },
        Some(RecordKind::DropGraph) => GraphOperation::DropGraph {
            name: fields.text()?,
        },
        Some(RecordKind::PutCatalog) => {
            GraphOperation::PutCatalog(Box::new(CatalogRecord::read(fields)?))
        }
        Some(RecordKind::DropCatalog) => GraphOperation::DropCatalog(CatalogKey::read(fields)?),
        Some(RecordKind::CreateRdfGraph) => GraphOperation::CreateRdfGraph {
            name: fields.text()?,
        },
        Some(RecordKind::DropRdfGraph) => GraphOperation::DropRdfGraph {
            graphs: graphs(fields)?,
        },
        Some(RecordKind::ClearRdfGraph) => GraphOperation::ClearRdfGraph {
            graphs: graphs(fields)?,
        },
        Some(RecordKind::CopyRdfGraph) => GraphOperation::CopyRdfGraph {
            source: fields.optional_text()?,
            target: fields.optional_text()?,
        },
        Some(RecordKind::MoveRdfGraph) => GraphOperation::MoveRdfGraph {
            source: fields.optional_text()?,
            target: fields.optional_text()?,
        },
        Some(RecordKind::AddRdfGraph) => GraphOperation::AddRdfGraph {
            source: fields.optional_text()?,
            target: fields.optional_text()?,
        },
        _ => GraphOperation::Unknown {
            kind: number,
            payload: fields.take_rest(),
        },
    })
}
