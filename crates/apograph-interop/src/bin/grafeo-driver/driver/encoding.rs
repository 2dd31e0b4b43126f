//! Engine values as JSON.
//!
//! Null, booleans, integers, short strings and lists are plain JSON. Every other type is an
//! object with one key that names it (`$float`, `$date`, ...), so that two values are equal
//! exactly when their encodings are.

use std::collections::BTreeMap;

use grafeo_common::types::{PropertyKey, Value};
use serde_json::{Value as Json, json};

const LONG_STRING_BYTES: usize = 1024;
const HEAD_CHARS: usize = 16;

/// The encoding of an engine value.
pub(super) fn from_engine(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int64(value) => json!(value),
        Value::Float64(value) => json!({ "$float": format!("{value:?}") }),
        Value::String(value) => string(value),
        Value::Bytes(value) => json!({ "$bytes": hex(value) }),
        Value::Timestamp(value) => json!({ "$timestamp": value.to_string() }),
        Value::Date(value) => json!({ "$date": value.to_string() }),
        Value::Time(value) => json!({ "$time": value.to_string() }),
        Value::Duration(value) => json!({ "$duration": value.to_string() }),
        Value::ZonedDatetime(value) => json!({ "$zoned": value.to_string() }),
        Value::List(values) => values.iter().map(from_engine).collect(),
        Value::Map(_) => json!({ "$map": properties(value) }),
        Value::Vector(values) => {
            json!({ "$vector": values.iter().map(|value| format!("{value:?}")).collect::<Json>() })
        }
        other => json!({ "$debug": format!("{other:?}") }),
    }
}

/// The engine value of plain JSON: null, booleans, numbers, strings, lists and maps.
pub(super) fn to_engine(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => Value::Int64(value),
            None => Value::Float64(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(value) => Value::String(value.as_str().into()),
        Json::Array(values) => Value::List(values.iter().map(to_engine).collect()),
        Json::Object(fields) => {
            let entry = |(key, value): (&String, &Json)| {
                (PropertyKey::from(key.as_str()), to_engine(value))
            };
            Value::Map(fields.iter().map(entry).collect::<BTreeMap<_, _>>().into())
        }
    }
}

/// A property map as a plain JSON object, without the `$map` around it.
pub(super) fn properties(map: &Value) -> Json {
    let entries = map.as_map().into_iter().flatten();
    entries
        .map(|(key, value)| (key.to_string(), from_engine(value)))
        .collect()
}

fn string(value: &str) -> Json {
    if value.len() <= LONG_STRING_BYTES {
        return json!(value);
    }
    json!({ "$long": {
        "bytes": value.len(),
        "crc32": crc32fast::hash(value.as_bytes()),
        "head": value.chars().take(HEAD_CHARS).collect::<String>(),
    } })
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
