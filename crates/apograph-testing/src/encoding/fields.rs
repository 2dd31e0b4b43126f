//! Fields of records as bincode writes them, one after the other.

use super::varint;

/// What was written so far.
#[derive(Debug, Default)]
pub(super) struct FieldWriter(pub(super) Vec<u8>);

impl FieldWriter {
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn number(&mut self, number: impl Into<u64>) -> &mut Self {
        self.raw(&varint(number.into()))
    }

    pub(super) fn signed(&mut self, number: impl Into<i64>) -> &mut Self {
        let number = number.into();
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned())
    }

    pub(super) fn bool(&mut self, flag: bool) -> &mut Self {
        self.raw(&[flag.into()])
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64).raw(bytes)
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn option<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T),
    ) -> &mut Self {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
        self
    }

    pub(super) fn optional_text(&mut self, text: Option<&str>) -> &mut Self {
        self.option(text, |fields, text| {
            fields.text(text);
        })
    }

    pub(super) fn list<'a, T: 'a>(
        &mut self,
        list: &'a [T],
        mut write: impl FnMut(&mut Self, &'a T),
    ) -> &mut Self {
        self.number(list.len() as u64);
        for element in list {
            write(self, element);
        }
        self
    }

    pub(super) fn texts(&mut self, texts: &[&str]) -> &mut Self {
        self.list(texts, |fields, text| {
            fields.text(text);
        })
    }

    pub(super) fn pairs(&mut self, pairs: &[(&str, &str)]) -> &mut Self {
        self.list(pairs, |fields, (one, other)| {
            fields.text(one).text(other);
        })
    }
}
