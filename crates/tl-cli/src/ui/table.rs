//! Tables for people.

use crate::ui::escape::plain_line;
use crate::ui::style::DIM;

/// Formats rows in columns. The last column is not padded because it contains names.
pub(crate) fn render<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| plain_line(cell)))
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .chain([headings[column].len()])
            .max()
            .unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let mut text = String::new();
        for (column, cell) in cells.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < N {
                let gap = widths[column].saturating_sub(cell.chars().count()) + 2;
                text.extend(std::iter::repeat_n(' ', gap));
            }
        }
        text.trim_end().to_owned()
    };
    let mut text = format!("{DIM}{}{DIM:#}", line(headings));
    for row in &rows {
        text.push('\n');
        text.push_str(&line(row.each_ref().map(String::as_str)));
    }
    text
}

/// Formats names and values, one pair per line; pairs without a value are omitted.
pub(crate) fn pairs(pairs: &[(&str, Option<String>)]) -> String {
    let shown: Vec<_> = pairs
        .iter()
        .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
        .collect();
    let width = shown
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    shown
        .iter()
        .map(|(name, value)| format!("{DIM}{name:<width$}{DIM:#}  {}", plain_line(value)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Formats an optional value; empty if missing.
pub(crate) fn cell(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [
            ["1".to_owned(), "ready".to_owned(), "a.mp4".to_owned()],
            ["22".to_owned(), String::new(), "b\u{1b}[2J.mp4".to_owned()],
        ];
        let text = render(["ID", "STATUS", "FILE"], &rows);
        let text = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            text,
            "ID  STATUS  FILE\n1   ready   a.mp4\n22          b\\u{1b}[2J.mp4"
        );
    }
}
