//! `apograph diff`

use std::collections::BTreeMap;
use std::fmt::Write as _;

use apograph_format::{EdgeId, NodeId};
use apograph_repository::{Lease, Repository};
use apograph_restore::{
    Difference, EdgeChanges, GraphChanges, NetChanges, NodeChanges, PropertyChange, difference,
    steps,
};
use serde_json::{Map, Value, json};

use crate::args::DiffOf;
use crate::failure::Failure;
use crate::session::{Report, Session};
use crate::{display, records, values};

/// The exit status with `--exit-code` where something is different.
const DIFFERS: u8 = 13;

/// A change that is no net effect on a node or an edge: for people, and for programs.
type Other = (String, Value);

pub(crate) fn run(session: &Session<'_>, asked: &DiffOf) -> Result<Report, Failure> {
    let location = asked.identity.open(&asked.repo)?;
    let lease = Lease::take(&location, session.context);
    let context = lease.context();
    let repository = lease.narrow(Repository::open(&location, context)?);
    let ends = (asked.from, asked.to);
    if asked.all {
        let (mut text, mut changes) = (String::new(), Vec::new());
        steps(&repository, ends, context, |at, seen| {
            let name = match at.exact {
                Some(exact) => repository.chain().commit_name(exact).to_string(),
                None => format!("{}+?", at.point),
            };
            let line = records::line(seen);
            let _ = writeln!(text, "{name:>10} {}", display::plain(&line));
            let mut change = records::object(seen);
            change["point"] = json!(at.exact.map(|exact| exact.to_string()));
            changes.push(change);
        })?;
        let differs = !changes.is_empty();
        let json = json!({
            "command": "diff",
            "from": display::point(Some(asked.from)),
            "to": display::point(asked.to),
            "differs": differs,
            "changes": changes,
        });
        return Ok(answer(asked, differs, text, json));
    }
    let found = difference(&repository, ends, context, |seen| {
        (records::line(seen), records::object(seen))
    })?;
    if found.has_unknown {
        let message = "some records cannot be decoded: what they change is not known";
        session.context.monitor.warn(message);
    }
    if found.has_unknown_triples {
        let message = "the log does not tell which triples are there afterwards: all changes of \
                       triples are shown in their order";
        session.context.monitor.warn(message);
    }
    let differs = !found.net.is_empty() || !found.others.is_empty();
    Ok(answer(
        asked,
        differs,
        text(&found),
        object(&found, differs),
    ))
}

fn answer(asked: &DiffOf, differs: bool, text: String, json: Value) -> Report {
    let text = if differs {
        text
    } else {
        "Nothing is different.\n".to_owned()
    };
    Report {
        exit: if differs && asked.exit_code {
            DIFFERS
        } else {
            0
        },
        ..Report::answer(text, json)
    }
}

fn object(found: &Difference<Other>, differs: bool) -> Value {
    let graphs = found.net.graphs.iter();
    let graphs: Vec<_> = graphs
        .map(|(name, it)| graph(name.as_deref(), it))
        .collect();
    let others: Vec<_> = found.others.iter().map(|(_, object)| object).collect();
    json!({
        "command": "diff",
        "from": found.from.to_string(),
        "to": found.to.to_string(),
        "commits": found.commits,
        "differs": differs,
        "graphs": graphs,
        "triples": triples(&found.net),
        "others": others,
        "complete": !found.has_unknown && !found.has_unknown_triples,
    })
}

fn graph(name: Option<&str>, it: &GraphChanges) -> Value {
    let nodes: Vec<_> = it.nodes.iter().map(|(id, it)| node(*id, it)).collect();
    let edges: Vec<_> = it.edges.iter().map(|(id, it)| edge(*id, it)).collect();
    json!({
        "graph": name,
        "change": change(it.was_dropped, it.was_created),
        "nodes": nodes,
        "edges": edges,
    })
}

const fn change(was_there: bool, is_new: bool) -> &'static str {
    match (was_there, is_new) {
        (true, true) => "replaced",
        (true, false) => "deleted",
        (false, true) => "created",
        (false, false) => "changed",
    }
}

fn node(id: NodeId, it: &NodeChanges) -> Value {
    let mut object = json!({
        "node": id.get(),
        "change": change(it.was_deleted, it.was_created),
    });
    let (got, lost) = (it.labels_that(true), it.labels_that(false));
    if it.was_created {
        object["labels"] = json!(got);
    } else {
        if !got.is_empty() {
            object["labels_added"] = json!(got);
        }
        if !lost.is_empty() {
            object["labels_removed"] = json!(lost);
        }
    }
    put_properties(&mut object, it.was_created, &it.properties);
    object
}

fn edge(id: EdgeId, it: &EdgeChanges) -> Value {
    let mut object = json!({
        "edge": id.get(),
        "change": change(it.was_deleted, it.created.is_some()),
    });
    if let Some((source, target, edge_type)) = &it.created {
        object["from"] = json!(source.get());
        object["to"] = json!(target.get());
        object["label"] = json!(edge_type);
    }
    put_properties(&mut object, it.created.is_some(), &it.properties);
    object
}

/// Of what is new the values; else each with the value before, where that is known.
fn put_properties(object: &mut Value, is_new: bool, properties: &BTreeMap<String, PropertyChange>) {
    if is_new {
        let set = properties.iter().filter_map(|(key, change)| {
            let value = change.new.as_ref()?;
            Some((key.clone(), values::object(value)))
        });
        object["properties"] = Value::Object(set.collect());
        return;
    }
    let (mut set, mut removed) = (Map::new(), Vec::new());
    let mut before = Map::new();
    for (key, change) in properties {
        match &change.new {
            Some(value) => drop(set.insert(key.clone(), values::object(value))),
            None => removed.push(key),
        }
        if let Some(old) = &change.old {
            before.insert(key.clone(), values::object(old));
        }
    }
    if !set.is_empty() {
        object["properties"] = Value::Object(set);
    }
    if !removed.is_empty() {
        object["properties_removed"] = json!(removed);
    }
    if !before.is_empty() {
        object["before"] = Value::Object(before);
    }
}

fn triples(net: &NetChanges) -> Vec<Value> {
    let triples = net.triples.iter().map(|((graph, triple), is_there)| {
        json!({
            "graph": graph,
            "change": if *is_there { "created" } else { "deleted" },
            "triple": [triple.subject.to_string(), triple.predicate.to_string(), triple.object.to_string()],
        })
    });
    triples.collect()
}

fn text(found: &Difference<Other>) -> String {
    let mut text = format!(
        "From {} to {}, {}:\n",
        found.from,
        found.to,
        display::count(found.commits, "commit")
    );
    let mut line = |line: String| {
        text.push_str(&display::plain(&line));
        text.push('\n');
    };
    for (name, graph) in &found.net.graphs {
        if let Some(name) = name {
            let sign = sign(graph.was_dropped, graph.was_created);
            line(format!("{sign} graph {name}"));
        }
        let indent = if name.is_some() { "  " } else { "" };
        for (id, node) in &graph.nodes {
            line(format!("{indent}{}", node_line(*id, node)));
        }
        for (id, edge) in &graph.edges {
            line(format!("{indent}{}", edge_line(*id, edge)));
        }
    }
    for (said, _) in &found.others {
        line(format!("! {said}"));
    }
    for ((graph, triple), is_there) in &found.net.triples {
        let sign = if *is_there { '+' } else { '-' };
        let graph = graph.as_ref().map(|name| format!("  in graph {name}"));
        line(format!("{sign} {triple}{}", graph.unwrap_or_default()));
    }
    text
}

const fn sign(was_there: bool, is_new: bool) -> &'static str {
    match (was_there, is_new) {
        (true, true) => "±",
        (true, false) => "-",
        (false, true) => "+",
        (false, false) => "~",
    }
}

fn node_line(id: NodeId, it: &NodeChanges) -> String {
    let mut line = format!("{} node {id}", sign(it.was_deleted, it.was_created));
    for (label, has_it) in &it.labels {
        let sign = match (it.was_created, has_it) {
            (true, _) => "",
            (false, true) => "+",
            (false, false) => "-",
        };
        let _ = write!(line, " {sign}:{label}");
    }
    put_changes(&mut line, &it.properties);
    line
}

fn edge_line(id: EdgeId, it: &EdgeChanges) -> String {
    let mut line = format!("{} edge {id}", sign(it.was_deleted, it.created.is_some()));
    if let Some((source, target, edge_type)) = &it.created {
        let _ = write!(line, " {source} -[:{edge_type}]-> {target}");
    }
    put_changes(&mut line, &it.properties);
    line
}

fn put_changes(line: &mut String, properties: &BTreeMap<String, PropertyChange>) {
    for (number, (key, change)) in properties.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let new = change.new.as_ref().map(records::value_text);
        let old = change.old.as_ref().map(records::value_text);
        let said = match (new, old) {
            (Some(new), Some(old)) => format!("{key} = {new} (was {old})"),
            (Some(new), None) => format!("{key} = {new}"),
            (None, Some(old)) => format!("{key} removed (was {old})"),
            (None, None) => format!("{key} removed"),
        };
        let _ = write!(line, "{comma} {said}");
    }
}
