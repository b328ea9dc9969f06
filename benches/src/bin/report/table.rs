//! Markdown tables with aligned columns.

use std::fmt::{Display, Formatter, Result};

/// Table. All rows have as many cells as the head.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned).into()] }
    }

    pub fn push(&mut self, row: impl Into<Vec<String>>) {
        self.rows.push(row.into());
    }
}

impl Display for Table {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        let columns = self.rows[0].len();
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default().max(3))
            .collect();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                // The first column is left-aligned, the figures are right-aligned.
                if column == 0 {
                    write!(formatter, "| {cell:<width$} ")?;
                } else {
                    write!(formatter, "| {cell:>width$} ")?;
                }
            }
            writeln!(formatter, "|")?;
            if number == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let line = "-".repeat(*width);
                    if column == 0 { write!(formatter, "| {line} ")? } else { write!(formatter, "| {}: ", &line[1..])? }
                }
                writeln!(formatter, "|")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_can_be_read_as_it_is() {
        let mut table = Table::new(["", "operator"]);
        table.push(["memory".to_owned(), "37 MiB".to_owned()]);
        let expected = "|        | operator |\n| ------ | -------: |\n| memory |   37 MiB |\n";
        assert_eq!(table.to_string(), expected);
    }
}
