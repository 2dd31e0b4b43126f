//! The engine's own driver as a client: releases of the engine for which there is no wheel.

use serde_json::{Value, json};

/// What the driver is asked where a client gets these words, one after the other. It knows one
/// feature, `queries`.
pub(super) fn requests(words: &Value) -> Vec<Value> {
    match words["do"].as_str().unwrap_or_default() {
        "open" => {
            let options = json!({"keep_history": false});
            vec![json!({"do": "open", "path": words["path"], "options": options})]
        }
        "step" => vec![run(&step(words["number"].as_u64().unwrap_or_default()))],
        "dump" => vec![json!({"do": "epoch"}), json!({"do": "content"})],
        _ => vec![words.clone()],
    }
}

/// What the client answers where the driver answered these.
pub(super) fn answer(words: &Value, replies: &[Value]) -> Value {
    match replies {
        [epoch, content] if words["do"] == "dump" => json!({"epoch": epoch, "held": content}),
        _ => Value::Null,
    }
}

fn run(statement: &str) -> Value {
    json!({"do": "run", "op": statement})
}

fn step(number: u64) -> String {
    match number % 4 {
        0 => format!("INSERT (:P {{k: {number}, name: 'n{number}'}})"),
        1 => format!("INSERT (:P {{k: {number}}})-[:F]->(:S {{k: {number}}})"),
        2 => format!("MATCH (a:P) SET a.n = {number}"),
        _ => format!("MATCH (a:S {{k: {}}}) DETACH DELETE a", number - 2),
    }
}
