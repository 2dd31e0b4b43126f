//! Values of generation 1 (FORMAT.md, "Values").

use std::borrow::Cow;

use crate::change::{DecimalValue, PropertyValue, RdfTerm, VALUE_DEPTH_MAX, VectorValue};
use crate::error::{FormatError, Result};
use crate::fields::Fields;

/// Reads the value that is the last field of a record. One that is not known here is the bytes that
/// are left, as nothing says where it ends.
pub(crate) fn last_value<'a>(fields: &mut Fields<'a>) -> Result<PropertyValue<'a>> {
    let before = fields.rest();
    match value(fields, 0) {
        Err(FormatError::UnsupportedFeature { .. }) => {
            fields.take_rest();
            Ok(PropertyValue::Undecoded(Cow::Borrowed(before)))
        }
        read => read,
    }
}

fn value<'a>(fields: &mut Fields<'a>, depth: usize) -> Result<PropertyValue<'a>> {
    Ok(match fields.variant()? {
        0 => PropertyValue::Null,
        1 => PropertyValue::Bool(fields.bool()?),
        2 => PropertyValue::Int64(fields.signed()?),
        3 => PropertyValue::Float64(f64::from_le_bytes(fields.array()?)),
        4 => PropertyValue::String(Cow::Borrowed(fields.text()?)),
        5 => PropertyValue::Bytes(Cow::Borrowed(fields.bytes()?)),
        6 => PropertyValue::Timestamp(fields.signed()?),
        7 => PropertyValue::Date(fields.short_signed()?),
        8 => PropertyValue::Time {
            nanos: fields.number()?,
            offset: fields.option(Fields::short_signed)?,
        },
        9 => PropertyValue::Duration {
            months: fields.signed()?,
            days: fields.signed()?,
            nanos: fields.signed()?,
        },
        10 => PropertyValue::ZonedDatetime {
            micros: fields.signed()?,
            offset: fields.short_signed()?,
        },
        11 => PropertyValue::List(values(fields, depth)?),
        12 => {
            let depth = deeper(fields, depth)?;
            PropertyValue::Map(fields.list(|fields| {
                let key = Cow::Borrowed(fields.text()?);
                Ok((key, value(fields, depth)?))
            })?)
        }
        13 => {
            let count = fields.number()?.checked_mul(4);
            let count = count.ok_or_else(|| fields.malformed("a vector without an end"))?;
            let (components, _) = fields.counted(count)?.as_chunks();
            PropertyValue::Vector(VectorValue::of(components))
        }
        14 => PropertyValue::Path {
            nodes: values(fields, depth)?,
            edges: values(fields, depth)?,
        },
        15 => PropertyValue::GCounter(counter(fields)?),
        16 => PropertyValue::OnCounter {
            pos: counter(fields)?,
            neg: counter(fields)?,
        },
        17 => {
            let decimal = DecimalValue::parse(fields.text()?);
            let decimal = decimal.ok_or_else(|| fields.malformed("a decimal that is none"))?;
            PropertyValue::Decimal(decimal)
        }
        18 => PropertyValue::RdfTerm(Box::new(term(fields)?)),
        tag => return Err(fields.unknown(format!("a value with tag {tag}"))),
    })
}

fn values<'a>(fields: &mut Fields<'a>, depth: usize) -> Result<Vec<PropertyValue<'a>>> {
    let depth = deeper(fields, depth)?;
    fields.list(|fields| value(fields, depth))
}

fn deeper(fields: &Fields<'_>, depth: usize) -> Result<usize> {
    match depth.checked_add(1) {
        Some(depth) if depth <= VALUE_DEPTH_MAX => Ok(depth),
        _ => Err(fields.unknown(format!("a value deeper than {VALUE_DEPTH_MAX} levels"))),
    }
}

/// The engine writes its replicas in no order.
fn counter<'a>(fields: &mut Fields<'a>) -> Result<Vec<(Cow<'a, str>, u64)>> {
    let mut counts = fields.list(|fields| Ok((Cow::Borrowed(fields.text()?), fields.number()?)))?;
    counts.sort_unstable();
    Ok(counts)
}

fn term<'a>(fields: &mut Fields<'a>) -> Result<RdfTerm<'a>> {
    Ok(match fields.variant()? {
        0 => RdfTerm::Iri(Cow::Borrowed(fields.text()?)),
        1 => RdfTerm::Blank(Cow::Borrowed(fields.text()?)),
        2 => RdfTerm::Literal {
            value: Cow::Borrowed(fields.text()?),
            datatype: Some(Cow::Borrowed(fields.text()?)),
            language: fields.optional_text()?.map(Cow::Borrowed),
        },
        kind => return Err(fields.unknown(format!("an RDF term of kind {kind}"))),
    })
}
