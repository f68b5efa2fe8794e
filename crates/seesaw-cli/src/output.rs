//! Output of the commands: tables, JSON, numbers, progress.

use std::{
    borrow::Cow,
    fmt,
    io::{self, BufWriter, Write},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::builder::styling::Style;
use indicatif::{ProgressBar, ProgressStyle};
use seesaw_format::replace_file;
use serde::Serialize;

use crate::failure::Failure;

/// Standard output, buffered; styles are dropped unless it is a terminal.
pub fn stdout() -> BufWriter<anstream::AutoStream<io::StdoutLock<'static>>> {
    BufWriter::new(anstream::AutoStream::auto(io::stdout().lock()))
}

/// Writes `value` as indented JSON.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = stdout();
    serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// A progress bar on standard error; draws nothing unless that is a terminal.
pub fn bar(len: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let template = "{prefix} {wide_bar} {pos}/{len}, {eta} left  {msg}";
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::new(len).with_prefix(what);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A progress bar of bytes, whose total need not be known.
pub fn bytes_bar(total: Option<u64>) -> ProgressBar {
    let template = "{wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Makes sure that a file with one of these extensions can be written before anything is computed.
pub fn check_file(path: &Path, extensions: &[&str]) -> Result<(), Failure> {
    let has = |e: &str| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(e));
    if !extensions.iter().any(|extension| has(extension)) {
        let extensions = extensions.join(" or .");
        return Err(Failure::file(path, format_args!("the file must be .{extensions}")));
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => Err(Failure::file(folder, "no such folder")),
        _ => Ok(()),
    }
}

/// Writes lines of CSV into a file, which appears whole or not at all.
pub fn csv_file<R: AsRef<[u8]>, L: IntoIterator<Item = R>>(
    path: &Path,
    lines: impl IntoIterator<Item = L>,
) -> Result<(), Failure> {
    let written = replace_file(path, |file| {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(BufWriter::new(file));
        lines.into_iter().try_for_each(|line| writer.write_record(line))?;
        writer.flush()
    });
    written.map_err(|error| Failure::file(path, error))
}

/// Whether this process leaves it to another one to say things.
static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on, says nothing but errors: another process speaks for this one.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether another process speaks for this one.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Writes a line to standard error.
pub fn say(what: impl fmt::Display) {
    if is_quiet() {
        return;
    }
    // If standard error is closed, there is nobody left to inform.
    let _ = writeln!(anstream::stderr(), "{what}");
}

/// The side of a column on which its texts line up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Rows of text in aligned columns.
#[derive(Debug)]
pub struct Table<const COLUMNS: usize> {
    columns: [(&'static str, Align); COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// An empty table with these headings.
    pub fn new(columns: [(&'static str, Align); COLUMNS]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Appends a row.
    pub fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells);
    }

    /// Writes headings and rows.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut widths = self.columns.map(|(heading, _)| heading.len());
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let headings = self.columns.map(|(heading, _)| heading.to_owned());
        self.write_row(out, &headings, &widths, Style::new().bold())?;
        self.rows.iter().try_for_each(|row| self.write_row(out, row, &widths, Style::new()))
    }

    fn write_row(
        &self,
        out: &mut impl Write,
        cells: &[String; COLUMNS],
        widths: &[usize; COLUMNS],
        style: Style,
    ) -> io::Result<()> {
        let mut line = String::new();
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(self.columns) {
            let padding = " ".repeat(width - cell.chars().count());
            line += &match align {
                Align::Left => format!("{cell}{padding}  "),
                Align::Right => format!("{padding}{cell}  "),
            };
        }
        writeln!(out, "{style}{}{style:#}", line.trim_end())
    }
}

/// `3644184` as `3,644,184`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `360950976` as `361.0M`.
pub fn millions(number: u64) -> String {
    format!("{:.1}M", number as f64 / 1e6)
}

/// Bytes as KiB or MiB.
pub fn bytes(count: u64) -> String {
    let kib = count as f64 / 1024.0;
    if kib < 1024.0 { format!("{kib:.1} KiB") } else { format!("{:.1} MiB", kib / 1024.0) }
}

/// A shape `[channels, rows, columns]` as `32x112x112`.
pub fn shape([channels, rows, columns]: [usize; 3]) -> String {
    format!("{channels}x{rows}x{columns}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(
            [0, 12, 123, 1234, 3_644_184].map(thousands).join(" "),
            "0 12 123 1,234 3,644,184"
        );
        assert_eq!(millions(360_950_976), "361.0M");
        assert_eq!([bytes(512), bytes(3 << 20)], ["0.5 KiB", "3.0 MiB"]);
        assert_eq!(shape([3, 224, 7]), "3x224x7");
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new([("net", Align::Left), ("n", Align::Right)]);
        table.row(["a".into(), "10".into()]);
        table.row(["größer".into(), "5".into()]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let text = anstream::adapter::strip_str(str::from_utf8(&out).unwrap()).to_string();
        assert_eq!(text, "net      n\na       10\ngrößer   5\n");
    }
}
