//! Which triples are there after some changes of RDF graphs, and which are not.
//!
//! A graph can be cleared, dropped, copied, moved or added to another as a whole, and the log does
//! not say what was in it before. So of each graph there are two things: what all its triples come
//! from, and those that the log names since. The changes of whole graphs, in their order, and after
//! them the triples that are kept here, make the later state of the earlier one.

use std::collections::{BTreeMap, BTreeSet};

use apograph_format::change::{GraphOperation, GraphScope, RdfGraphs, RdfTriple};

type GraphName = Option<String>;

/// What changes of RDF graphs come to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TripleChanges {
    graphs: BTreeMap<GraphName, RdfGraph>,
    /// Whether all named graphs were dropped: those that are not among `graphs` are empty.
    named_were_dropped: bool,
    is_unknown: bool,
}

/// What is known of the triples in a graph.
#[derive(Debug, Clone, PartialEq, Default)]
struct RdfGraph {
    /// Whether it has those alone that are named.
    is_empty_else: bool,
    /// Triples that the log names, and whether the graph has them.
    named: BTreeMap<RdfTriple<'static>, bool>,
}

impl TripleChanges {
    /// Adds the next change; tells whether it is kept here, and is to be told nowhere else.
    pub(crate) fn add(&mut self, scope: GraphScope<'_>, operation: &GraphOperation<'_>) -> bool {
        let graph = match scope {
            GraphScope::Named(name) => Some(name),
            _ => None,
        };
        match operation {
            GraphOperation::InsertTriple(triple) => {
                self.graph(graph).set(triple.clone().into_owned(), true);
            }
            GraphOperation::DeleteTriple(triple) => {
                self.graph(graph).set(triple.clone().into_owned(), false);
            }
            other => {
                self.add_whole(other);
                return false;
            }
        }
        true
    }

    fn add_whole(&mut self, operation: &GraphOperation<'_>) {
        match operation {
            // So generation 1 logs a clear of all graphs. Its engine clears them, and does not when
            // it replays the record: what a state has depends on the image that it is made of.
            GraphOperation::ClearRdfGraph {
                graphs: RdfGraphs::Named(""),
            } => self.is_unknown = true,
            GraphOperation::DropRdfGraph { graphs } | GraphOperation::ClearRdfGraph { graphs } => {
                self.clear(*graphs);
            }
            GraphOperation::CopyRdfGraph { source, target } if source != target => {
                *self.graph(*target) = self.graph(*source).clone();
            }
            GraphOperation::MoveRdfGraph { source, target } if source != target => {
                *self.graph(*target) = self.graph(*source).clone();
                self.graph(*source).clear();
            }
            GraphOperation::AddRdfGraph { source, target } if source != target => {
                let source = self.graph(*source).clone();
                let is_known = self.graph(*target).add(&source);
                self.is_unknown |= !is_known;
            }
            _ => {}
        }
    }

    fn clear(&mut self, graphs: RdfGraphs<'_>) {
        if matches!(graphs, RdfGraphs::AllNamed | RdfGraphs::All) {
            self.named_were_dropped = true;
            for (_, graph) in self.graphs.iter_mut().filter(|(name, _)| name.is_some()) {
                graph.clear();
            }
        }
        match graphs {
            RdfGraphs::Default | RdfGraphs::All => self.graph(None).clear(),
            RdfGraphs::Named(name) => self.graph(Some(name)).clear(),
            RdfGraphs::AllNamed => {}
        }
    }

    fn graph(&mut self, name: Option<&str>) -> &mut RdfGraph {
        let is_empty_else = self.named_were_dropped && name.is_some();
        let graph = self.graphs.entry(name.map(str::to_owned));
        graph.or_insert_with(|| RdfGraph {
            is_empty_else,
            ..RdfGraph::default()
        })
    }

    /// Whether something about triples cannot be known.
    pub(crate) const fn is_unknown(&self) -> bool {
        self.is_unknown
    }

    /// The triples that are named, by graph, and whether each is there.
    pub(crate) fn into_triples(self) -> BTreeMap<(GraphName, RdfTriple<'static>), bool> {
        let graphs = self.graphs.into_iter();
        let triples = graphs.flat_map(|(name, graph)| {
            let named = graph.named.into_iter();
            named.map(move |(triple, is_there)| ((name.clone(), triple), is_there))
        });
        triples.collect()
    }
}

impl RdfGraph {
    fn set(&mut self, triple: RdfTriple<'static>, is_there: bool) {
        if is_there || !self.is_empty_else {
            self.named.insert(triple, is_there);
        } else {
            self.named.remove(&triple);
        }
    }

    fn clear(&mut self) {
        self.is_empty_else = true;
        self.named.clear();
    }

    /// Whether it has a triple, where that is known.
    fn has(&self, triple: &RdfTriple<'static>) -> Option<bool> {
        let named = self.named.get(triple).copied();
        named.or_else(|| self.is_empty_else.then_some(false))
    }

    /// Adds the triples of another; tells whether it is known of each that is named if it is there
    /// now.
    fn add(&mut self, other: &Self) -> bool {
        let named: BTreeSet<_> = self.named.keys().chain(other.named.keys()).collect();
        let named = named.into_iter().map(|triple| {
            let is_there = match (self.has(triple), other.has(triple)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
            (triple.clone(), is_there)
        });
        let named: Vec<_> = named.collect();
        self.is_empty_else &= other.is_empty_else;
        self.named.clear();
        let mut is_known = true;
        for (triple, is_there) in named {
            match is_there {
                Some(is_there) => self.set(triple, is_there),
                None => is_known = false,
            }
        }
        is_known
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use apograph_format::change::RdfTerm;

    use super::*;

    fn triple(name: &str) -> RdfTriple<'static> {
        let iri = |text: &str| RdfTerm::Iri(Cow::Owned(text.to_owned()));
        RdfTriple {
            subject: iri(name),
            predicate: iri("is"),
            object: iri("there"),
        }
    }

    fn graph(name: &str) -> Option<&str> {
        (name != "-").then_some(name)
    }

    /// Does what is said, such as `insert t g`; the default graph is `-`.
    fn add(changes: &mut TripleChanges, said: &str) {
        let words: Vec<_> = said.split(' ').collect();
        let (scope, operation) = match words[..] {
            ["insert", it, name] => {
                let triple = Box::new(triple(it));
                (graph(name).into(), GraphOperation::InsertTriple(triple))
            }
            ["delete", it, name] => {
                let triple = Box::new(triple(it));
                (graph(name).into(), GraphOperation::DeleteTriple(triple))
            }
            [what, from, to] => {
                let (source, target) = (graph(from), graph(to));
                let operation = match what {
                    "copy" => GraphOperation::CopyRdfGraph { source, target },
                    "move" => GraphOperation::MoveRdfGraph { source, target },
                    _ => GraphOperation::AddRdfGraph { source, target },
                };
                (GraphScope::Database, operation)
            }
            [what, name] => {
                let graphs = match name {
                    "all" => RdfGraphs::All,
                    "all-named" => RdfGraphs::AllNamed,
                    "nameless" => RdfGraphs::Named(""),
                    name => graph(name).into(),
                };
                let operation = match what {
                    "clear" => GraphOperation::ClearRdfGraph { graphs },
                    _ => GraphOperation::DropRdfGraph { graphs },
                };
                (GraphScope::Database, operation)
            }
            _ => panic!("{said}"),
        };
        changes.add(scope, &operation);
    }

    #[test]
    fn triples_are_as_the_changes_of_whole_graphs_leave_them() {
        // What is done, and what comes of it; nothing where it cannot be known.
        let rows: [(&[&str], Option<&[&str]>); 25] = [
            (&["insert t -", "clear -"], Some(&[])),
            (&["clear -", "insert t -"], Some(&["+t -"])),
            (&["insert t -", "drop -"], Some(&[])),
            (&["insert t g", "clear g", "insert u g"], Some(&["+u g"])),
            (&["insert t g", "clear -"], Some(&["+t g"])),
            (&["insert t -", "clear g"], Some(&["+t -"])),
            (&["insert t -", "insert u g", "clear all"], Some(&[])),
            (
                &["insert t -", "insert u g", "drop all-named"],
                Some(&["+t -"]),
            ),
            (
                &["clear all", "insert t h", "delete u h", "delete v -"],
                Some(&["+t h"]),
            ),
            (&["delete t -", "clear -"], Some(&[])),
            (&["clear -", "delete t -"], Some(&[])),
            (&["delete t -", "insert t -"], Some(&["+t -"])),
            (&["insert t -", "delete t -"], Some(&["-t -"])),
            (&["insert t -", "clear nameless"], None),
            (&["insert t g", "drop nameless"], Some(&["+t g"])),
            (
                &["insert t -", "copy - g", "insert u -", "delete v g"],
                Some(&["+t -", "+u -", "+t g", "-v g"]),
            ),
            (&["insert t g", "copy - g"], Some(&[])),
            (&["insert t -", "copy - -"], Some(&["+t -"])),
            (
                &["insert t -", "delete u -", "move - g"],
                Some(&["+t g", "-u g"]),
            ),
            (
                &["insert t -", "move - g", "delete t -", "insert u -"],
                Some(&["+u -", "+t g"]),
            ),
            (
                &["insert t -", "insert u g", "add - g"],
                Some(&["+t -", "+t g", "+u g"]),
            ),
            (&["delete t -", "add - g"], None),
            (
                &["delete t -", "delete t g", "add - g"],
                Some(&["-t -", "-t g"]),
            ),
            (
                &["delete t -", "clear g", "add - g"],
                Some(&["-t -", "-t g"]),
            ),
            (&["delete t g", "clear -", "add - g"], Some(&["-t g"])),
        ];
        for (done, expected) in rows {
            let mut changes = TripleChanges::default();
            for said in done {
                add(&mut changes, said);
            }
            let is_known = !changes.is_unknown();
            let triples = changes.into_triples().into_iter();
            let triples: Vec<_> = triples
                .map(|((name, triple), is_there)| {
                    let sign = if is_there { '+' } else { '-' };
                    let RdfTerm::Iri(subject) = triple.subject else {
                        panic!("{triple}")
                    };
                    format!("{sign}{subject} {}", name.as_deref().unwrap_or("-"))
                })
                .collect();
            let found = is_known.then_some(triples);
            let expected = expected.map(|it| it.iter().map(ToString::to_string).collect());
            assert_eq!(found, expected, "{done:?}");
        }
    }
}
