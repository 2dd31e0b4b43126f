//! What a record of a log changes, in the words of both generations.
//!
//! The two generations lay their records out differently and say much the same with them: a node
//! that is created, a property that is set. So each decodes into a [`GraphChange`]
//! ([`v1::decode_change`](crate::v1::decode_change), [`v2::decode_change`](crate::v2::decode_change)),
//! and what only one of them says is a variant of [`GraphOperation`] of its own. Text and bytes are
//! borrowed from the record.
//!
//! Nothing is guessed. A value with a tag that is not known here is [`PropertyValue::Undecoded`], a
//! record of a kind that is not known [`GraphOperation::Unknown`]; what contradicts itself is an error.

mod operation;
mod term;
mod value;

pub use operation::{GraphChange, GraphElement, GraphOperation, GraphScope, Property};
pub use term::{RdfGraphs, RdfTerm, RdfTriple};
pub use value::{DecimalValue, PropertyValue, VALUE_DEPTH_MAX, VectorValue};
