//! Aligned columns.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::Style;

use crate::display;

const BOLD: Style = Style::new().bold();

/// Rows under a head, as [`write_table`] writes them.
pub(crate) fn table<const COLUMNS: usize, R>(head: [&str; COLUMNS], rows: impl Fn() -> R) -> String
where
    R: Iterator<Item = [String; COLUMNS]>,
{
    let mut text = Vec::new();
    // Memory takes what is written to it.
    let _ = write_table(&mut text, head, rows);
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes rows under a head, each column as wide as its widest cell. A name that begins with `>` is
/// right-aligned. A column in which no row has anything is left out.
///
/// The rows are made twice, once to be measured: together they can take much memory.
pub(crate) fn write_table<const COLUMNS: usize, R>(
    out: &mut (impl Write + ?Sized),
    head: [&str; COLUMNS],
    rows: impl Fn() -> R,
) -> io::Result<()>
where
    R: Iterator<Item = [String; COLUMNS]>,
{
    let names = head.map(|name| name.trim_start_matches('>').to_owned());
    let mut widths = [0; COLUMNS];
    let rows = || rows().map(|row| row.map(|cell| display::plain(&cell).into_owned()));
    for row in rows() {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for (width, name) in widths.iter_mut().zip(&names) {
        if *width > 0 {
            *width = name.len().max(*width);
        }
    }
    let line = |cells: &[String; COLUMNS]| {
        let mut line = String::new();
        let shown = cells.iter().enumerate();
        for (column, cell) in shown.filter(|(column, _)| widths[*column] > 0) {
            let (width, gap) = (widths[column], if line.is_empty() { "" } else { "  " });
            let _ = if head[column].starts_with('>') {
                write!(line, "{gap}{cell:>width$}")
            } else {
                write!(line, "{gap}{cell:<width$}")
            };
        }
        line.truncate(line.trim_end().len());
        line
    };
    writeln!(out, "{BOLD}{}{BOLD:#}", line(&names))?;
    for row in rows() {
        writeln!(out, "{}", line(&row))?;
    }
    Ok(())
}
