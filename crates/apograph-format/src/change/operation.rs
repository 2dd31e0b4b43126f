//! What a record does.

use crate::change::term::{RdfGraphs, RdfTriple};
use crate::change::value::PropertyValue;
use crate::numbers::{EdgeId, NodeId};
use crate::v1::SchemaChange;
use crate::v2::{CatalogKey, CatalogRecord};

/// One record of a log, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphChange<'a> {
    /// The graph that it is made in.
    pub scope: GraphScope<'a>,
    /// What it does.
    pub operation: GraphOperation<'a>,
    /// Generation 1: how many bytes the record has after its last field. The engine passes over
    /// them.
    pub extra_bytes: u64,
}

/// The graph in which a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GraphScope<'a> {
    /// None: it is a change of the database.
    Database,
    /// The default graph.
    Default,
    /// The graph with this name.
    Named(&'a str),
    /// Generation 1: the graph to which the last [`GraphOperation::SwitchGraph`] switched; before the
    /// first, the default graph.
    Switched,
}

impl<'a> From<Option<&'a str>> for GraphScope<'a> {
    fn from(name: Option<&'a str>) -> Self {
        name.map_or(Self::Default, Self::Named)
    }
}

/// A node or an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GraphElement {
    /// The node with this id.
    Node(NodeId),
    /// The edge with this id.
    Edge(EdgeId),
}

/// A property with its value.
pub type Property<'a> = (&'a str, PropertyValue<'a>);

/// What a record does, by the engine's names.
///
/// What is large and rare is in a box: records are decoded by the million, and moved.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum GraphOperation<'a> {
    /// A node is created.
    CreateNode {
        /// Its id.
        id: NodeId,
        /// Its labels.
        labels: Vec<&'a str>,
        /// Generation 2: its properties. Generation 1 sets each by a record of its own.
        properties: Vec<Property<'a>>,
    },
    /// A node is deleted. Its edges are deleted by records of their own.
    DeleteNode {
        /// Its id.
        id: NodeId,
    },
    /// An edge is created.
    CreateEdge {
        /// Its id.
        id: EdgeId,
        /// The node that it leaves.
        source: NodeId,
        /// The node that it leads to.
        target: NodeId,
        /// Its type.
        edge_type: &'a str,
        /// Generation 2: its properties.
        properties: Vec<Property<'a>>,
    },
    /// An edge is deleted.
    DeleteEdge {
        /// Its id.
        id: EdgeId,
    },
    /// A property of a node gets a value.
    SetNodeProperty {
        /// The node.
        id: NodeId,
        /// The property.
        key: &'a str,
        /// The value.
        value: PropertyValue<'a>,
    },
    /// A property of an edge gets a value.
    SetEdgeProperty {
        /// The edge.
        id: EdgeId,
        /// The property.
        key: &'a str,
        /// The value.
        value: PropertyValue<'a>,
    },
    /// A node loses a property.
    RemoveNodeProperty {
        /// The node.
        id: NodeId,
        /// The property.
        key: &'a str,
    },
    /// An edge loses a property.
    RemoveEdgeProperty {
        /// The edge.
        id: EdgeId,
        /// The property.
        key: &'a str,
    },
    /// A node gets a label.
    AddNodeLabel {
        /// The node.
        id: NodeId,
        /// The label.
        label: &'a str,
    },
    /// A node loses a label.
    RemoveNodeLabel {
        /// The node.
        id: NodeId,
        /// The label.
        label: &'a str,
    },
    /// A graph is created.
    CreateGraph {
        /// Its name.
        name: &'a str,
    },
    /// A graph is dropped, with all that is in it.
    DropGraph {
        /// Its name.
        name: &'a str,
    },
    /// Generation 1: the records after this one are about another graph.
    SwitchGraph {
        /// Its name; `None` for the default graph.
        name: Option<&'a str>,
    },
    /// A triple is inserted.
    InsertTriple(Box<RdfTriple<'a>>),
    /// A triple is deleted.
    DeleteTriple(Box<RdfTriple<'a>>),
    /// An RDF graph is created.
    CreateRdfGraph {
        /// Its name.
        name: &'a str,
    },
    /// RDF graphs are dropped.
    DropRdfGraph {
        /// Which.
        graphs: RdfGraphs<'a>,
    },
    /// RDF graphs lose all their triples.
    ClearRdfGraph {
        /// Which.
        graphs: RdfGraphs<'a>,
    },
    /// Generation 2: an RDF graph becomes a copy of another.
    CopyRdfGraph {
        /// The other; `None` for the default graph.
        source: Option<&'a str>,
        /// The one that is changed.
        target: Option<&'a str>,
    },
    /// Generation 2: an RDF graph is moved to another.
    MoveRdfGraph {
        /// The one that is moved; `None` for the default graph.
        source: Option<&'a str>,
        /// Where to.
        target: Option<&'a str>,
    },
    /// Generation 2: the triples of an RDF graph are added to another.
    AddRdfGraph {
        /// The one whose triples are added; `None` for the default graph.
        source: Option<&'a str>,
        /// The one that is changed.
        target: Option<&'a str>,
    },
    /// Generation 1: the schema is changed.
    Schema(Box<SchemaChange<'a>>),
    /// Generation 2: an entry of the catalog gets this content.
    PutCatalog(Box<CatalogRecord<'a>>),
    /// Generation 2: an entry leaves the catalog.
    DropCatalog(CatalogKey<'a>),
    /// A record of a kind that is not known here.
    Unknown {
        /// The number of its kind.
        kind: u8,
        /// Its payload.
        payload: &'a [u8],
    },
}

impl<'a> GraphOperation<'a> {
    /// The node that it is about.
    pub const fn node(&self) -> Option<NodeId> {
        match self {
            Self::CreateNode { id, .. }
            | Self::DeleteNode { id }
            | Self::SetNodeProperty { id, .. }
            | Self::RemoveNodeProperty { id, .. }
            | Self::AddNodeLabel { id, .. }
            | Self::RemoveNodeLabel { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// The edge that it is about.
    pub const fn edge(&self) -> Option<EdgeId> {
        match self {
            Self::CreateEdge { id, .. }
            | Self::DeleteEdge { id }
            | Self::SetEdgeProperty { id, .. }
            | Self::RemoveEdgeProperty { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// The node or the edge that it is about.
    pub fn element(&self) -> Option<GraphElement> {
        let node = self.node().map(GraphElement::Node);
        node.or_else(|| self.edge().map(GraphElement::Edge))
    }

    /// The properties that it sets, with their values.
    pub fn properties(&self) -> impl Iterator<Item = (&'a str, &PropertyValue<'a>)> {
        let (many, one) = match self {
            Self::CreateNode { properties, .. } | Self::CreateEdge { properties, .. } => {
                (properties.as_slice(), None)
            }
            Self::SetNodeProperty { key, value, .. } | Self::SetEdgeProperty { key, value, .. } => {
                (&[][..], Some((*key, value)))
            }
            _ => (&[][..], None),
        };
        let many = many.iter().map(|(key, value)| (*key, value));
        one.into_iter().chain(many)
    }
}
