//! Data for requests: rows of a CSV file.

use super::{build::is_token, zipf::Zipf};
use crate::{error::Failure, rng::Rng, split::Share};
use std::{
    path::PathBuf,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

/// `NAME=FILE[,seq|rand|zipf:S]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FeedFlag {
    pub name: String,
    file: PathBuf,
    order: Order,
}

/// Which row comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Sequence,
    Random,
    Zipf(f64),
}

impl FromStr for FeedFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!("`{text}` is no feed; write NAME=FILE.csv, then ,rand or ,zipf:1.1 if need be")
        };
        let (name, rest) = text.split_once('=').ok_or_else(form)?;
        if !is_token(name) || name.contains('.') {
            return Err(format!(
                "`{name}` is no name of a feed; use letters and digits"
            ));
        }
        let (file, order) = match rest.rsplit_once(',') {
            Some((file, "seq")) => (file, Order::Sequence),
            Some((file, "rand")) => (file, Order::Random),
            Some((file, order)) if order.starts_with("zipf:") => {
                let exponent = order["zipf:".len()..].parse().ok();
                let exponent = exponent
                    .filter(|exponent| Zipf::new(1, *exponent).is_some())
                    .ok_or_else(|| format!("`{order}`: the exponent is a number from 0 to 100"))?;
                (file, Order::Zipf(exponent))
            }
            _ => (rest, Order::Sequence),
        };
        if file.is_empty() {
            return Err(form());
        }
        Ok(Self {
            name: name.into(),
            file: file.into(),
            order,
        })
    }
}

/// The rows of a file, and whose turn it is. All threads and templates share it.
#[derive(Debug)]
pub(crate) struct Feed {
    name: String,
    file: String,
    columns: Vec<String>,
    /// All cells, row by row.
    cells: String,
    /// Where each ends.
    ends: Vec<u32>,
    rows: u64,
    next: Next,
}

#[derive(Debug)]
enum Next {
    /// The processes of a run take turns.
    Sequence {
        next: AtomicU64,
        step: u64,
    },
    Random,
    Zipf(Zipf),
}

impl Feed {
    /// Reads the file, whose first line names the columns.
    pub(crate) fn read(flag: &FeedFlag, share: Share) -> Result<Self, Failure> {
        let file = flag.file.display().to_string();
        let failure = |why: String| Failure::Usage(format!("--feed {}: {file}: {why}", flag.name));
        let mut reader =
            csv::Reader::from_path(&flag.file).map_err(|error| failure(error.to_string()))?;
        let header = reader
            .headers()
            .map_err(|error| failure(error.to_string()))?;
        let columns: Vec<String> = header.iter().map(str::to_owned).collect();
        for (number, column) in columns.iter().enumerate() {
            if column.is_empty() || columns[..number].contains(column) {
                return Err(failure(format!(
                    "the first line names the columns, but `{column}` is no name or stands there twice"
                )));
            }
        }
        let (mut cells, mut ends) = (String::new(), Vec::new());
        for row in reader.records() {
            for cell in &row.map_err(|error| failure(error.to_string()))? {
                cells.push_str(cell);
                let end = u32::try_from(cells.len());
                ends.push(end.map_err(|_| failure("it is larger than 4 GiB".into()))?);
            }
        }
        let rows = ends.len().checked_div(columns.len()).unwrap_or(0) as u64;
        let next = match flag.order {
            Order::Sequence => Next::Sequence {
                next: AtomicU64::new(share.index.into()),
                step: share.of.into(),
            },
            Order::Random => Next::Random,
            Order::Zipf(exponent) => Zipf::new(rows, exponent).map_or(Next::Random, Next::Zipf),
        };
        if rows == 0 {
            return Err(failure(
                "it has no rows behind the line that names the columns".into(),
            ));
        }
        Ok(Self {
            name: flag.name.clone(),
            file,
            columns,
            cells,
            ends,
            rows,
            next,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of a column.
    pub(super) fn column(&self, name: &str) -> Result<usize, String> {
        let found = self.columns.iter().position(|column| column == name);
        found.ok_or_else(|| {
            format!(
                "{} has no column `{name}`; there are {}",
                self.file,
                self.columns.join(", ")
            )
        })
    }

    /// The row of the next request.
    pub(super) fn draw(&self, rng: &mut Rng) -> u64 {
        match &self.next {
            Next::Sequence { next, step } => next.fetch_add(*step, Ordering::Relaxed) % self.rows,
            Next::Random => rng.between(0, self.rows - 1),
            Next::Zipf(zipf) => zipf.draw(rng) - 1,
        }
    }

    /// A cell, by the numbers of its row and column.
    pub(super) fn cell(&self, row: u64, column: usize) -> &str {
        let number = row as usize * self.columns.len() + column;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.cells[start as usize..self.ends[number] as usize]
    }

    /// Bytes of a column's shortest and longest cell.
    pub(super) fn lengths(&self, column: usize) -> (usize, usize) {
        let lengths = (0..self.rows).map(|row| self.cell(row, column).len());
        lengths.fold((usize::MAX, 0), |(min, max), length| {
            (min.min(length), max.max(length))
        })
    }

    /// Refuses a column with a cell that has bytes which may not stand where it goes.
    pub(super) fn demand(
        &self,
        column: usize,
        is_fine: impl Fn(u8) -> bool,
        what: &str,
    ) -> Result<(), String> {
        let is_bad = |row: &u64| !self.cell(*row, column).bytes().all(&is_fine);
        match (0..self.rows).find(is_bad) {
            None => Ok(()),
            Some(row) => Err(format!(
                "{{{}.{}}}: {}, row {}: {what}",
                self.name,
                self.columns[column],
                self.file,
                row + 1
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(text: &[u8], order: &str, share: Share) -> Result<Feed, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let flag: FeedFlag = format!("users={}{order}", file.path().display()).parse()?;
        Feed::read(&flag, share).map_err(|failure| failure.to_string())
    }

    const USERS: &[u8] = b"\xef\xbb\xbfid,name\r\n1,\"a, \"\"b\"\"\"\r\n22,\r\n333,c\n";

    #[test]
    fn rows_are_cells_by_column() {
        let feed = read(USERS, "", Share::WHOLE).unwrap();
        let name = feed.column("name").unwrap();
        let names: Vec<&str> = (0..3).map(|row| feed.cell(row, name)).collect();
        assert_eq!(names, ["a, \"b\"", "", "c"]);
        let id = feed.column("id").unwrap();
        assert_eq!((feed.cell(2, id), feed.lengths(id)), ("333", (1, 3)));
        let error = feed.column("nam").unwrap_err();
        assert!(
            error.contains("`nam`") && error.contains("id, name"),
            "{error}"
        );
        let error = feed.demand(name, |b| b != b' ', "no").unwrap_err();
        assert!(
            error.starts_with("{users.name}:") && error.ends_with("row 1: no"),
            "{error}"
        );
        assert!(feed.demand(id, |b| b != b' ', "no").is_ok());
    }

    #[test]
    fn rows_follow_each_other_or_are_drawn() {
        let draw = |order: &str, share, count| {
            let feed = read(USERS, order, share).unwrap();
            let mut rng = Rng::new(1, 1);
            (0..count).map(|_| feed.draw(&mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(draw(",seq", Share::WHOLE, 4), [0, 1, 2, 0]);
        assert_eq!(draw("", Share { index: 1, of: 2 }, 4), [1, 0, 2, 1]);
        for (order, expected) in [(",rand", 3000), (",zipf:0", 3000), (",zipf:1", 4909)] {
            let rows = draw(order, Share::WHOLE, 9000);
            let first = rows.iter().filter(|row| **row == 0).count();
            // Five standard deviations; the seed is fixed.
            assert!(first.abs_diff(expected) < 240, "{order}: {first}");
        }
    }

    #[test]
    fn bad_files_are_refused_by_name() {
        for (text, part) in [
            (&b""[..], "no rows"),
            (b"id,name\n", "no rows"),
            (b"id,id\n1,2\n", "`id`"),
            (b"id,\n1,2\n", "``"),
            (b"id,name\n1\n", "record 1"),
            (b"id\n\xff\n", "UTF-8"),
        ] {
            let error = read(text, "", Share::WHOLE).unwrap_err();
            assert!(
                error.starts_with("--feed users: /") && error.contains(part),
                "{error}"
            );
        }
    }

    #[test]
    fn flags_have_a_name_a_file_and_an_order() {
        let flag = |text: &str| text.parse::<FeedFlag>();
        let comma = flag("u=a,b.csv").unwrap();
        assert_eq!(
            (comma.file, comma.order),
            ("a,b.csv".into(), Order::Sequence)
        );
        assert_eq!(flag("u=a.csv,zipf:1.5").unwrap().order, Order::Zipf(1.5));
        for text in [
            "u",
            "=x",
            "a.b=x",
            "a b=x",
            "u=",
            "u=x,zipf:x",
            "u=x,zipf:-1",
            "u=,rand",
        ] {
            assert!(flag(text).is_err(), "{text}");
        }
        let missing = Feed::read(&flag("u=/no/such.csv").unwrap(), Share::WHOLE);
        assert!(missing.unwrap_err().to_string().contains("/no/such.csv"));
    }
}
