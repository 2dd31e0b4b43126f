//! Changes, as the engine has them, in the words of `apograph-format`.

use std::borrow::Cow;

use apograph_format::change::{
    GraphChange, GraphOperation, GraphScope, RdfGraphs, RdfTerm, RdfTriple,
};
use apograph_format::{EdgeId, NodeId};
use grafeo_common::change::{DataOp, RdfGraphOp, StandaloneOp};
use grafeo_common::storage::log_record::{LogRecord, RdfGraphTarget, TermRecord, TripleRecord};

use crate::catalog::{catalog, catalog_key};
use crate::values::{properties, value};

/// What a record of the engine changes; `None` of the beginning of a group.
pub(crate) fn expected(record: &LogRecord) -> Option<GraphChange<'_>> {
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
