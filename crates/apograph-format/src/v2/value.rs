//! Values of generation 2 (FORMAT.md, "Values, generation 2"): a tag, and fields of fixed width.

use std::borrow::Cow;

use crate::change::{DecimalValue, PropertyValue, RdfTerm, VALUE_DEPTH_MAX, VectorValue};
use crate::error::{FormatError, Result};
use crate::fields::Fields;

const WHAT: &str = "value";

/// Nanoseconds of a day.
const DAY_NANOS: u64 = 86_400_000_000_000;

/// Decodes the bytes of one value. One that is not known here is its bytes.
///
/// # Errors
///
/// [`FormatError::Malformed`] where it is not exactly one value.
pub(crate) fn decode_value(bytes: &[u8]) -> Result<PropertyValue<'_>> {
    let mut fields = Fields::of(WHAT, bytes);
    match value(&mut fields, 0) {
        Ok(value) => fields.end().map(|()| value),
        Err(FormatError::UnsupportedFeature { .. }) => {
            Ok(PropertyValue::Undecoded(Cow::Borrowed(bytes)))
        }
        Err(error) => Err(error),
    }
}

fn value<'a>(fields: &mut Fields<'a>, depth: usize) -> Result<PropertyValue<'a>> {
    Ok(match fields.u8()? {
        0 => PropertyValue::Null,
        1 => PropertyValue::Bool(fields.bool()?),
        2 => PropertyValue::Int64(i64::from_le_bytes(fields.array()?)),
        3 => PropertyValue::Float64(f64::from_le_bytes(fields.array()?)),
        4 => PropertyValue::String(text(fields)?),
        5 => {
            let count = fields.fixed_u32()?;
            PropertyValue::Bytes(Cow::Borrowed(fields.counted(count.into())?))
        }
        6 => PropertyValue::Date(i32::from_le_bytes(fields.array()?)),
        7 => time(fields)?,
        8 => PropertyValue::Timestamp(i64::from_le_bytes(fields.array()?)),
        9 => PropertyValue::ZonedDatetime {
            micros: i64::from_le_bytes(fields.array()?),
            offset: i32::from_le_bytes(fields.array()?),
        },
        10 => PropertyValue::Duration {
            months: i64::from_le_bytes(fields.array()?),
            days: i64::from_le_bytes(fields.array()?),
            nanos: i64::from_le_bytes(fields.array()?),
        },
        11 => PropertyValue::List(values(fields, depth)?),
        12 => {
            let depth = deeper(fields, depth)?;
            PropertyValue::Map(entries(fields, |fields| value(fields, depth))?)
        }
        13 => {
            let bytes = u64::from(fields.fixed_u32()?).saturating_mul(4);
            let (components, _) = fields.counted(bytes)?.as_chunks();
            PropertyValue::Vector(VectorValue::of(components))
        }
        14 => PropertyValue::Path {
            nodes: values(fields, depth)?,
            edges: values(fields, depth)?,
        },
        15 => PropertyValue::GCounter(entries(fields, count)?),
        16 => PropertyValue::OnCounter {
            pos: entries(fields, count)?,
            neg: entries(fields, count)?,
        },
        17 => {
            let scale = fields.u8()?;
            let mantissa = i128::from_le_bytes(fields.array()?);
            let decimal = DecimalValue::new(mantissa, scale);
            let decimal = decimal.ok_or_else(|| fields.malformed("a decimal of 39 digits"))?;
            PropertyValue::Decimal(decimal)
        }
        18 => PropertyValue::RdfTerm(Box::new(term(fields)?)),
        tag => return Err(fields.unknown(format!("a value with tag {tag}"))),
    })
}

fn text<'a>(fields: &mut Fields<'a>) -> Result<Cow<'a, str>> {
    let count = fields.fixed_u32()?;
    fields.counted_text(count.into()).map(Cow::Borrowed)
}

fn count(fields: &mut Fields<'_>) -> Result<u64> {
    fields.array().map(u64::from_le_bytes)
}

fn time<'a>(fields: &mut Fields<'a>) -> Result<PropertyValue<'a>> {
    let nanos = u64::from_le_bytes(fields.array()?);
    if nanos >= DAY_NANOS {
        return Err(fields.malformed("a time that is not within a day"));
    }
    let has_offset = fields.bool()?;
    let offset = i32::from_le_bytes(fields.array()?);
    if !has_offset && offset != 0 {
        return Err(fields.malformed("an offset of a time that has none"));
    }
    let offset = has_offset.then_some(offset);
    Ok(PropertyValue::Time { nanos, offset })
}

fn values<'a>(fields: &mut Fields<'a>, depth: usize) -> Result<Vec<PropertyValue<'a>>> {
    let depth = deeper(fields, depth)?;
    let count = fields.fixed_u32()?;
    fields.counted_list(count.into(), |fields| value(fields, depth))
}

/// Entries under names that grow.
fn entries<'a, T>(
    fields: &mut Fields<'a>,
    mut read: impl FnMut(&mut Fields<'a>) -> Result<T>,
) -> Result<Vec<(Cow<'a, str>, T)>> {
    let count = fields.fixed_u32()?;
    let mut last: Option<Cow<'a, str>> = None;
    fields.counted_list(count.into(), |fields| {
        let name = text(fields)?;
        if last.as_ref().is_some_and(|last| name <= *last) {
            return Err(fields.malformed("names that do not grow"));
        }
        last = Some(name.clone());
        Ok((name, read(fields)?))
    })
}

fn deeper(fields: &Fields<'_>, depth: usize) -> Result<usize> {
    match depth.checked_add(1) {
        Some(depth) if depth <= VALUE_DEPTH_MAX => Ok(depth),
        _ => Err(fields.unknown(format!("a value deeper than {VALUE_DEPTH_MAX} levels"))),
    }
}

fn term<'a>(fields: &mut Fields<'a>) -> Result<RdfTerm<'a>> {
    Ok(match fields.u8()? {
        0 => RdfTerm::Iri(text(fields)?),
        1 => RdfTerm::Blank(text(fields)?),
        2 => {
            let value = text(fields)?;
            let has_language = fields.bool()?;
            let of_it = Some(text(fields)?);
            let (language, datatype) = if has_language {
                (of_it, None)
            } else {
                (None, of_it)
            };
            RdfTerm::Literal {
                value,
                datatype,
                language,
            }
        }
        kind => return Err(fields.unknown(format!("an RDF term of kind {kind}"))),
    })
}
