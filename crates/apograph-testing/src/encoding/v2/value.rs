//! Values of properties.

use std::borrow::Cow;

use apograph_format::change::{PropertyValue, RdfTerm};

use crate::encoding::length;

/// The bytes of a value.
///
/// # Panics
///
/// Where generation 2 has no such value.
pub(super) fn value(value: &PropertyValue<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_value(&mut out, value);
    out
}

fn put_value(out: &mut Vec<u8>, value: &PropertyValue<'_>) {
    match value {
        PropertyValue::Null => out.push(0),
        PropertyValue::Bool(flag) => out.extend([1, (*flag).into()]),
        PropertyValue::Int64(number) => put(out, 2, &[&number.to_le_bytes()]),
        PropertyValue::Float64(number) => put(out, 3, &[&number.to_le_bytes()]),
        PropertyValue::String(text) => put(out, 4, &[&length(text.len()), text.as_bytes()]),
        PropertyValue::Bytes(bytes) => put(out, 5, &[&length(bytes.len()), bytes]),
        PropertyValue::Date(days) => put(out, 6, &[&days.to_le_bytes()]),
        PropertyValue::Time { nanos, offset } => {
            let seconds = offset.unwrap_or(0).to_le_bytes();
            put(
                out,
                7,
                &[&nanos.to_le_bytes(), &[offset.is_some().into()], &seconds],
            );
        }
        PropertyValue::Timestamp(micros) => put(out, 8, &[&micros.to_le_bytes()]),
        PropertyValue::ZonedDatetime { micros, offset } => {
            put(out, 9, &[&micros.to_le_bytes(), &offset.to_le_bytes()]);
        }
        PropertyValue::Duration {
            months,
            days,
            nanos,
        } => put(
            out,
            10,
            &[months, days, nanos]
                .map(|it| it.to_le_bytes())
                .each_ref()
                .map(|it| &it[..]),
        ),
        PropertyValue::List(values) => {
            out.push(11);
            put_values(out, values);
        }
        PropertyValue::Map(entries) => {
            put(out, 12, &[&length(entries.len())]);
            for (key, value) in entries {
                put_text(out, key);
                put_value(out, value);
            }
        }
        PropertyValue::Vector(vector) => {
            put(out, 13, &[&length(vector.dimensions())]);
            out.extend(vector.components().flat_map(f32::to_le_bytes));
        }
        PropertyValue::Path { nodes, edges } => {
            out.push(14);
            put_values(out, nodes);
            put_values(out, edges);
        }
        PropertyValue::GCounter(counts) => {
            out.push(15);
            put_counts(out, counts);
        }
        PropertyValue::OnCounter { pos, neg } => {
            out.push(16);
            put_counts(out, pos);
            put_counts(out, neg);
        }
        PropertyValue::Decimal(decimal) => {
            put(
                out,
                17,
                &[&[decimal.scale()], &decimal.mantissa().to_le_bytes()],
            );
        }
        PropertyValue::RdfTerm(term) => {
            out.push(18);
            put_term(out, term);
        }
        PropertyValue::Undecoded(bytes) => out.extend_from_slice(bytes),
        other => panic!("no value of generation 2: {other:?}"),
    }
}

fn put(out: &mut Vec<u8>, tag: u8, fields: &[&[u8]]) {
    out.push(tag);
    out.extend(fields.concat());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(length(text.len()));
    out.extend(text.as_bytes());
}

fn put_values(out: &mut Vec<u8>, values: &[PropertyValue<'_>]) {
    out.extend(length(values.len()));
    for value in values {
        put_value(out, value);
    }
}

fn put_counts(out: &mut Vec<u8>, counts: &[(Cow<'_, str>, u64)]) {
    out.extend(length(counts.len()));
    for (replica, count) in counts {
        put_text(out, replica);
        out.extend(count.to_le_bytes());
    }
}

fn put_term(out: &mut Vec<u8>, term: &RdfTerm<'_>) {
    match term {
        RdfTerm::Iri(iri) => {
            out.push(0);
            put_text(out, iri);
        }
        RdfTerm::Blank(label) => {
            out.push(1);
            put_text(out, label);
        }
        RdfTerm::Literal {
            value,
            datatype,
            language,
        } => {
            out.push(2);
            put_text(out, value);
            out.push(language.is_some().into());
            let of_it = language.as_deref().or(datatype.as_deref());
            put_text(out, of_it.unwrap_or_default());
        }
        other => panic!("no term of generation 2: {other:?}"),
    }
}
