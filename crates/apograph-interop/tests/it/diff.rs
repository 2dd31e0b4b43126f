//! What `apograph diff` says, made of the content of the earlier state, is that of the later one.

use std::collections::BTreeMap;
use std::path::Path;

use apograph_interop::EngineGeneration;
use serde_json::{Map, Value, json};

use crate::command::{apograph, restorable, restore};
use crate::fixtures;

for_each_generation!(what_differs_between_two_states_makes_one_of_the_other);

/// Pairs of each chain that do not lie side by side.
const RANDOM_PAIRS: usize = 25;
/// The shortest text that a content has by its checksum.
const LONG_TEXT_BYTES: usize = 1024;

/// A state by its timeline, its epoch, and its last further commit where that is named.
type Name = (u64, u64, Option<u64>);

fn text_of((timeline, epoch, further): Name) -> String {
    let further = further.map_or(String::new(), |further| format!("+{further}"));
    format!("{timeline}:{epoch}{further}")
}

/// The state after each commit that the log has, in epochs of several.
fn commits(repository: &Path) -> Vec<Name> {
    let log = apograph(["log", repository.to_str().unwrap()]).ok();
    let commits = log["commits"].as_array().unwrap().iter();
    let names = commits.filter_map(|commit| {
        let (point, further) = commit["point"].as_str()?.split_once('+')?;
        let (timeline, epoch) = point.split_once(':')?;
        Some((
            timeline.parse().ok()?,
            epoch.parse().ok()?,
            further.parse().ok(),
        ))
    });
    let names: Vec<Name> = names.collect();
    // Where an epoch has one commit its state is that of the epoch.
    let has_further = |name: &Name| {
        let mut further = names.iter().filter(|it| it.2 > Some(0));
        further.any(|it| (it.0, it.1) == (name.0, name.1))
    };
    names.iter().copied().filter(has_further).collect()
}

/// The states of a chain, as the engine shows them, in their order.
fn states(repository: &Path, generation: EngineGeneration) -> Vec<(Name, Value)> {
    let scratch = tempfile::tempdir().unwrap();
    let mut engine = fixtures::engine(generation);
    let points = restorable(repository).into_iter();
    let points = points.map(|(timeline, epoch)| (timeline, epoch, None));
    // A commit in the epoch of a full backup that holds more of it is no state that can be restored.
    let mut names: Vec<Name> = points.chain(commits(repository)).collect();
    names
        .sort_by_key(|(timeline, epoch, further)| (*timeline, *epoch, further.unwrap_or(u64::MAX)));
    let states = names.into_iter().filter_map(|name| {
        let output = scratch.path().join(format!("{}.grafeo", text_of(name)));
        let outcome = restore(repository, &output, &["--epoch", &text_of(name)]);
        assert!(outcome.exit == 0 || name.2.is_some(), "{}", outcome.json);
        (outcome.exit == 0).then(|| (name, engine.dump(&output).unwrap().content))
    });
    states.collect()
}

/// A value of the command as a content has it.
fn value(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > LONG_TEXT_BYTES => json!({ "$long": {
            "bytes": text.len(),
            "crc32": crc32fast::hash(text.as_bytes()),
            "head": text.chars().take(16).collect::<String>(),
        } }),
        Value::Number(number) if number.is_f64() => {
            json!({ "$float": format!("{:?}", number.as_f64().unwrap()) })
        }
        Value::Array(values) => values.iter().map(self::value).collect(),
        Value::Object(object) => {
            let it = &object["value"];
            match object["type"].as_str().unwrap() {
                "map" => json!({ "$map": properties(it) }),
                "float64" => json!({ "$float": it }),
                "zoned_datetime" => json!({ "$zoned": it }),
                "decimal" => json!({ "$debug": format!("Decimal({})", it.as_str().unwrap()) }),
                "timestamp" => {
                    // The engine always shows six digits of the second.
                    let time = it.as_str().unwrap().trim_end_matches('Z');
                    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
                    json!({ "$timestamp": format!("{time}.{fraction:0<6}Z") })
                }
                "vector" => {
                    #[expect(clippy::cast_possible_truncation, reason = "it was an f32")]
                    let component = |it: &Value| format!("{:?}", it.as_f64().unwrap() as f32);
                    let components = it.as_array().unwrap().iter();
                    json!({ "$vector": components.map(component).collect::<Vec<_>>() })
                }
                name => json!({ format!("${name}"): it }),
            }
        }
        plain => plain.clone(),
    }
}

fn properties(of: &Value) -> Value {
    let properties = of.as_object().into_iter().flatten();
    let properties = properties.map(|(key, it)| (key.clone(), value(it)));
    Value::Object(properties.collect())
}

/// The list of the nodes or the edges of a graph, with what a diff says of them.
fn change_list(list: &mut Vec<Value>, changes: &Value, kind: &str) {
    for change in changes.as_array().unwrap() {
        let id = &change[kind];
        let position = list.iter().position(|it| it["id"] == *id);
        let said = change["change"].as_str().unwrap();
        if said != "created" {
            let position = position.unwrap_or_else(|| panic!("there is no {kind} {id}: {change}"));
            if said == "changed" {
                change_one(&mut list[position], change);
            } else {
                list.remove(position);
            }
        }
        if matches!(said, "created" | "replaced") {
            let mut created = json!({"id": id, "props": properties(&change["properties"])});
            if kind == "node" {
                created["labels"] = sorted(change["labels"].as_array().unwrap().clone());
            } else {
                created["src"] = change["from"].clone();
                created["dst"] = change["to"].clone();
                created["type"] = change["label"].clone();
            }
            list.push(created);
        }
    }
    list.sort_by_key(|item| item["id"].as_i64());
}

fn change_one(item: &mut Value, change: &Value) {
    let props = item["props"].as_object_mut().unwrap();
    // What the log tells of what was there has to be what was there.
    for (key, before) in change["before"].as_object().into_iter().flatten() {
        assert_eq!(props.get(key), Some(&value(before)), "{change}");
    }
    for key in change["properties_removed"]
        .as_array()
        .into_iter()
        .flatten()
    {
        props.remove(key.as_str().unwrap());
    }
    for (key, it) in change["properties"].as_object().into_iter().flatten() {
        props.insert(key.clone(), value(it));
    }
    let Some(labels) = item.get_mut("labels").and_then(Value::as_array_mut) else {
        return;
    };
    let lost = change["labels_removed"].as_array().into_iter().flatten();
    for lost in lost {
        labels.retain(|label| label != lost);
    }
    labels.extend(
        change["labels_added"]
            .as_array()
            .into_iter()
            .flatten()
            .cloned(),
    );
    labels.sort_by_cached_key(Value::to_string);
}

fn sorted(mut values: Vec<Value>) -> Value {
    values.sort_by_cached_key(Value::to_string);
    values.into()
}

/// Nodes and edges of a content, by graph: the default graph has no name.
fn graphs(content: &Value) -> BTreeMap<Option<String>, Value> {
    let of = |graph: &Value| json!({"nodes": graph["nodes"], "edges": graph["edges"]});
    let named = content["graphs"].as_object().into_iter().flatten();
    let named = named.map(|(name, graph)| (Some(name.clone()), of(graph)));
    named.chain([(None, of(content))]).collect()
}

fn applied(before: &Value, diff: &Value) -> BTreeMap<Option<String>, Value> {
    let mut graphs = graphs(before);
    for changes in diff["graphs"].as_array().unwrap() {
        let name = changes["graph"].as_str().map(str::to_owned);
        if matches!(changes["change"].as_str(), Some("deleted" | "replaced")) {
            assert!(
                graphs.remove(&name).is_some(),
                "there is no graph: {changes}"
            );
        }
        if changes["change"] == "deleted" {
            continue;
        }
        if changes["change"] != "changed" {
            graphs.insert(name.clone(), json!({"nodes": [], "edges": []}));
        }
        let graph: &mut Map<_, _> = graphs
            .get_mut(&name)
            .and_then(Value::as_object_mut)
            .unwrap_or_else(|| panic!("there is no graph: {changes}"));
        for (list, kind) in [("nodes", "node"), ("edges", "edge")] {
            let list_of = graph[list].as_array_mut().unwrap();
            change_list(list_of, &changes[list], kind);
        }
    }
    graphs
}

fn what_differs_between_two_states_makes_one_of_the_other(generation: EngineGeneration) {
    let (mut pairs, mut unconnected, mut with_old) = (0, 0, 0);
    for dir in fixtures::all(generation) {
        let repository = dir.join("backup");
        if !repository.join("backup_manifest.json").exists() {
            continue;
        }
        let states = states(&repository, generation);
        let mut random = fastrand::Rng::with_seed(17);
        let mut chosen: Vec<_> = (1..states.len()).map(|later| [later - 1, later]).collect();
        for _ in 0..RANDOM_PAIRS.min(states.len() * states.len() / 2) {
            let mut pair = [random.usize(..states.len()), random.usize(..states.len())];
            pair.sort_unstable();
            chosen.push(pair);
        }
        for pair in chosen {
            let [(from, before), (to, after)] = pair.map(|index| &states[index]);
            let (from, to) = (text_of(*from), text_of(*to));
            let repo = repository.to_str().unwrap();
            let outcome = apograph(["diff", repo, &from, &to]);
            if outcome.exit != 0 {
                assert_eq!(outcome.code(), "target-not-covered", "{repo}");
                unconnected += 1;
                continue;
            }
            let diff = outcome.ok();
            assert_eq!(diff["complete"], json!(true), "{repo}: {diff}");
            let found = applied(before, &diff);
            let expected = graphs(after);
            assert_eq!(found, expected, "{repo} {from} {to}: {diff}");
            pairs += 1;
            with_old += usize::from(diff.to_string().contains("\"before\""));
        }
    }
    println!("{pairs} pairs, {with_old} with old values; {unconnected} are not connected");
    assert!(pairs > 500 && with_old > 0);
}
