//! Indexes in the catalog of generation 2.

use crate::error::Result;
use crate::fields::Fields;

/// An index, and how it is built.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum IndexDefinition<'a> {
    /// On a property.
    Property {
        /// The property.
        key: &'a str,
    },
    /// On embeddings.
    Vector {
        /// The label that it covers.
        label: &'a str,
        /// The property that it covers.
        property: &'a str,
        /// How many components they have.
        dimensions: u32,
        /// What is near.
        metric: DistanceMetric,
        /// How many neighbours each has.
        m: u32,
        /// How many candidates are kept while it is built.
        ef_construction: u32,
        /// How components are stored.
        quantization: Quantization,
    },
    /// On words.
    Text {
        /// The label that it covers.
        label: &'a str,
        /// The property that it covers.
        property: &'a str,
        /// How soon a word that is found again stops to count.
        k1: f64,
        /// How much the length of a text counts.
        b: f64,
        /// What words are.
        tokenizer: TextTokenizer,
        /// Words that are passed over.
        stop_words: Option<Vec<&'a str>>,
    },
}

/// What an index is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexKey<'a> {
    /// The property.
    Property {
        /// Its name.
        key: &'a str,
    },
    /// Label and property of an index on embeddings.
    Vector {
        /// The label.
        label: &'a str,
        /// The property.
        property: &'a str,
    },
    /// Label and property of an index on words.
    Text {
        /// The label.
        label: &'a str,
        /// The property.
        property: &'a str,
    },
}

/// What is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DistanceMetric {
    /// By the angle.
    Cosine,
    /// By the straight line.
    Euclidean,
    /// By the product.
    DotProduct,
    /// By the sum of the differences.
    Manhattan,
}

/// How components are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantization {
    /// As they are.
    None,
    /// Each in a byte.
    Scalar,
    /// Each in a bit.
    Binary,
    /// By the nearest of a code book.
    Product {
        /// How many parts a vector has.
        subvectors: u32,
    },
}

/// What words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextTokenizer {
    /// Letters and digits in a row.
    Simple,
    /// What Unicode says.
    Standard,
    /// Pairs of characters, for Chinese, Japanese and Korean.
    CjkBigram,
}

impl<'a> IndexDefinition<'a> {
    pub(crate) fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(match fields.variant()? {
            0 => Self::Property {
                key: fields.text()?,
            },
            1 => Self::Vector {
                label: fields.text()?,
                property: fields.text()?,
                dimensions: fields.short_number()?,
                metric: match fields.variant()? {
                    0 => DistanceMetric::Cosine,
                    1 => DistanceMetric::Euclidean,
                    2 => DistanceMetric::DotProduct,
                    3 => DistanceMetric::Manhattan,
                    metric => return Err(fields.malformed(format!("distance metric {metric}"))),
                },
                m: fields.short_number()?,
                ef_construction: fields.short_number()?,
                quantization: match fields.variant()? {
                    0 => Quantization::None,
                    1 => Quantization::Scalar,
                    2 => Quantization::Binary,
                    3 => Quantization::Product {
                        subvectors: fields.short_number()?,
                    },
                    kind => return Err(fields.malformed(format!("quantization {kind}"))),
                },
            },
            2 => Self::Text {
                label: fields.text()?,
                property: fields.text()?,
                k1: f64::from_le_bytes(fields.array()?),
                b: f64::from_le_bytes(fields.array()?),
                tokenizer: match fields.variant()? {
                    0 => TextTokenizer::Simple,
                    1 => TextTokenizer::Standard,
                    2 => TextTokenizer::CjkBigram,
                    kind => return Err(fields.malformed(format!("tokenizer {kind}"))),
                },
                stop_words: fields.option(Fields::texts)?,
            },
            kind => return Err(fields.malformed(format!("an index of kind {kind}"))),
        })
    }

    /// What it is found by.
    pub const fn key(&self) -> IndexKey<'a> {
        match self {
            Self::Property { key } => IndexKey::Property { key },
            Self::Vector {
                label, property, ..
            } => IndexKey::Vector { label, property },
            Self::Text {
                label, property, ..
            } => IndexKey::Text { label, property },
        }
    }
}

impl<'a> IndexKey<'a> {
    pub(crate) fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(match fields.variant()? {
            0 => Self::Property {
                key: fields.text()?,
            },
            1 => Self::Vector {
                label: fields.text()?,
                property: fields.text()?,
            },
            2 => Self::Text {
                label: fields.text()?,
                property: fields.text()?,
            },
            kind => return Err(fields.malformed(format!("an index of kind {kind}"))),
        })
    }
}
