//! RDF terms, triples and graphs.

use std::borrow::Cow;
use std::fmt;

/// A term of a triple, or one that is a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RdfTerm<'a> {
    /// Generation 1: the term as N-Triples writes it, as the record has it.
    NTriples(Cow<'a, str>),
    /// An IRI.
    Iri(Cow<'a, str>),
    /// The label of a blank node.
    Blank(Cow<'a, str>),
    /// A literal.
    Literal {
        /// Its lexical form.
        value: Cow<'a, str>,
        /// The IRI of its datatype; a value of generation 2 with a language has none in its bytes.
        datatype: Option<Cow<'a, str>>,
        /// Its language tag.
        language: Option<Cow<'a, str>>,
    },
}

impl RdfTerm<'_> {
    /// The same without a borrow.
    pub fn into_owned(self) -> RdfTerm<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::NTriples(term) => RdfTerm::NTriples(owned(term)),
            Self::Iri(iri) => RdfTerm::Iri(owned(iri)),
            Self::Blank(label) => RdfTerm::Blank(owned(label)),
            Self::Literal {
                value,
                datatype,
                language,
            } => RdfTerm::Literal {
                value: owned(value),
                datatype: datatype.map(owned),
                language: language.map(owned),
            },
        }
    }
}

/// As N-Triples writes it.
impl fmt::Display for RdfTerm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NTriples(term) => f.write_str(term),
            Self::Iri(iri) => write!(f, "<{iri}>"),
            Self::Blank(label) => write!(f, "_:{label}"),
            Self::Literal {
                value,
                datatype,
                language,
            } => {
                write!(f, "{value:?}")?;
                match (language, datatype) {
                    (Some(language), _) => write!(f, "@{language}"),
                    (None, Some(datatype)) => write!(f, "^^<{datatype}>"),
                    (None, None) => Ok(()),
                }
            }
        }
    }
}

/// A triple.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RdfTriple<'a> {
    /// The subject.
    pub subject: RdfTerm<'a>,
    /// The predicate.
    pub predicate: RdfTerm<'a>,
    /// The object.
    pub object: RdfTerm<'a>,
}

impl RdfTriple<'_> {
    /// The same without a borrow.
    pub fn into_owned(self) -> RdfTriple<'static> {
        RdfTriple {
            subject: self.subject.into_owned(),
            predicate: self.predicate.into_owned(),
            object: self.object.into_owned(),
        }
    }
}

impl fmt::Display for RdfTriple<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.subject, self.predicate, self.object)
    }
}

/// The RDF graphs that are dropped or cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RdfGraphs<'a> {
    /// The default graph.
    Default,
    /// One named graph.
    Named(&'a str),
    /// Generation 2: every named graph.
    AllNamed,
    /// Generation 2: the default graph and every named graph.
    All,
}

impl<'a> From<Option<&'a str>> for RdfGraphs<'a> {
    fn from(name: Option<&'a str>) -> Self {
        name.map_or(Self::Default, Self::Named)
    }
}
