//! Tables on stdout: columns below each other, cut to the terminal where there is one.

use std::io::IsTerminal as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};
use unlade::spec::text::sanitise;

/// What stands between two columns.
const GAP: &str = "  ";

/// No column becomes narrower, if it is not narrow by itself: two characters, and the sign that there are more.
const LEAST: usize = 3;

/// The width of a terminal that does not tell its own.
const USUAL: usize = 80;

/// Rows of cells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// How wide a table may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// So many columns: what is longer is cut.
    Columns(usize),
    /// As wide as its cells: for a pipe or a file, where a cut text would be a wrong one.
    Endless,
}

impl Room {
    /// Returns the room on stdout.
    pub(crate) fn on_stdout() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::Endless;
        }
        let columns = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).map_or(0, |size| size.ws_col);
        Self::Columns(if columns == 0 { USUAL } else { columns.into() })
    }
}

impl Table {
    /// Makes a table whose columns have these names above them; none are written where there is none.
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. Cells may hold text of a server: they are cleaned here. One that begins with spaces is indented.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        self.rows.push(cells.into_iter().map(|cell| sanitise(cell.as_ref()).trim_end().to_owned()).collect());
    }

    /// Leaves out the columns that are empty in every row.
    pub(crate) fn without_empty_columns(mut self) -> Self {
        let filled = |column: usize| self.rows.iter().any(|row| row.get(column).is_some_and(|cell| !cell.is_empty()));
        let filled: Vec<bool> = (0..self.heads.len()).map(filled).collect();
        let keep = |column: usize| filled.get(column).copied().unwrap_or(true);
        self.heads = self.heads.into_iter().enumerate().filter(|(at, _)| keep(*at)).map(|(_, head)| head).collect();
        for row in &mut self.rows {
            let mut columns = 0..;
            row.retain(|_| columns.next().is_some_and(keep));
        }
        self
    }

    /// Writes the rows, each a line; a table without any is no text at all.
    pub(crate) fn text(&self, room: Room) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let widths = fit(&self.widths(), room);
        self.head(&widths) + &self.body(&widths)
    }

    fn head(&self, widths: &[usize]) -> String {
        let mut text = String::new();
        if !self.heads.is_empty() {
            line(&self.heads, widths, &mut text);
        }
        text
    }

    fn body(&self, widths: &[usize]) -> String {
        let mut text = String::new();
        for row in &self.rows {
            line(row, widths, &mut text);
        }
        text
    }

    /// Returns how wide each column is by itself.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.heads.iter().map(|head| head.width()).collect();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        widths
    }
}

/// A table that is written as its rows come: names above the columns once, and columns that stay where they are.
#[derive(Debug)]
pub(crate) struct Scroll {
    room: Room,
    usual: Vec<usize>,
    widths: Option<Vec<usize>>,
}

impl Scroll {
    /// Begins; cells are usually so wide. What the first rows need is known with them, and what is longer later is cut.
    pub(crate) fn new(room: Room, usual: &[usize]) -> Self {
        Self { room, usual: usual.to_vec(), widths: None }
    }

    /// Writes further rows.
    pub(crate) fn text(&mut self, rows: &Table) -> String {
        if let Some(widths) = &self.widths {
            return rows.body(widths);
        }
        let wide = rows.widths().into_iter().zip(&self.usual).map(|(width, usual)| width.max(*usual));
        let widths = fit(&wide.collect::<Vec<_>>(), self.room);
        let text = rows.head(&widths) + &rows.body(&widths);
        self.widths = Some(widths);
        text
    }
}

/// Takes room from the widest columns until all of them fit, or are as narrow as they may be.
fn fit(widths: &[usize], room: Room) -> Vec<usize> {
    let Room::Columns(columns) = room else { return widths.to_vec() };
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let mut room = columns.saturating_sub(gaps);
    let mut order: Vec<usize> = (0..widths.len()).collect();
    order.sort_by_key(|column| widths[*column]);
    let mut fitted = widths.to_vec();
    for (place, column) in order.into_iter().enumerate() {
        // What the narrow ones leave, the wide ones share.
        let share = room / (widths.len() - place);
        fitted[column] = widths[column].min(share.max(LEAST));
        room = room.saturating_sub(fitted[column]);
    }
    fitted
}

/// Writes one line, without spaces at its end.
fn line(cells: &[impl AsRef<str>], widths: &[usize], text: &mut String) {
    let mut padding = 0;
    for (number, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if number > 0 {
            padding += GAP.len();
        }
        let cell = cut(cell.as_ref(), *width);
        if !cell.is_empty() {
            text.extend(std::iter::repeat_n(' ', padding));
            text.push_str(&cell);
            padding = 0;
        }
        padding += width.saturating_sub(cell.width());
    }
    text.push('\n');
}

/// Cuts a text to a number of columns; the last one says that there was more.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut width = 1;
    for c in text.chars() {
        width += c.width().unwrap_or(0);
        if width > columns {
            break;
        }
        kept.push(c);
    }
    // Some sequences are wider than their characters.
    while kept.width() >= columns.max(1) && kept.pop().is_some() {}
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["DIGEST", "TYPE", "SIZE"]);
        table.row(["sha256:0123456789abcdef", "application/x-sbom", "1.0 KiB"]);
        table.row(["sha256:fedcba", "", "5 B"]);
        table
    }

    #[test]
    fn in_a_pipe_nothing_is_cut() {
        let expected = "\
DIGEST                   TYPE                SIZE
sha256:0123456789abcdef  application/x-sbom  1.0 KiB
sha256:fedcba                                5 B
";
        assert_eq!(table().text(Room::Endless), expected);
        assert_eq!(table().text(Room::Columns(52)), expected);
        assert_eq!(Table::new(&["DIGEST"]).text(Room::Endless), "");
    }

    #[test]
    fn columns_without_a_word_are_left_out() {
        let mut table = Table::new(&["A", "B", "C"]);
        table.row(["  1", "", "3"]);
        table.row(["2", ""]);
        assert_eq!(table.without_empty_columns().text(Room::Endless), "A    C\n  1  3\n2\n");
    }

    #[test]
    fn the_widest_columns_give_way_on_a_terminal() {
        let expected = "\
DIGEST            TYPE              SIZE
sha256:01234567…  application/x-s…  1.0 KiB
sha256:fedcba                       5 B
";
        assert_eq!(table().text(Room::Columns(43)), expected);
        let narrow = "\
DIGEST  TYPE   SIZE
sha25…  appl…  1.0 …
sha25…         5 B
";
        assert_eq!(table().text(Room::Columns(20)), narrow);
        assert_eq!(table().text(Room::Columns(0)).lines().nth(1), Some("sh…  ap…  1.…"));
    }

    #[test]
    fn a_table_that_comes_in_pieces_has_one_head_and_columns_that_stay() {
        let piece = |digest: &str, size: &str| {
            let mut table = Table::new(&["DIGEST", "SIZE"]);
            table.row([digest, size]);
            table
        };
        let mut scroll = Scroll::new(Room::Columns(20), &[10, 5]);
        let pieces = [piece("a", "1 B"), piece("sha256:0123456789", "1"), piece("b", "1024 KiB")];
        let text: String = pieces.iter().map(|piece| scroll.text(piece)).collect();
        assert_eq!(text, "DIGEST      SIZE\na           1 B\nsha256:01…  1\nb           1024…\n");
    }

    #[test]
    fn cells_are_cleaned_and_measured_as_they_are_seen() {
        let mut table = Table::new(&[]);
        table.row(["漢字", "a\u{1b}[2Jb\n\u{202e}"]);
        table.row(["x", "y"]);
        assert_eq!(table.text(Room::Endless), "漢字  a[2Jb\nx     y\n");
        assert_eq!(cut("漢字", 3), "漢…");
        assert_eq!(cut("漢字", 2), "…");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            rows in proptest::collection::vec(proptest::collection::vec("[a-z漢é ]{0,40}", 1..5), 1..6),
            columns in 20_usize..200,
        ) {
            let mut table = Table::new(&[]);
            for row in rows {
                table.row(row);
            }
            for line in table.text(Room::Columns(columns)).lines() {
                prop_assert!(line.width() <= columns, "{line:?}");
            }
        }
    }
}
