//! Values, as the engine has them, in the words of `apograph-format`.

use std::borrow::Cow;
use std::collections::HashMap;

use apograph_format::change::{DecimalValue, Property, PropertyValue, RdfTerm};
use grafeo_common::change::DataOp;
use grafeo_common::storage::log_record::LogRecord;
use grafeo_common::types::rdf::Term;
use grafeo_common::types::{PropertyKey, Value};

pub(crate) fn properties(properties: &[(PropertyKey, Value)]) -> Vec<Property<'_>> {
    let properties = properties.iter();
    properties
        .map(|(key, it)| (key.as_str(), value(it)))
        .collect()
}

fn values(list: &[Value]) -> Vec<PropertyValue<'_>> {
    list.iter().map(value).collect()
}

fn counts(counts: &HashMap<String, u64>) -> Vec<(Cow<'_, str>, u64)> {
    let counts = counts.iter();
    let mut counts: Vec<_> = counts
        .map(|(replica, count)| (Cow::Borrowed(replica.as_str()), *count))
        .collect();
    counts.sort_unstable();
    counts
}

pub(crate) fn value(value: &Value) -> PropertyValue<'_> {
    match value {
        Value::Null => PropertyValue::Null,
        Value::Bool(value) => PropertyValue::Bool(*value),
        Value::Int64(value) => PropertyValue::Int64(*value),
        Value::Float64(value) => PropertyValue::Float64(*value),
        Value::String(value) => PropertyValue::String(Cow::Borrowed(value)),
        Value::Bytes(value) => PropertyValue::Bytes(Cow::Borrowed(value)),
        Value::Timestamp(value) => PropertyValue::Timestamp(value.as_micros()),
        Value::Date(value) => PropertyValue::Date(value.as_days()),
        Value::Time(value) => PropertyValue::Time {
            nanos: value.as_nanos(),
            offset: value.offset_seconds(),
        },
        Value::Duration(value) => PropertyValue::Duration {
            months: value.months(),
            days: value.days(),
            nanos: value.nanos(),
        },
        Value::ZonedDatetime(value) => PropertyValue::ZonedDatetime {
            micros: value.as_timestamp().as_micros(),
            offset: value.offset_seconds(),
        },
        Value::List(list) => PropertyValue::List(values(list)),
        Value::Map(map) => {
            let entries = map.iter();
            let entries = entries.map(|(key, it)| (Cow::Borrowed(key.as_str()), self::value(it)));
            PropertyValue::Map(entries.collect())
        }
        Value::Path { nodes, edges } => PropertyValue::Path {
            nodes: values(nodes),
            edges: values(edges),
        },
        Value::GCounter(it) => PropertyValue::GCounter(counts(it)),
        Value::OnCounter { pos, neg } => PropertyValue::OnCounter {
            pos: counts(pos),
            neg: counts(neg),
        },
        Value::Decimal(it) => PropertyValue::Decimal(
            DecimalValue::new(it.mantissa(), it.scale()).expect("a decimal of the engine"),
        ),
        Value::RdfTerm(it) => PropertyValue::RdfTerm(Box::new(rdf_value(it))),
        // Vectors are compared by their components.
        other => panic!("no value of this engine: {other:?}"),
    }
}

fn rdf_value(term: &Term) -> RdfTerm<'_> {
    match term {
        Term::Iri(iri) => RdfTerm::Iri(Cow::Borrowed(iri.as_str())),
        Term::BlankNode(node) => RdfTerm::Blank(Cow::Borrowed(node.id())),
        Term::Literal(literal) => RdfTerm::Literal {
            value: Cow::Borrowed(literal.value()),
            datatype: match literal.language() {
                Some(_) => None,
                None => Some(Cow::Borrowed(literal.datatype())),
            },
            language: literal.language().map(Cow::Borrowed),
        },
        other => panic!("a term of a newer engine: {other:?}"),
    }
}

/// The vectors of a record, which `value` does not make.
pub(crate) fn vectors(record: &LogRecord) -> Vec<&[f32]> {
    let values: Vec<&Value> = match record {
        LogRecord::Data { op, .. } => match op {
            DataOp::CreateNode { properties, .. } | DataOp::CreateEdge { properties, .. } => {
                properties.iter().map(|(_, value)| value).collect()
            }
            DataOp::SetNodeProperty { value, .. } | DataOp::SetEdgeProperty { value, .. } => {
                vec![value]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let vectors = values.into_iter().filter_map(|value| match value {
        Value::Vector(components) => Some(&components[..]),
        _ => None,
    });
    vectors.collect()
}
