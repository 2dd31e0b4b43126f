//! Values of properties.

use std::borrow::Cow;

use crate::change::term::RdfTerm;

/// As deep as lists, maps and paths may lie in each other. The engines write 128 levels at most;
/// generation 2 reads two more.
pub const VALUE_DEPTH_MAX: usize = 130;

/// A value of a property, by the engine's names.
///
/// Two values are equal where the engine stores the same: numbers by their bits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PropertyValue<'a> {
    /// No value.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int64(i64),
    /// A floating point number.
    Float64(f64),
    /// Text.
    String(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// An instant, in microseconds since 1970.
    Timestamp(i64),
    /// A date, in days since 1970-01-01.
    Date(i32),
    /// A time of day.
    Time {
        /// Nanoseconds since midnight.
        nanos: u64,
        /// The offset from UTC in seconds, where it has one.
        offset: Option<i32>,
    },
    /// A duration: the sum of its parts, none of which is made of another.
    Duration {
        /// Months.
        months: i64,
        /// Days.
        days: i64,
        /// Nanoseconds.
        nanos: i64,
    },
    /// An instant with an offset.
    ZonedDatetime {
        /// Microseconds since 1970.
        micros: i64,
        /// The offset from UTC in seconds.
        offset: i32,
    },
    /// A list.
    List(Vec<Self>),
    /// A map, in the order of the record.
    Map(Vec<(Cow<'a, str>, Self)>),
    /// An embedding.
    Vector(VectorValue<'a>),
    /// A path.
    Path {
        /// Its nodes.
        nodes: Vec<Self>,
        /// Its edges, each between two of them.
        edges: Vec<Self>,
    },
    /// A counter that grows: replicas and what each counted, sorted by replica.
    GCounter(Vec<(Cow<'a, str>, u64)>),
    /// A counter that grows and shrinks, sorted by replica.
    OnCounter {
        /// What each replica added.
        pos: Vec<(Cow<'a, str>, u64)>,
        /// What each replica took away.
        neg: Vec<(Cow<'a, str>, u64)>,
    },
    /// An exact decimal number; of 0.6 and its betas.
    Decimal(DecimalValue),
    /// An RDF term; of 0.6 and its betas.
    RdfTerm(Box<RdfTerm<'a>>),
    /// A value with a tag that is not known here, or deeper than [`VALUE_DEPTH_MAX`], as its bytes.
    Undecoded(Cow<'a, [u8]>),
}

impl PropertyValue<'_> {
    /// The same without a borrow.
    pub fn into_owned(self) -> PropertyValue<'static> {
        type Owned = PropertyValue<'static>;
        let list = |values: Vec<PropertyValue<'_>>| {
            values.into_iter().map(PropertyValue::into_owned).collect()
        };
        let counts = |counts: Vec<(Cow<'_, str>, u64)>| {
            let counts = counts.into_iter();
            counts
                .map(|(replica, count)| (Cow::Owned(replica.into_owned()), count))
                .collect()
        };
        match self {
            Self::Null => Owned::Null,
            Self::Bool(value) => Owned::Bool(value),
            Self::Int64(value) => Owned::Int64(value),
            Self::Float64(value) => Owned::Float64(value),
            Self::String(value) => Owned::String(Cow::Owned(value.into_owned())),
            Self::Bytes(value) => Owned::Bytes(Cow::Owned(value.into_owned())),
            Self::Timestamp(micros) => Owned::Timestamp(micros),
            Self::Date(days) => Owned::Date(days),
            Self::Time { nanos, offset } => Owned::Time { nanos, offset },
            Self::Duration {
                months,
                days,
                nanos,
            } => Owned::Duration {
                months,
                days,
                nanos,
            },
            Self::ZonedDatetime { micros, offset } => Owned::ZonedDatetime { micros, offset },
            Self::List(values) => Owned::List(list(values)),
            Self::Map(entries) => {
                let entries = entries.into_iter();
                let owned =
                    entries.map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()));
                Owned::Map(owned.collect())
            }
            Self::Vector(vector) => Owned::Vector(vector.into_owned()),
            Self::Path { nodes, edges } => Owned::Path {
                nodes: list(nodes),
                edges: list(edges),
            },
            Self::GCounter(values) => Owned::GCounter(counts(values)),
            Self::OnCounter { pos, neg } => Owned::OnCounter {
                pos: counts(pos),
                neg: counts(neg),
            },
            Self::Decimal(value) => Owned::Decimal(value),
            Self::RdfTerm(term) => Owned::RdfTerm(Box::new(term.into_owned())),
            Self::Undecoded(bytes) => Owned::Undecoded(Cow::Owned(bytes.into_owned())),
        }
    }
}

impl PartialEq for PropertyValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Int64(one), Self::Int64(other))
            | (Self::Timestamp(one), Self::Timestamp(other)) => one == other,
            (Self::Float64(one), Self::Float64(other)) => one.to_bits() == other.to_bits(),
            (Self::String(one), Self::String(other)) => one == other,
            (Self::Bytes(one), Self::Bytes(other))
            | (Self::Undecoded(one), Self::Undecoded(other)) => one == other,
            (Self::Date(one), Self::Date(other)) => one == other,
            (
                Self::Time { nanos, offset },
                Self::Time {
                    nanos: other_nanos,
                    offset: other_offset,
                },
            ) => (nanos, offset) == (other_nanos, other_offset),
            (
                Self::Duration {
                    months,
                    days,
                    nanos,
                },
                Self::Duration {
                    months: other_months,
                    days: other_days,
                    nanos: other_nanos,
                },
            ) => (months, days, nanos) == (other_months, other_days, other_nanos),
            (
                Self::ZonedDatetime { micros, offset },
                Self::ZonedDatetime {
                    micros: other_micros,
                    offset: other_offset,
                },
            ) => (micros, offset) == (other_micros, other_offset),
            (Self::List(one), Self::List(other)) => one == other,
            (Self::Map(one), Self::Map(other)) => one == other,
            (Self::Vector(one), Self::Vector(other)) => one == other,
            (
                Self::Path { nodes, edges },
                Self::Path {
                    nodes: other_nodes,
                    edges: other_edges,
                },
            ) => nodes == other_nodes && edges == other_edges,
            (Self::GCounter(one), Self::GCounter(other)) => one == other,
            (
                Self::OnCounter { pos, neg },
                Self::OnCounter {
                    pos: other_pos,
                    neg: other_neg,
                },
            ) => pos == other_pos && neg == other_neg,
            (Self::Decimal(one), Self::Decimal(other)) => one == other,
            (Self::RdfTerm(one), Self::RdfTerm(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for PropertyValue<'_> {}

/// The components of an embedding, as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorValue<'a>(Cow<'a, [[u8; 4]]>);

impl<'a> VectorValue<'a> {
    pub(crate) const fn of(components: &'a [[u8; 4]]) -> Self {
        Self(Cow::Borrowed(components))
    }

    /// How many components it has.
    pub fn dimensions(&self) -> usize {
        self.0.len()
    }

    /// The components.
    pub fn components(&self) -> impl Iterator<Item = f32> {
        self.0.iter().copied().map(f32::from_le_bytes)
    }

    fn into_owned(self) -> VectorValue<'static> {
        VectorValue(Cow::Owned(self.0.into_owned()))
    }
}

/// A decimal number: a mantissa of at most 38 digits, of which `scale` stand after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecimalValue {
    mantissa: [u64; 2],
    scale: u8,
}

impl DecimalValue {
    /// As many digits as one can have, before and after the point.
    const DIGITS_MAX: u8 = 38;

    /// The number with this mantissa and scale, or `None` past 38 digits.
    pub fn new(mantissa: i128, scale: u8) -> Option<Self> {
        let limit = 10_u128.checked_pow(Self::DIGITS_MAX.into())?;
        if mantissa.unsigned_abs() >= limit || scale > Self::DIGITS_MAX {
            return None;
        }
        let bits = mantissa.cast_unsigned();
        let low = u64::try_from(bits & u128::from(u64::MAX)).ok()?;
        let high = u64::try_from(bits >> 64).ok()?;
        Some(Self {
            mantissa: [low, high],
            scale,
        })
    }

    /// Reads a number as generation 1 writes it: digits, with a point among them or not.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let scale = u8::try_from(fraction.len()).ok()?;
        if whole.len().checked_add(fraction.len())? == 0 {
            return None;
        }
        let mut mantissa = 0_i128;
        for digit in whole.bytes().chain(fraction.bytes()) {
            let digit = char::from(digit).to_digit(10)?;
            mantissa = mantissa.checked_mul(10)?.checked_add(digit.into())?;
        }
        if text.starts_with('-') {
            mantissa = mantissa.checked_neg()?;
        }
        Self::new(mantissa, scale)
    }

    /// All of its digits, with its sign.
    pub fn mantissa(&self) -> i128 {
        let [low, high] = self.mantissa;
        (u128::from(high) << 64 | u128::from(low)).cast_signed()
    }

    /// How many of its digits stand after the point.
    pub const fn scale(&self) -> u8 {
        self.scale
    }
}

impl std::fmt::Display for DecimalValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scale = usize::from(self.scale);
        let width = scale.saturating_add(1);
        let digits = format!("{:0width$}", self.mantissa().unsigned_abs());
        let sign = if self.mantissa() < 0 { "-" } else { "" };
        match digits.split_at_checked(digits.len().saturating_sub(scale)) {
            Some((whole, fraction)) if scale > 0 => write!(f, "{sign}{whole}.{fraction}"),
            _ => write!(f, "{sign}{digits}"),
        }
    }
}
