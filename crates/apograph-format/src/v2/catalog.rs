//! The entries of the catalog of generation 2 (FORMAT.md, "Catalog records, generation 2").

use std::fmt;

use crate::change::PropertyValue;
use crate::error::Result;
use crate::fields::Fields;
use crate::v1::ProcedureDefinition;
use crate::v2::configuration::StoredConfiguration;
use crate::v2::index::{IndexDefinition, IndexKey};
use crate::v2::value::decode_value;

/// An entry of the catalog.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CatalogRecord<'a> {
    /// A schema.
    Schema {
        /// Its name.
        name: &'a str,
    },
    /// A node type.
    NodeType {
        /// Its name, properties and constraints.
        definition: EntityType<'a>,
        /// The types that it extends.
        parents: Vec<&'a str>,
        /// The labels that identify it.
        key_labels: Vec<&'a str>,
    },
    /// An edge type.
    EdgeType {
        /// Its name, properties and constraints.
        definition: EntityType<'a>,
        /// The types of source and target that it may have; `None` for any.
        endpoints: Vec<(Option<&'a str>, Option<&'a str>)>,
        /// The labels that identify it.
        key_labels: Vec<&'a str>,
    },
    /// A graph type.
    GraphType {
        /// Its name.
        name: &'a str,
        /// The node types that it allows.
        node_types: Vec<&'a str>,
        /// The edge types that it allows.
        edge_types: Vec<&'a str>,
        /// Whether it allows others too.
        is_open: bool,
    },
    /// A graph has a graph type.
    GraphBinding {
        /// The graph.
        graph: &'a str,
        /// Its type.
        graph_type: &'a str,
    },
    /// A constraint.
    Constraint {
        /// Its name.
        name: &'a str,
        /// The label that it covers.
        label: &'a str,
        /// The properties that it covers.
        properties: Vec<&'a str>,
        /// What it asks.
        kind: ConstraintKind,
    },
    /// An index.
    Index {
        /// The graph that it covers; `None` for the default graph.
        graph: Option<&'a str>,
        /// The index.
        index: IndexDefinition<'a>,
    },
    /// The name of an index.
    IndexName {
        /// The name.
        name: &'a str,
        /// The label that it covers.
        label: &'a str,
        /// The property that it covers.
        property: &'a str,
        /// What it is.
        kind: IndexNameKind,
    },
    /// A stored procedure.
    Procedure(ProcedureDefinition<'a>),
    /// What the database was configured with.
    StoredConfig(StoredConfiguration<'a>),
    /// An entry of a kind that is not known here.
    Unknown {
        /// The number of its kind.
        kind: u8,
        /// Its payload.
        payload: &'a [u8],
    },
}

/// What an entry of the catalog is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CatalogKey<'a> {
    /// The name of a schema.
    Schema(&'a str),
    /// The name of a node type.
    NodeType(&'a str),
    /// The name of an edge type.
    EdgeType(&'a str),
    /// The name of a graph type.
    GraphType(&'a str),
    /// The graph that has a graph type.
    GraphBinding(&'a str),
    /// The name of a constraint.
    Constraint(&'a str),
    /// An index.
    Index {
        /// The graph that it covers; `None` for the default graph.
        graph: Option<&'a str>,
        /// The index.
        index: IndexKey<'a>,
    },
    /// The name of an index.
    IndexName(&'a str),
    /// The name of a procedure.
    Procedure(&'a str),
    /// The configuration, of which there is one.
    StoredConfig,
    /// One of a kind that is not known here.
    Unknown {
        /// The number of its kind.
        kind: u8,
        /// Its payload.
        payload: &'a [u8],
    },
}

/// A node type or an edge type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityType<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its properties.
    pub properties: Vec<TypedProperty<'a>>,
    /// Its constraints.
    pub constraints: Vec<TypeConstraint<'a>>,
}

/// A property of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedProperty<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its data type.
    pub data_type: DataType,
    /// Whether it may be null.
    pub is_nullable: bool,
    /// The value that it has where none is given.
    pub default: Option<PropertyValue<'a>>,
}

/// The data type of a property: lists of lists, and what is in the innermost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataType {
    /// How many lists lie in each other.
    pub list_levels: u32,
    /// The number of what they hold.
    pub code: u32,
}

impl DataType {
    const NAMES: [&'static str; 17] = [
        "STRING",
        "INT64",
        "FLOAT64",
        "BOOL",
        "DATE",
        "TIME",
        "TIMESTAMP",
        "LOCAL DATETIME",
        "ZONED DATETIME",
        "DURATION",
        "LIST",
        "MAP",
        "BYTES",
        "NODE",
        "EDGE",
        "ANY",
        "DECIMAL",
    ];
    /// The first byte of the number of a decimal, whose last two are its precision and its scale.
    const DECIMAL: u8 = 1;
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.list_levels.min(8)).try_for_each(|_| f.write_str("LIST<"))?;
        let name = usize::try_from(self.code).ok();
        match (
            name.and_then(|code| Self::NAMES.get(code)),
            self.code.to_be_bytes(),
        ) {
            (Some(name), _) => f.write_str(name)?,
            (None, [Self::DECIMAL, 0, precision, scale]) => {
                write!(f, "DECIMAL({precision}, {scale})")?;
            }
            (None, _) => write!(f, "TYPE_{}", self.code)?,
        }
        (0..self.list_levels.min(8)).try_for_each(|_| f.write_str(">"))
    }
}

/// A constraint of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeConstraint<'a> {
    /// These properties are the key.
    PrimaryKey(Vec<&'a str>),
    /// These properties are unique together.
    Unique(Vec<&'a str>),
    /// This property is there.
    NotNull(&'a str),
    /// An expression holds.
    Check {
        /// The name of the constraint.
        name: Option<&'a str>,
        /// The expression.
        expression: &'a str,
    },
}

/// What a named constraint asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintKind {
    /// The properties are unique together.
    Unique,
    /// They are there, and unique together.
    NodeKey,
    /// They are there.
    NotNull,
    /// They are there: another word for it.
    Exists,
}

/// What a named index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexNameKind {
    /// A hash index.
    Hash,
    /// A sorted index.
    BTree,
    /// A text index.
    FullText,
    /// A vector index.
    Vector,
}

impl<'a> EntityType<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(Self {
            name: fields.text()?,
            properties: fields.list(TypedProperty::read)?,
            constraints: fields.list(TypeConstraint::read)?,
        })
    }
}

impl<'a> TypedProperty<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(Self {
            name: fields.text()?,
            data_type: DataType {
                list_levels: fields.short_number()?,
                code: fields.short_number()?,
            },
            is_nullable: fields.bool()?,
            default: fields.option(|fields| decode_value(fields.bytes()?))?,
        })
    }
}

impl<'a> TypeConstraint<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(match fields.variant()? {
            0 => Self::PrimaryKey(fields.texts()?),
            1 => Self::Unique(fields.texts()?),
            2 => Self::NotNull(fields.text()?),
            3 => Self::Check {
                name: fields.optional_text()?,
                expression: fields.text()?,
            },
            kind => return Err(fields.malformed(format!("a constraint of kind {kind}"))),
        })
    }
}

impl<'a> CatalogRecord<'a> {
    pub(crate) fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(match fields.u8()? {
            1 => Self::Schema {
                name: fields.text()?,
            },
            2 => Self::NodeType {
                definition: EntityType::read(fields)?,
                parents: fields.texts()?,
                key_labels: fields.texts()?,
            },
            3 => Self::EdgeType {
                definition: EntityType::read(fields)?,
                endpoints: fields
                    .list(|fields| Ok((fields.optional_text()?, fields.optional_text()?)))?,
                key_labels: fields.texts()?,
            },
            4 => Self::GraphType {
                name: fields.text()?,
                node_types: fields.texts()?,
                edge_types: fields.texts()?,
                is_open: fields.bool()?,
            },
            5 => Self::GraphBinding {
                graph: fields.text()?,
                graph_type: fields.text()?,
            },
            6 => Self::Constraint {
                name: fields.text()?,
                label: fields.text()?,
                properties: fields.texts()?,
                kind: match fields.variant()? {
                    0 => ConstraintKind::Unique,
                    1 => ConstraintKind::NodeKey,
                    2 => ConstraintKind::NotNull,
                    3 => ConstraintKind::Exists,
                    kind => return Err(fields.malformed(format!("a constraint of kind {kind}"))),
                },
            },
            7 => Self::Index {
                graph: fields.optional_text()?,
                index: IndexDefinition::read(fields)?,
            },
            8 => Self::IndexName {
                name: fields.text()?,
                label: fields.text()?,
                property: fields.text()?,
                kind: match fields.variant()? {
                    0 => IndexNameKind::Hash,
                    1 => IndexNameKind::BTree,
                    2 => IndexNameKind::FullText,
                    3 => IndexNameKind::Vector,
                    kind => return Err(fields.malformed(format!("an index of kind {kind}"))),
                },
            },
            9 => Self::Procedure(ProcedureDefinition::read(fields)?),
            10 => Self::StoredConfig(StoredConfiguration::read(fields)?),
            kind => Self::Unknown {
                kind,
                payload: fields.take_rest(),
            },
        })
    }

    /// What it is found by.
    pub const fn key(&self) -> CatalogKey<'a> {
        match self {
            Self::Schema { name } => CatalogKey::Schema(name),
            Self::NodeType { definition, .. } => CatalogKey::NodeType(definition.name),
            Self::EdgeType { definition, .. } => CatalogKey::EdgeType(definition.name),
            Self::GraphType { name, .. } => CatalogKey::GraphType(name),
            Self::GraphBinding { graph, .. } => CatalogKey::GraphBinding(graph),
            Self::Constraint { name, .. } => CatalogKey::Constraint(name),
            Self::Index { graph, index } => CatalogKey::Index {
                graph: *graph,
                index: index.key(),
            },
            Self::IndexName { name, .. } => CatalogKey::IndexName(name),
            Self::Procedure(procedure) => CatalogKey::Procedure(procedure.name),
            Self::StoredConfig(_) => CatalogKey::StoredConfig,
            Self::Unknown { kind, payload } => CatalogKey::Unknown {
                kind: *kind,
                payload,
            },
        }
    }
}

impl<'a> CatalogKey<'a> {
    pub(crate) fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(match fields.u8()? {
            1 => Self::Schema(fields.text()?),
            2 => Self::NodeType(fields.text()?),
            3 => Self::EdgeType(fields.text()?),
            4 => Self::GraphType(fields.text()?),
            5 => Self::GraphBinding(fields.text()?),
            6 => Self::Constraint(fields.text()?),
            7 => Self::Index {
                graph: fields.optional_text()?,
                index: IndexKey::read(fields)?,
            },
            8 => Self::IndexName(fields.text()?),
            9 => Self::Procedure(fields.text()?),
            10 => Self::StoredConfig,
            kind => Self::Unknown {
                kind,
                payload: fields.take_rest(),
            },
        })
    }

    /// The engine's name for its kind, in snake case.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Schema(_) => "schema",
            Self::NodeType(_) => "node_type",
            Self::EdgeType(_) => "edge_type",
            Self::GraphType(_) => "graph_type",
            Self::GraphBinding(_) => "graph_binding",
            Self::Constraint(_) => "constraint",
            Self::Index { .. } => "index",
            Self::IndexName(_) => "index_name",
            Self::Procedure(_) => "procedure",
            Self::StoredConfig => "stored_config",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// Its name, where it has one.
    pub const fn name(&self) -> Option<&'a str> {
        match self {
            Self::Schema(name)
            | Self::NodeType(name)
            | Self::EdgeType(name)
            | Self::GraphType(name)
            | Self::GraphBinding(name)
            | Self::Constraint(name)
            | Self::IndexName(name)
            | Self::Procedure(name) => Some(name),
            Self::Index { .. } | Self::StoredConfig | Self::Unknown { .. } => None,
        }
    }
}
