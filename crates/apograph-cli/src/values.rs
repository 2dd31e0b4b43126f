//! Values of properties, for people and for programs.
//!
//! What JSON has is JSON. All else is an object with `type` and `value`, a map too: so none is taken
//! for another.

use std::borrow::Cow;
use std::fmt::Write;

use apograph_format::change::PropertyValue;
use serde_json::{Map, Value, json};

/// A value as JSON.
pub(crate) fn object(value: &PropertyValue<'_>) -> Value {
    match value {
        PropertyValue::Null => Value::Null,
        PropertyValue::Bool(value) => json!(value),
        PropertyValue::Int64(value) => json!(value),
        PropertyValue::Float64(value) if value.is_finite() => json!(value),
        PropertyValue::String(value) => json!(value),
        PropertyValue::List(values) => values.iter().map(object).collect(),
        PropertyValue::Map(entries) => {
            let entries = entries.iter();
            let entries: Map<_, _> = entries
                .map(|(key, value)| (key.to_string(), object(value)))
                .collect();
            typed("map", entries)
        }
        PropertyValue::Vector(vector) => {
            typed("vector", vector.components().map(float).collect::<Vec<_>>())
        }
        PropertyValue::Path { nodes, edges } => {
            let list = |values: &[PropertyValue<'_>]| values.iter().map(object).collect::<Value>();
            typed("path", vec![list(nodes), list(edges)])
        }
        PropertyValue::GCounter(counts) => typed("g_counter", counts_of(counts)),
        PropertyValue::OnCounter { pos, neg } => {
            typed("on_counter", vec![counts_of(pos), counts_of(neg)])
        }
        other => {
            let (name, text) = scalar(other);
            typed(name, text)
        }
    }
}

fn typed(name: &str, value: impl Into<Value>) -> Value {
    json!({"type": name, "value": value.into()})
}

fn float(component: f32) -> Value {
    let value = f64::from(component);
    if value.is_finite() {
        json!(value)
    } else {
        json!(value.to_string())
    }
}

fn counts_of(counts: &[(Cow<'_, str>, u64)]) -> Value {
    let counts = counts.iter();
    let counts: Map<_, _> = counts
        .map(|(replica, count)| (replica.to_string(), json!(count)))
        .collect();
    Value::Object(counts)
}

/// The type of a value that JSON has not, and the value as text.
fn scalar(value: &PropertyValue<'_>) -> (&'static str, String) {
    match value {
        PropertyValue::Float64(value) => ("float64", value.to_string()),
        PropertyValue::Bytes(bytes) => ("bytes", hexadecimal(bytes)),
        PropertyValue::Timestamp(micros) => ("timestamp", instant(*micros)),
        PropertyValue::Date(days) => ("date", date(*days)),
        PropertyValue::Time { nanos, offset } => {
            let offset = offset.map(offset_text).unwrap_or_default();
            ("time", format!("{}{offset}", time(*nanos)))
        }
        PropertyValue::Duration {
            months,
            days,
            nanos,
        } => ("duration", duration(*months, *days, *nanos)),
        PropertyValue::ZonedDatetime { micros, offset } => {
            let shifted = micros.saturating_add(i64::from(*offset).saturating_mul(1_000_000));
            let local = instant(shifted);
            let local = local.trim_end_matches('Z');
            ("zoned_datetime", format!("{local}{}", offset_text(*offset)))
        }
        PropertyValue::Decimal(decimal) => ("decimal", decimal.to_string()),
        PropertyValue::RdfTerm(term) => ("rdf_term", term.to_string()),
        PropertyValue::Undecoded(bytes) => ("undecoded", hexadecimal(bytes)),
        _ => ("unknown", String::new()),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// RFC 3339 with microseconds where there are any; the number outside of the years that has.
fn instant(micros: i64) -> String {
    match jiff::Timestamp::from_microsecond(micros) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{micros}us"),
    }
}

fn date(days: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    let span = jiff::Span::new().try_days(days);
    match span.and_then(|span| epoch.checked_add(span)) {
        Ok(date) => date.to_string(),
        Err(_) => format!("{days}d"),
    }
}

fn time(nanos: u64) -> String {
    const NANOS: u64 = 1_000_000_000;
    let (seconds, rest) = (nanos / NANOS, nanos % NANOS);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let fraction = match rest {
        0 => String::new(),
        rest => format!(".{rest:09}").trim_end_matches('0').to_owned(),
    };
    format!("{hours:02}:{minutes:02}:{:02}{fraction}", seconds % 60)
}

fn offset_text(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match rest {
        0 => format!("{sign}{hours:02}:{minutes:02}"),
        rest => format!("{sign}{hours:02}:{minutes:02}:{rest:02}"),
    }
}

/// As ISO 8601 writes it, each part with its own sign.
fn duration(months: i64, days: i64, nanos: i64) -> String {
    const NANOS: u64 = 1_000_000_000;
    let mut text = "P".to_owned();
    let mut put = |number: i64, unit: char| {
        if number != 0 {
            let _ = write!(text, "{number}{unit}");
        }
    };
    put(months / 12, 'Y');
    put(months % 12, 'M');
    put(days, 'D');
    let sign = if nanos < 0 { "-" } else { "" };
    let (seconds, rest) = (nanos.unsigned_abs() / NANOS, nanos.unsigned_abs() % NANOS);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if nanos != 0 || text == "P" {
        text.push('T');
    }
    for (number, unit) in [(hours, 'H'), (minutes, 'M')] {
        if number != 0 {
            let _ = write!(text, "{sign}{number}{unit}");
        }
    }
    if seconds != 0 || rest != 0 || text.ends_with('T') {
        let fraction = match rest {
            0 => String::new(),
            rest => format!(".{rest:09}").trim_end_matches('0').to_owned(),
        };
        let _ = write!(text, "{sign}{seconds}{fraction}S");
    }
    text
}

/// A value on one line, for people: a text in quotes, all else as JSON has it, without its type.
pub(crate) fn text(value: &PropertyValue<'_>) -> String {
    match value {
        PropertyValue::List(values) => {
            let values: Vec<_> = values.iter().map(text).collect();
            format!("[{}]", values.join(", "))
        }
        PropertyValue::Map(entries) => {
            let entries = entries.iter();
            let entries: Vec<_> = entries
                .map(|(key, value)| format!("{key}: {}", text(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        plain => match object(plain) {
            Value::Object(object) => match object.get("value") {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => String::new(),
            },
            value => value.to_string(),
        },
    }
}

/// Whether a value is the one that somebody wrote down.
pub(crate) fn is(value: &PropertyValue<'_>, sought: &str) -> bool {
    match value {
        PropertyValue::String(value) => *value == sought,
        // What is long is not written out for nothing.
        PropertyValue::Bytes(bytes) if bytes.len().saturating_mul(2) != sought.len() => false,
        value => text(value) == sought,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_people_read_them() {
        let rows: [(PropertyValue<'_>, &str); 13] = [
            (PropertyValue::Null, "null"),
            (PropertyValue::Int64(-7), "-7"),
            (PropertyValue::Float64(1.5), "1.5"),
            (PropertyValue::Float64(f64::NAN), "NaN"),
            (PropertyValue::String("a\"b".into()), r#""a\"b""#),
            (PropertyValue::Date(-1), "1969-12-31"),
            (
                PropertyValue::Timestamp(1_500_000),
                "1970-01-01T00:00:01.5Z",
            ),
            (
                PropertyValue::Time {
                    nanos: 3_661_000_000_500,
                    offset: Some(-5400),
                },
                "01:01:01.0000005-01:30",
            ),
            (
                PropertyValue::Duration {
                    months: 1,
                    days: -2,
                    nanos: -1_500_000_000,
                },
                "P1M-2DT-1.5S",
            ),
            (
                PropertyValue::ZonedDatetime {
                    micros: 0,
                    offset: 3600,
                },
                "1970-01-01T01:00:00+01:00",
            ),
            (
                PropertyValue::Duration {
                    months: 14,
                    days: 3,
                    nanos: 14_706_000_000_000,
                },
                "P1Y2M3DT4H5M6S",
            ),
            (PropertyValue::Bytes((&[1, 255][..]).into()), "01ff"),
            (
                PropertyValue::Map(vec![(
                    "k".into(),
                    PropertyValue::List(vec![PropertyValue::Bool(true)]),
                )]),
                "{k: [true]}",
            ),
        ];
        for (value, expected) in rows {
            assert_eq!(text(&value), expected, "{value:?}");
            let sought = expected.trim_matches('"').replace("\\\"", "\"");
            assert!(is(&value, &sought), "{value:?}");
            assert!(!is(&value, "else"), "{value:?}");
        }
    }
}
