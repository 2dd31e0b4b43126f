//! What an operator is told of file systems.

use apograph_faults::rows::filesystems;

const DOCUMENT: &str = include_str!("../../../../docs/operating.md");

#[test]
fn the_table_has_each_file_system_that_the_row_makes() {
    let (_, table) = DOCUMENT
        .split_once("| file system |")
        .expect("a table of file systems");
    let rows = table.lines().skip(2).map_while(|it| it.strip_prefix("| "));
    let told: Vec<&str> = rows
        .filter_map(|it| it.split(" | ").next())
        .map(|name| name.trim_end_matches(" (guest)"))
        .collect();
    assert_eq!(told, filesystems::names());
}
