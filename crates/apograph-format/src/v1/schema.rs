//! Changes of the schema, as records of generation 1 have them (FORMAT.md, "Log records").
//!
//! Kinds and types are texts, as the engine wrote them.

use crate::error::Result;
use crate::fields::Fields;
use crate::v1::record_kind::RecordKind;

/// A change of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaChange<'a> {
    /// A node type is defined.
    CreateNodeType(TypeDefinition<'a>),
    /// A node type is dropped.
    DropNodeType {
        /// Its name.
        name: &'a str,
    },
    /// An edge type is defined.
    CreateEdgeType(TypeDefinition<'a>),
    /// An edge type is dropped.
    DropEdgeType {
        /// Its name.
        name: &'a str,
    },
    /// An index is created. The engine does not replay it from its own log; one on several
    /// properties is a record for each.
    CreateIndex {
        /// Its name.
        name: &'a str,
        /// The label that it covers.
        label: &'a str,
        /// The property that it covers.
        property: &'a str,
        /// The engine's name for its type.
        index_type: &'a str,
    },
    /// An index is dropped. The engine does not replay it from its own log.
    DropIndex {
        /// Its name.
        name: &'a str,
    },
    /// A constraint is created.
    CreateConstraint {
        /// Its name.
        name: &'a str,
        /// The label that it covers.
        label: &'a str,
        /// The properties that it covers.
        properties: Vec<&'a str>,
        /// The engine's name for its kind.
        kind: &'a str,
    },
    /// A constraint is dropped.
    DropConstraint {
        /// Its name.
        name: &'a str,
    },
    /// A graph type is defined.
    CreateGraphType {
        /// Its name.
        name: &'a str,
        /// The node types that it allows.
        node_types: Vec<&'a str>,
        /// The edge types that it allows.
        edge_types: Vec<&'a str>,
        /// Whether it allows others too.
        is_open: bool,
    },
    /// A graph type is dropped.
    DropGraphType {
        /// Its name.
        name: &'a str,
    },
    /// A schema is created.
    CreateSchema {
        /// Its name.
        name: &'a str,
    },
    /// A schema is dropped.
    DropSchema {
        /// Its name.
        name: &'a str,
    },
    /// The properties of a node type are changed.
    AlterNodeType {
        /// Its name.
        name: &'a str,
        /// What is changed.
        alterations: Vec<PropertyAlteration<'a>>,
    },
    /// The properties of an edge type are changed.
    AlterEdgeType {
        /// Its name.
        name: &'a str,
        /// What is changed.
        alterations: Vec<PropertyAlteration<'a>>,
    },
    /// The types of a graph type are changed.
    AlterGraphType {
        /// Its name.
        name: &'a str,
        /// The engine's name for each action, and the type.
        alterations: Vec<(&'a str, &'a str)>,
    },
    /// A procedure is stored.
    CreateProcedure(ProcedureDefinition<'a>),
    /// A procedure is dropped.
    DropProcedure {
        /// Its name.
        name: &'a str,
    },
}

/// A node type or an edge type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeDefinition<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its properties.
    pub properties: Vec<PropertyDefinition<'a>>,
    /// The engine's name for the kind of each constraint, and its properties.
    pub constraints: Vec<(&'a str, Vec<&'a str>)>,
}

/// A property of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PropertyDefinition<'a> {
    /// Its name.
    pub name: &'a str,
    /// The engine's name for its data type.
    pub data_type: &'a str,
    /// Whether it may be null.
    pub is_nullable: bool,
}

/// A change of a property of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PropertyAlteration<'a> {
    /// What is done: `add` or `drop`.
    pub action: &'a str,
    /// The property; of one that is dropped only its name is meant.
    pub property: PropertyDefinition<'a>,
}

/// A stored procedure, in either generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcedureDefinition<'a> {
    /// Its name.
    pub name: &'a str,
    /// The name and the type of each parameter.
    pub parameters: Vec<(&'a str, &'a str)>,
    /// The name and the type of each column that it returns.
    pub returns: Vec<(&'a str, &'a str)>,
    /// What it runs.
    pub body: &'a str,
}

impl<'a> ProcedureDefinition<'a> {
    pub(crate) fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(Self {
            name: fields.text()?,
            parameters: fields.list(pair)?,
            returns: fields.list(pair)?,
            body: fields.text()?,
        })
    }
}

fn pair<'a>(fields: &mut Fields<'a>) -> Result<(&'a str, &'a str)> {
    Ok((fields.text()?, fields.text()?))
}

impl<'a> TypeDefinition<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(Self {
            name: fields.text()?,
            properties: fields.list(PropertyDefinition::read)?,
            constraints: fields.list(|fields| Ok((fields.text()?, fields.texts()?)))?,
        })
    }
}

impl<'a> PropertyDefinition<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(Self {
            name: fields.text()?,
            data_type: fields.text()?,
            is_nullable: fields.bool()?,
        })
    }
}

impl<'a> PropertyAlteration<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Self> {
        Ok(Self {
            action: fields.text()?,
            property: PropertyDefinition::read(fields)?,
        })
    }
}

impl<'a> SchemaChange<'a> {
    /// Reads a record of one of these kinds; `None` for another kind.
    pub(crate) fn read(kind: RecordKind, fields: &mut Fields<'a>) -> Result<Option<Self>> {
        Ok(Some(match kind {
            RecordKind::CreateNodeType => Self::CreateNodeType(TypeDefinition::read(fields)?),
            RecordKind::DropNodeType => Self::DropNodeType {
                name: fields.text()?,
            },
            RecordKind::CreateEdgeType => Self::CreateEdgeType(TypeDefinition::read(fields)?),
            RecordKind::DropEdgeType => Self::DropEdgeType {
                name: fields.text()?,
            },
            RecordKind::CreateIndex => Self::CreateIndex {
                name: fields.text()?,
                label: fields.text()?,
                property: fields.text()?,
                index_type: fields.text()?,
            },
            RecordKind::DropIndex => Self::DropIndex {
                name: fields.text()?,
            },
            RecordKind::CreateConstraint => Self::CreateConstraint {
                name: fields.text()?,
                label: fields.text()?,
                properties: fields.texts()?,
                kind: fields.text()?,
            },
            RecordKind::DropConstraint => Self::DropConstraint {
                name: fields.text()?,
            },
            RecordKind::CreateGraphType => Self::CreateGraphType {
                name: fields.text()?,
                node_types: fields.texts()?,
                edge_types: fields.texts()?,
                is_open: fields.bool()?,
            },
            RecordKind::DropGraphType => Self::DropGraphType {
                name: fields.text()?,
            },
            RecordKind::CreateSchema => Self::CreateSchema {
                name: fields.text()?,
            },
            RecordKind::DropSchema => Self::DropSchema {
                name: fields.text()?,
            },
            RecordKind::AlterNodeType => Self::AlterNodeType {
                name: fields.text()?,
                alterations: fields.list(PropertyAlteration::read)?,
            },
            RecordKind::AlterEdgeType => Self::AlterEdgeType {
                name: fields.text()?,
                alterations: fields.list(PropertyAlteration::read)?,
            },
            RecordKind::AlterGraphType => Self::AlterGraphType {
                name: fields.text()?,
                alterations: fields.list(pair)?,
            },
            RecordKind::CreateProcedure => {
                Self::CreateProcedure(ProcedureDefinition::read(fields)?)
            }
            RecordKind::DropProcedure => Self::DropProcedure {
                name: fields.text()?,
            },
            _ => return Ok(None),
        }))
    }
}
