//! What a record of generation 1 changes (FORMAT.md, "Log records").

use std::borrow::Cow;

use crate::bytes::length;
use crate::change::{GraphChange, GraphElement, GraphOperation, GraphScope, RdfTerm, RdfTriple};
use crate::error::Result;
use crate::fields::Fields;
use crate::numbers::{EdgeId, NodeId};
use crate::v1::record_kind::RecordKind;
use crate::v1::schema::SchemaChange;
use crate::v1::value::last_value;
use crate::v2;

const WHAT: &str = "log record";

/// Decodes the payload of a frame; `None` for a control record, which changes nothing (see
/// [`Record`](super::Record)).
///
/// # Errors
///
/// [`FormatError::Malformed`](crate::FormatError::Malformed) where its fields cannot be read;
/// [`FormatError::UnsupportedFeature`](crate::FormatError::UnsupportedFeature) where a record of
/// the betas of 0.6 holds one that is not known here.
#[inline]
pub fn decode_change(payload: &[u8]) -> Result<Option<GraphChange<'_>>> {
    let mut fields = Fields::of(WHAT, payload);
    let tag = fields.u8()?;
    let Some(kind) = RecordKind::from_tag(tag) else {
        let operation = GraphOperation::Unknown {
            kind: tag,
            payload: fields.rest(),
        };
        return Ok(Some(GraphChange {
            scope: GraphScope::Database,
            operation,
            extra_bytes: 0,
        }));
    };
    if kind.is_control() {
        return Ok(None);
    }
    if kind == RecordKind::Standalone {
        return standalone(&mut fields).map(Some);
    }
    let (scope, operation) = match SchemaChange::read(kind, &mut fields)? {
        Some(schema) => (
            GraphScope::Database,
            GraphOperation::Schema(Box::new(schema)),
        ),
        None => operation(kind, &mut fields)?,
    };
    Ok(Some(GraphChange {
        scope,
        operation,
        extra_bytes: length(fields.rest()),
    }))
}

/// The node or the edge that a payload is about, read from its first fields alone; `None` where it is
/// about neither, or they cannot be read.
#[inline]
pub fn element_of(payload: &[u8]) -> Option<GraphElement> {
    let mut fields = Fields::of(WHAT, payload);
    match RecordKind::from_tag(fields.u8().ok()?)? {
        RecordKind::CreateNode
        | RecordKind::DeleteNode
        | RecordKind::SetNodeProperty
        | RecordKind::RemoveNodeProperty
        | RecordKind::AddNodeLabel
        | RecordKind::RemoveNodeLabel => node(&mut fields).ok().map(GraphElement::Node),
        RecordKind::CreateEdge
        | RecordKind::DeleteEdge
        | RecordKind::SetEdgeProperty
        | RecordKind::RemoveEdgeProperty => edge(&mut fields).ok().map(GraphElement::Edge),
        RecordKind::Standalone => standalone(&mut fields).ok()?.operation.element(),
        _ => None,
    }
}

/// A record of generation 2 in one of generation 1.
fn standalone<'a>(fields: &mut Fields<'a>) -> Result<GraphChange<'a>> {
    let mut records = v2::Records::new(fields.bytes()?);
    match (records.next(), records.next()) {
        (Some(Ok(record)), None) => Ok(GraphChange {
            extra_bytes: length(fields.rest()),
            ..v2::decode_change(&record)?
        }),
        _ => Err(fields.malformed("not one record of generation 2 in it")),
    }
}

fn node(fields: &mut Fields<'_>) -> Result<NodeId> {
    fields.number().map(NodeId::new)
}

fn edge(fields: &mut Fields<'_>) -> Result<EdgeId> {
    fields.number().map(EdgeId::new)
}

fn triple<'a>(fields: &mut Fields<'a>) -> Result<RdfTriple<'a>> {
    let mut term = || fields.text().map(Cow::Borrowed).map(RdfTerm::NTriples);
    Ok(RdfTriple {
        subject: term()?,
        predicate: term()?,
        object: term()?,
    })
}

#[inline]
fn operation<'a>(
    kind: RecordKind,
    fields: &mut Fields<'a>,
) -> Result<(GraphScope<'a>, GraphOperation<'a>)> {
    let operation = match kind {
        RecordKind::CreateNode => GraphOperation::CreateNode {
            id: node(fields)?,
            labels: fields.texts()?,
            properties: Vec::new(),
        },
        RecordKind::DeleteNode => GraphOperation::DeleteNode { id: node(fields)? },
        RecordKind::CreateEdge => GraphOperation::CreateEdge {
            id: edge(fields)?,
            source: node(fields)?,
            target: node(fields)?,
            edge_type: fields.text()?,
            properties: Vec::new(),
        },
        RecordKind::DeleteEdge => GraphOperation::DeleteEdge { id: edge(fields)? },
        RecordKind::SetNodeProperty => GraphOperation::SetNodeProperty {
            id: node(fields)?,
            key: fields.text()?,
            value: last_value(fields)?,
        },
        RecordKind::SetEdgeProperty => GraphOperation::SetEdgeProperty {
            id: edge(fields)?,
            key: fields.text()?,
            value: last_value(fields)?,
        },
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
        _ => return of_graphs(kind, fields),
    };
    Ok((GraphScope::Switched, operation))
}

fn of_graphs<'a>(
    kind: RecordKind,
    fields: &mut Fields<'a>,
) -> Result<(GraphScope<'a>, GraphOperation<'a>)> {
    let operation = match kind {
        RecordKind::InsertRdfTriple => {
            let triple = GraphOperation::InsertTriple(Box::new(triple(fields)?));
            return Ok((fields.optional_text()?.into(), triple));
        }
        RecordKind::DeleteRdfTriple => {
            let triple = GraphOperation::DeleteTriple(Box::new(triple(fields)?));
            return Ok((fields.optional_text()?.into(), triple));
        }
        RecordKind::CreateNamedGraph => GraphOperation::CreateGraph {
            name: fields.text()?,
        },
        RecordKind::DropNamedGraph => GraphOperation::DropGraph {
            name: fields.text()?,
        },
        RecordKind::SwitchGraph => GraphOperation::SwitchGraph {
            name: fields.optional_text()?,
        },
        RecordKind::ClearRdfGraph => GraphOperation::ClearRdfGraph {
            graphs: fields.optional_text()?.into(),
        },
        RecordKind::CreateRdfGraph => GraphOperation::CreateRdfGraph {
            name: fields.text()?,
        },
        RecordKind::DropRdfGraph => GraphOperation::DropRdfGraph {
            graphs: fields.optional_text()?.into(),
        },
        _ => GraphOperation::Unknown {
            kind: kind as u8,
            payload: fields.take_rest(),
        },
    };
    Ok((GraphScope::Database, operation))
}
