//! What `apograph diff` says, made of the content of the earlier state.

use serde_json::{Map, Value, json};

/// The longest text that a content has as it is.
const LONG_TEXT_BYTES: usize = 1024;
const HEAD_CHARS: usize = 16;

/// Nodes and edges of a content, in all graphs.
pub fn graphs(content: &Value) -> Value {
    let of = |graph: &Value| json!({"nodes": graph["nodes"], "edges": graph["edges"]});
    let named = content["graphs"].as_object().into_iter().flatten();
    let named: Map<_, _> = named
        .map(|(name, graph)| (name.clone(), of(graph)))
        .collect();
    let mut graphs = of(content);
    graphs["graphs"] = named.into();
    graphs
}

/// What becomes of a content by the changes of a difference, as [`graphs`] has it.
///
/// # Errors
///
/// What is said of something that is not there, or was something else.
pub fn applied(before: &Value, diff: &Value) -> Result<Value, String> {
    let mut whole = graphs(before);
    for changes in list(&diff["graphs"]) {
        let no_graph = || format!("there is no graph: {changes}");
        let said = text(&changes["change"]);
        let graph = match changes["graph"].as_str() {
            None => &mut whole,
            Some(name) => {
                let named = whole["graphs"].as_object_mut().ok_or_else(no_graph)?;
                if matches!(said, "deleted" | "replaced") {
                    named.remove(name).ok_or_else(no_graph)?;
                }
                if said == "deleted" {
                    continue;
                }
                if said != "changed" {
                    named.insert(name.to_owned(), json!({"nodes": [], "edges": []}));
                }
                named.get_mut(name).ok_or_else(no_graph)?
            }
        };
        for (of, kind) in [("nodes", "node"), ("edges", "edge")] {
            let items = graph[of].as_array_mut().ok_or_else(no_graph)?;
            for change in list(&changes[of]) {
                apply(items, change, kind)?;
            }
            items.sort_by_key(|item| item["id"].as_i64());
        }
    }
    Ok(whole)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Changes the list of the nodes or the edges of a graph.
fn apply(items: &mut Vec<Value>, change: &Value, kind: &str) -> Result<(), String> {
    let (id, said) = (&change[kind], text(&change["change"]));
    let position = items.iter().position(|it| it["id"] == *id);
    match (said, position) {
        ("created", None) => {}
        ("changed", Some(position)) => change_one(&mut items[position], change)?,
        ("deleted" | "replaced", Some(position)) => drop(items.remove(position)),
        _ => return Err(format!("it is otherwise: {change}")),
    }
    if matches!(said, "created" | "replaced") {
        let mut created = json!({"id": id, "props": properties(&change["properties"])});
        if kind == "node" {
            created["labels"] = sorted(list(&change["labels"]).cloned().collect());
        } else {
            created["src"] = change["from"].clone();
            created["dst"] = change["to"].clone();
            created["type"] = change["label"].clone();
        }
        items.push(created);
    }
    Ok(())
}

fn change_one(item: &mut Value, change: &Value) -> Result<(), String> {
    let props = item["props"].as_object_mut().ok_or("no properties")?;
    // What the log tells of what was there has to be what was there.
    for (key, before) in change["before"].as_object().into_iter().flatten() {
        if props.get(key) != Some(&value(before)) {
            return Err(format!("{key} was {:?}: {change}", props.get(key)));
        }
    }
    for key in list(&change["properties_removed"]) {
        props.remove(text(key));
    }
    for (key, it) in change["properties"].as_object().into_iter().flatten() {
        props.insert(key.clone(), value(it));
    }
    if let Some(labels) = item.get_mut("labels").and_then(Value::as_array_mut) {
        for lost in list(&change["labels_removed"]) {
            labels.retain(|label| label != lost);
        }
        labels.extend(list(&change["labels_added"]).cloned());
        labels.sort_by_cached_key(Value::to_string);
    }
    Ok(())
}

fn sorted(mut values: Vec<Value>) -> Value {
    values.sort_by_cached_key(Value::to_string);
    values.into()
}

fn properties(of: &Value) -> Value {
    let properties = of.as_object().into_iter().flatten();
    let properties = properties.map(|(key, it)| (key.clone(), value(it)));
    Value::Object(properties.collect())
}

/// A value of the command as a content has it.
fn value(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > LONG_TEXT_BYTES => json!({ "$long": {
            "bytes": text.len(),
            "crc32": crc32fast::hash(text.as_bytes()),
            "head": text.chars().take(HEAD_CHARS).collect::<String>(),
        } }),
        Value::Number(number) if number.is_f64() => {
            json!({ "$float": format!("{:?}", number.as_f64().unwrap_or_default()) })
        }
        Value::Array(values) => values.iter().map(self::value).collect(),
        Value::Object(object) => typed(text(&object["type"]), &object["value"]),
        plain => plain.clone(),
    }
}

fn typed(name: &str, it: &Value) -> Value {
    match name {
        "map" => json!({ "$map": properties(it) }),
        "float64" => json!({ "$float": it }),
        "zoned_datetime" => json!({ "$zoned": it }),
        "decimal" => json!({ "$debug": format!("Decimal({})", text(it)) }),
        "timestamp" => {
            // The engine always shows six digits of the second.
            let time = text(it).trim_end_matches('Z');
            let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
            json!({ "$timestamp": format!("{time}.{fraction:0<6}Z") })
        }
        "vector" => {
            #[expect(clippy::cast_possible_truncation, reason = "it was an f32")]
            let component = |it: &Value| format!("{:?}", it.as_f64().unwrap_or_default() as f32);
            json!({ "$vector": list(it).map(component).collect::<Vec<_>>() })
        }
        name => json!({ format!("${name}"): it }),
    }
}
