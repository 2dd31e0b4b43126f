//! What the engine does not replay from its own log, as statements for the user to run.

use apograph_format::change::{GraphChange, GraphOperation};
use apograph_format::v1::SchemaChange;
use apograph_io::Result;
use apograph_wal::{Group, GroupHead, GroupSpan, RecordReader};

/// The index statements that a restored log holds, with those that cancel out left away.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    indexes: Vec<Index>,
}

#[derive(Debug)]
enum Index {
    Create {
        name: String,
        label: String,
        properties: Vec<String>,
        index_type: String,
    },
    Drop {
        name: String,
    },
}

impl Statements {
    /// Adds the index records of a group that is restored.
    pub(crate) fn add(&mut self, group: &Group<'_>) -> Result<()> {
        let GroupHead::One {
            has_indexes: true, ..
        } = group.head
        else {
            return Ok(());
        };
        RecordReader::new(group.parts()).for_each(GroupSpan::of(group), |record| {
            // A record that cannot be read is no index record: the group is whole all the same.
            if let Ok(GraphChange {
                operation: GraphOperation::Schema(change),
                ..
            }) = record.change
            {
                self.add_change(&change);
            }
            Ok(())
        })
    }

    fn add_change(&mut self, change: &SchemaChange<'_>) {
        match *change {
            SchemaChange::CreateIndex {
                name,
                label,
                property,
                index_type,
            } => self.create_index(
                name.to_owned(),
                label.to_owned(),
                property.to_owned(),
                index_type.to_owned(),
            ),
            SchemaChange::DropIndex { name } => self.drop_index(name.to_owned()),
            _ => {}
        }
    }

    /// The statements, in the order they were logged.
    pub(crate) fn into_list(self) -> Vec<String> {
        self.indexes.iter().map(Index::statement).collect()
    }

    /// An index on several properties is logged as one record for each.
    fn create_index(&mut self, name: String, label: String, property: String, index_type: String) {
        if let Some(Index::Create {
            name: last,
            properties,
            ..
        }) = self.indexes.last_mut()
            && *last == name
        {
            properties.push(property);
            return;
        }
        let properties = vec![property];
        self.indexes.push(Index::Create {
            name,
            label,
            properties,
            index_type,
        });
    }

    fn drop_index(&mut self, dropped: String) {
        let before = self.indexes.len();
        self.indexes
            .retain(|it| !matches!(it, Index::Create { name, .. } if *name == dropped));
        if self.indexes.len() == before {
            self.indexes.push(Index::Drop { name: dropped });
        }
    }
}

impl Index {
    fn statement(&self) -> String {
        match self {
            Self::Drop { name } => format!("DROP INDEX {}", quoted(name)),
            Self::Create {
                name,
                label,
                properties,
                index_type,
            } => {
                let properties: Vec<String> = properties
                    .iter()
                    .map(|property| format!("n.{}", quoted(property)))
                    .collect();
                let using = match index_type.as_str() {
                    "text" => " USING TEXT",
                    "btree" => " USING BTREE",
                    "vector" => " USING VECTOR",
                    _ => "",
                };
                let (name, label) = (quoted(name), quoted(label));
                format!(
                    "CREATE INDEX {name} FOR (n:{label}) ON ({}){using}",
                    properties.join(", ")
                )
            }
        }
    }
}

fn quoted(name: &str) -> String {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty();
    if plain {
        name.to_owned()
    } else {
        format!("`{}`", name.replace('`', "``"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_cancel_out_are_left_away() {
        let mut statements = Statements::default();
        let create = |statements: &mut Statements, name: &str, property: &str, kind: &str| {
            statements.create_index(name.into(), "My Label".into(), property.into(), kind.into());
        };
        create(&mut statements, "gone", "a", "property");
        create(&mut statements, "both", "a", "btree");
        create(&mut statements, "both", "b", "btree");
        statements.drop_index("gone".into());
        statements.drop_index("older".into());
        create(&mut statements, "words", "text", "text");
        create(&mut statements, "near", "place", "vector");
        let expected = [
            "CREATE INDEX both FOR (n:`My Label`) ON (n.a, n.b) USING BTREE",
            "DROP INDEX older",
            "CREATE INDEX words FOR (n:`My Label`) ON (n.text) USING TEXT",
            "CREATE INDEX near FOR (n:`My Label`) ON (n.place) USING VECTOR",
        ];
        assert_eq!(statements.into_list(), expected);
    }
}
