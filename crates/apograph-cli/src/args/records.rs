//! Which records are sought, as the command line says it.

use apograph_format::change::{GraphElement, GraphOperation, GraphScope, PropertyValue};
use apograph_format::{EdgeId, Generation, NodeId, v1, v2};
use apograph_restore::SeenRecord;
use clap::Args;

use crate::failure::Failure;
use crate::values;

/// Which commits, by their records: all of it has to be true of one record.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// Leave out commits without a record of this kind, such as `delete_node`
    #[arg(long, value_name = "KIND", long_help = kind_help())]
    pub(crate) kind: Option<String>,
    /// Leave out commits without a record about this node
    ///
    /// An edge that begins or ends at the node is another matter: see --edge.
    #[arg(long, value_name = "ID", conflicts_with = "edge")]
    pub(crate) node: Option<NodeId>,
    /// Leave out commits without a record about this edge
    #[arg(long, value_name = "ID")]
    pub(crate) edge: Option<EdgeId>,
    /// Leave out commits without a record that names this label, or this type of an edge
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Option<String>,
    /// Leave out commits without a record about a property with this key
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Leave out commits without a record that sets a property to this value
    ///
    /// It is compared with the value as --records shows it, without the quotes around a text.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) value: Option<String>,
    /// Leave out commits without a record about this graph; an empty name is the default graph
    #[arg(long, value_name = "GRAPH")]
    pub(crate) graph: Option<String>,
}

impl RecordArgs {
    /// Whether records have to be looked at.
    pub(crate) const fn is_given(&self) -> bool {
        self.kind.is_some()
            || self.node.is_some()
            || self.edge.is_some()
            || self.label.is_some()
            || self.key.is_some()
            || self.value.is_some()
            || self.graph.is_some()
    }

    /// The node or the edge that the records are about.
    pub(crate) fn element(&self) -> Option<GraphElement> {
        let node = self.node.map(GraphElement::Node);
        node.or_else(|| self.edge.map(GraphElement::Edge))
    }

    /// Refuses a kind that no record of a repository can have.
    pub(crate) fn check_kind(&self, generations: &[Generation]) -> Result<(), Failure> {
        let Some(sought) = &self.kind else {
            return Ok(());
        };
        let mut known = generations.iter().flat_map(|it| kinds(*it));
        if known.any(|kind| kind == sought) || is_kind_of_later(sought, generations) {
            return Ok(());
        }
        let message = format!("no record in this repository can be of the kind `{sought}`");
        let known = generations.iter().map(|it| kinds_text(*it));
        Err(Failure::usage(&message).hinting(known.collect::<Vec<_>>().join("; ")))
    }

    /// Whether a record is one of those that are sought.
    pub(crate) fn wants(&self, seen: &SeenRecord<'_>) -> bool {
        if self
            .kind
            .as_ref()
            .is_some_and(|kind| seen.record.kind != *kind)
        {
            return false;
        }
        let asks_more = self.node.is_some()
            || self.edge.is_some()
            || self.label.is_some()
            || self.key.is_some()
            || self.value.is_some()
            || self.graph.is_some();
        match &seen.record.change {
            Ok(change) => {
                let operation = &change.operation;
                let element = self.element();
                (element.is_none() || operation.element() == element)
                    && self
                        .label
                        .as_ref()
                        .is_none_or(|it| has_label(operation, it))
                    && (self.key.is_none() && self.value.is_none() || self.has_property(operation))
                    && self
                        .graph
                        .as_ref()
                        .is_none_or(|it| is_about(seen.scope, operation, it))
            }
            Err(_) => !asks_more,
        }
    }

    fn has_property(&self, operation: &GraphOperation<'_>) -> bool {
        let is_key = |key: &str| self.key.as_ref().is_none_or(|it| it == key);
        let is_value = |value: &PropertyValue<'_>| {
            let sought = self.value.as_ref();
            sought.is_none_or(|sought| values::is(value, sought))
        };
        let mut properties = operation.properties();
        if properties.any(|(key, value)| is_key(key) && is_value(value)) {
            return true;
        }
        match operation {
            GraphOperation::RemoveNodeProperty { key, .. }
            | GraphOperation::RemoveEdgeProperty { key, .. } => is_key(key) && self.value.is_none(),
            _ => false,
        }
    }
}

/// The kinds of the records that a commit can have.
fn kinds(generation: Generation) -> Vec<&'static str> {
    match generation {
        Generation::One => {
            let kinds = v1::RecordKind::ALL.iter().filter(|kind| !kind.is_control());
            kinds.map(|kind| kind.name()).collect()
        }
        Generation::Two => {
            let begin = v2::RecordKind::GroupBegin;
            let kinds = v2::RecordKind::ALL.iter().filter(|kind| **kind != begin);
            kinds.map(|kind| kind.name()).collect()
        }
    }
}

/// A kind of a later release of generation 2 is named by its number.
fn is_kind_of_later(sought: &str, generations: &[Generation]) -> bool {
    let number = sought.strip_prefix("kind_").map(str::parse::<u8>);
    matches!(number, Some(Ok(_))) && generations.contains(&Generation::Two)
}

fn kinds_text(generation: Generation) -> String {
    let release = match generation {
        Generation::One => "0.5",
        Generation::Two => "0.6",
    };
    format!("Grafeo {release} has {}", kinds(generation).join(", "))
}

fn kind_help() -> String {
    let [one, two] = [Generation::One, Generation::Two].map(kinds_text);
    format!(
        "Leave out commits without a record of this kind, such as `delete_node`\n\n{one}.\n\n{two}."
    )
}

fn has_label(operation: &GraphOperation<'_>, sought: &str) -> bool {
    match operation {
        GraphOperation::CreateNode { labels, .. } => labels.contains(&sought),
        GraphOperation::CreateEdge { edge_type, .. } => *edge_type == sought,
        GraphOperation::AddNodeLabel { label, .. }
        | GraphOperation::RemoveNodeLabel { label, .. } => *label == sought,
        _ => false,
    }
}

fn is_about(scope: GraphScope<'_>, operation: &GraphOperation<'_>, sought: &str) -> bool {
    match scope {
        GraphScope::Named(name) => name == sought,
        GraphScope::Default | GraphScope::Switched => sought.is_empty(),
        GraphScope::Database => match operation {
            GraphOperation::CreateGraph { name }
            | GraphOperation::DropGraph { name }
            | GraphOperation::CreateRdfGraph { name } => *name == sought,
            _ => false,
        },
    }
}
