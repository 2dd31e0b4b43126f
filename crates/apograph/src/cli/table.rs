//! Aligned columns.

use std::fmt::Write;

use anstyle::Style;

const BOLD: Style = Style::new().bold();

/// Rows under a head, each column as wide as its widest cell.
pub(super) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns. A name that begins with `>` is right-aligned.
    pub(super) fn new(head: &[&'static str]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn render(&self) -> String {
        let names: Vec<&str> = self
            .head
            .iter()
            .map(|name| name.trim_start_matches('>'))
            .collect();
        let widths: Vec<usize> = (0..names.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
                widest.max(names[column].len())
            })
            .collect();
        let line = |cells: &[&str]| {
            let mut line = String::new();
            for (column, cell) in cells.iter().enumerate() {
                let (width, gap) = (widths[column], if column == 0 { "" } else { "  " });
                if self.head[column].starts_with('>') {
                    let _ = write!(line, "{gap}{cell:>width$}");
                } else {
                    let _ = write!(line, "{gap}{cell:<width$}");
                }
            }
            line.trim_end().to_owned()
        };
        let mut text = format!("{BOLD}{}{BOLD:#}\n", line(&names));
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            let _ = writeln!(text, "{}", line(&cells));
        }
        text
    }
}
