//! The net effect of changes: what is there afterwards that was not there before, and the other way
//! round.

use std::collections::{BTreeMap, BTreeSet};

use apograph_format::change::{GraphOperation, GraphScope, PropertyValue, RdfTriple};
use apograph_format::{EdgeId, NodeId};

use crate::seen::SeenRecord;

/// What is different after some commits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NetChanges {
    /// The graphs in which something is different, by name; `None` is the default graph.
    pub graphs: BTreeMap<Option<String>, GraphChanges>,
    /// Triples that came and went, by graph: whether each is there afterwards. Those of a graph that
    /// was cleared or dropped are left out, but for those that came after that.
    pub triples: BTreeMap<(Option<String>, RdfTriple<'static>), bool>,
    /// Graphs that are not there at the moment, as far as that is known.
    absent: BTreeSet<String>,
}

/// What is different in a graph.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GraphChanges {
    /// Whether the graph that was there was dropped, with all that was in it.
    pub was_dropped: bool,
    /// Whether the graph was created.
    pub was_created: bool,
    /// The nodes that are different, or are there no more.
    pub nodes: BTreeMap<NodeId, NodeChanges>,
    /// The edges that are different, or are there no more.
    pub edges: BTreeMap<EdgeId, EdgeChanges>,
}

/// What is different about a node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeChanges {
    /// Whether the node that was there was deleted.
    pub was_deleted: bool,
    /// Whether the node was created.
    pub was_created: bool,
    /// Labels that it got, or lost.
    pub labels: BTreeMap<String, bool>,
    /// Its properties.
    pub properties: BTreeMap<String, PropertyChange>,
}

/// What is different about an edge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EdgeChanges {
    /// Whether the edge that was there was deleted.
    pub was_deleted: bool,
    /// Source, target and type of an edge that was created.
    pub created: Option<(NodeId, NodeId, String)>,
    /// Its properties.
    pub properties: BTreeMap<String, PropertyChange>,
}

/// What is different about a property.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PropertyChange {
    /// Its value afterwards; `None` where it has none any more.
    pub new: Option<PropertyValue<'static>>,
    /// Its value before, where the log before tells it.
    pub old: Option<PropertyValue<'static>>,
}

type Properties = BTreeMap<String, PropertyChange>;

fn set(properties: &mut Properties, key: &str, value: Option<&PropertyValue<'_>>) {
    let change = properties.entry(key.to_owned()).or_default();
    change.new = value.map(|value| value.clone().into_owned());
}

impl NetChanges {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.graphs.is_empty() && self.triples.is_empty()
    }

    /// Whether a change is one of those that [`add`](Self::add) keeps.
    pub(crate) const fn keeps(operation: &GraphOperation<'_>) -> bool {
        operation.node().is_some()
            || operation.edge().is_some()
            || matches!(
                operation,
                GraphOperation::CreateGraph { .. }
                    | GraphOperation::DropGraph { .. }
                    | GraphOperation::SwitchGraph { .. }
            )
    }

    /// Adds the next change, where it is one of those that are kept here.
    pub(crate) fn add(&mut self, scope: GraphScope<'_>, operation: &GraphOperation<'_>) {
        let graph = match scope {
            GraphScope::Named(name) => Some(name.to_owned()),
            _ => None,
        };
        match operation {
            GraphOperation::CreateGraph { name } => {
                self.absent.remove(*name);
                self.graphs
                    .entry(Some((*name).to_owned()))
                    .or_default()
                    .was_created = true;
            }
            GraphOperation::DropGraph { name } => {
                self.absent.insert((*name).to_owned());
                let name = Some((*name).to_owned());
                let before = self.graphs.remove(&name).unwrap_or_default();
                // One that was created since is as if it had never been.
                if before.was_dropped || !before.was_created {
                    let dropped = GraphChanges {
                        was_dropped: true,
                        ..GraphChanges::default()
                    };
                    self.graphs.insert(name, dropped);
                }
            }
            // The engine makes a graph where it switches to one that is not there.
            GraphOperation::SwitchGraph { name } => {
                if let Some(name) = name.filter(|name| self.absent.contains(*name)) {
                    self.add(scope, &GraphOperation::CreateGraph { name });
                }
            }
            of_entity if Self::keeps(of_entity) => {
                self.graphs.entry(graph).or_default().add(of_entity);
            }
            _ => {}
        }
    }

    /// Notes a value from before, of a property that is different.
    pub(crate) fn add_before(&mut self, seen: &SeenRecord<'_>) {
        let Ok(change) = &seen.record.change else {
            return;
        };
        let graph = match seen.scope {
            GraphScope::Named(name) => Some(name.to_owned()),
            _ => None,
        };
        match &change.operation {
            GraphOperation::DropGraph { name } => {
                if let Some(graph) = self.graphs.get_mut(&Some((*name).to_owned())) {
                    graph.forget_old();
                }
            }
            operation => {
                if let Some(graph) = self.graphs.get_mut(&graph) {
                    graph.add_before(operation);
                }
            }
        }
    }

    /// Leaves out what is as it was.
    pub(crate) fn tidy(&mut self) {
        let is_different =
            |_: &String, it: &mut PropertyChange| it.old.is_none() || it.old != it.new;
        self.graphs.retain(|_, graph| {
            graph.nodes.retain(|_, node| {
                if !node.was_created && !node.was_deleted {
                    node.properties.retain(is_different);
                }
                let is_as_it_was = node.labels.is_empty() && node.properties.is_empty();
                node.was_created || node.was_deleted || !is_as_it_was
            });
            graph.edges.retain(|_, edge| {
                if edge.created.is_none() && !edge.was_deleted {
                    edge.properties.retain(is_different);
                }
                edge.created.is_some() || edge.was_deleted || !edge.properties.is_empty()
            });
            let is_as_it_was = graph.nodes.is_empty() && graph.edges.is_empty();
            graph.was_created || graph.was_dropped || !is_as_it_was
        });
    }
}

impl GraphChanges {
    fn add(&mut self, operation: &GraphOperation<'_>) {
        match operation {
            GraphOperation::CreateNode {
                id,
                labels,
                properties,
            } => {
                let node = self.nodes.entry(*id).or_default();
                node.was_created = true;
                node.labels = labels.iter().map(|it| ((*it).to_owned(), true)).collect();
                node.properties.clear();
                for (key, value) in properties {
                    set(&mut node.properties, key, Some(value));
                }
            }
            GraphOperation::DeleteNode { id } => {
                let before = self.nodes.remove(id).unwrap_or_default();
                // One that was created since is as if it had never been.
                if before.was_deleted || !before.was_created {
                    let deleted = NodeChanges {
                        was_deleted: true,
                        ..NodeChanges::default()
                    };
                    self.nodes.insert(*id, deleted);
                }
            }
            GraphOperation::CreateEdge {
                id,
                source,
                target,
                edge_type,
                properties,
            } => {
                let edge = self.edges.entry(*id).or_default();
                edge.created = Some((*source, *target, (*edge_type).to_owned()));
                edge.properties.clear();
                for (key, value) in properties {
                    set(&mut edge.properties, key, Some(value));
                }
            }
            GraphOperation::DeleteEdge { id } => {
                let before = self.edges.remove(id).unwrap_or_default();
                if before.was_deleted || before.created.is_none() {
                    let deleted = EdgeChanges {
                        was_deleted: true,
                        ..EdgeChanges::default()
                    };
                    self.edges.insert(*id, deleted);
                }
            }
            GraphOperation::SetNodeProperty { id, key, value } => {
                set(
                    &mut self.nodes.entry(*id).or_default().properties,
                    key,
                    Some(value),
                );
            }
            GraphOperation::RemoveNodeProperty { id, key } => {
                let node = self.nodes.entry(*id).or_default();
                set(&mut node.properties, key, None);
            }
            GraphOperation::SetEdgeProperty { id, key, value } => {
                set(
                    &mut self.edges.entry(*id).or_default().properties,
                    key,
                    Some(value),
                );
            }
            GraphOperation::RemoveEdgeProperty { id, key } => {
                let edge = self.edges.entry(*id).or_default();
                set(&mut edge.properties, key, None);
            }
            GraphOperation::AddNodeLabel { id, label } => self.label(*id, label, true),
            GraphOperation::RemoveNodeLabel { id, label } => self.label(*id, label, false),
            _ => {}
        }
    }

    fn label(&mut self, id: NodeId, label: &str, has_it: bool) {
        let node = self.nodes.entry(id).or_default();
        node.labels.insert(label.to_owned(), has_it);
    }

    fn forget_old(&mut self) {
        let nodes = self.nodes.values_mut().map(|node| &mut node.properties);
        let edges = self.edges.values_mut().map(|edge| &mut edge.properties);
        for change in nodes.chain(edges).flat_map(BTreeMap::values_mut) {
            change.old = None;
        }
    }

    fn add_before(&mut self, operation: &GraphOperation<'_>) {
        let properties = match (operation.node(), operation.edge()) {
            (Some(id), _) => {
                let node = self.nodes.get_mut(&id).filter(|node| !node.was_created);
                node.map(|node| &mut node.properties)
            }
            (_, Some(id)) => {
                let edge = self
                    .edges
                    .get_mut(&id)
                    .filter(|edge| edge.created.is_none());
                edge.map(|edge| &mut edge.properties)
            }
            _ => None,
        };
        let Some(properties) = properties else {
            return;
        };
        match operation {
            GraphOperation::RemoveNodeProperty { key, .. }
            | GraphOperation::RemoveEdgeProperty { key, .. } => {
                if let Some(change) = properties.get_mut(*key) {
                    change.old = None;
                }
            }
            GraphOperation::CreateNode { .. }
            | GraphOperation::DeleteNode { .. }
            | GraphOperation::CreateEdge { .. }
            | GraphOperation::DeleteEdge { .. } => {
                for change in properties.values_mut() {
                    change.old = None;
                }
            }
            _ => {}
        }
        for (key, value) in operation.properties() {
            if let Some(change) = properties.get_mut(key) {
                change.old = Some(value.clone().into_owned());
            }
        }
    }
}

impl NodeChanges {
    /// The labels that it got, or those that it lost.
    pub fn labels_that(&self, it_has: bool) -> BTreeSet<&str> {
        let labels = self.labels.iter().filter(|(_, has_it)| **has_it == it_has);
        labels.map(|(label, _)| label.as_str()).collect()
    }
}
