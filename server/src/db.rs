//! The range query on the arena's SQLite file.

use std::{fmt, fmt::Write as _, fs, io, path::Path};

use rusqlite::{CachedStatement, Connection, OpenFlags, Row, types::ValueRef};
use serde_json::value::RawValue;

use crate::{dataset::Rating, item_list::Members, json, number::Number};

const QUERY: &str = "SELECT id, name, category, price, quantity, active, tags, \
                     rating_score, rating_count FROM items WHERE price BETWEEN ?1 AND ?2 LIMIT 50";

/// Larger than the arena's file, so that all of it is read through the mapping.
const MMAP_BYTES: i64 = 256 * 1024 * 1024;

/// The answer when nothing matches, or when there is no database.
pub const EMPTY: &str = r#"{"items":[],"count":0}"#;

/// A read-only connection of one reactor.
#[derive(Debug)]
pub struct Database {
    connection: Connection,
}

impl Database {
    /// Opens the file and prepares the query, so that a file of another shape
    /// is noticed here.
    ///
    /// # Errors
    /// When the file is missing, is no SQLite database or has other columns.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        // SQLite itself would only say "unable to open".
        fs::File::open(path).map_err(OpenError::Read)?;
        // NO_MUTEX: the connection never leaves its thread.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(immutable_uri(path), flags)?;
        connection.pragma_update(None, "mmap_size", MMAP_BYTES)?;
        connection.prepare_cached(QUERY)?;
        Ok(Self { connection })
    }

    /// Writes the JSON list of up to 50 items whose price is in `min..=max`.
    ///
    /// # Errors
    /// When SQLite fails, a row is not an item, or `out` fails; `out` may then
    /// hold part of the answer.
    pub fn write_list(&self, min: f64, max: f64, out: &mut impl io::Write) -> io::Result<()> {
        let mut statement = self.statement()?;
        let mut rows = statement.query((min, max)).map_err(io::Error::other)?;
        out.write_all(br#"{"items":["#)?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(io::Error::other)? {
            if count > 0 {
                out.write_all(b",")?;
            }
            json::write(out, &item(row).map_err(io::Error::other)?)?;
            count += 1;
        }
        write!(out, r#"],"count":{count}}}"#)
    }

    /// The statement compiled at [`open`](Self::open): kept by the connection.
    fn statement(&self) -> io::Result<CachedStatement<'_>> {
        self.connection
            .prepare_cached(QUERY)
            .map_err(io::Error::other)
    }
}

/// Why the database is not available.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be read, most often because it is not there.
    Read(io::Error),
    /// The file is no SQLite database, or one without the columns of an item.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot be read: {error}"),
            Self::Sqlite(error) => write!(f, "is not a database of items: {error}"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Sqlite(error) => Some(error),
        }
    }
}

/// `immutable`: nobody writes the file while we run, so SQLite may leave out
/// the file locks and change checks that would cost each query system calls.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(byte));
            }
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri.push_str("?immutable=1");
    uri
}

/// Reads a row as an item; its labels stay the JSON text that they are.
fn item<'a>(row: &'a Row<'_>) -> Result<Members<'a, RawValue>, RowError> {
    let id = row.get(0).map_err(|error| RowError::column(None, error))?;
    let at = |error| RowError::column(Some(id), error);
    Ok(Members {
        id,
        name: text(row, 1).map_err(at)?,
        category: text(row, 2).map_err(at)?,
        price: number(row, 3).map_err(at)?,
        quantity: row.get(4).map_err(at)?,
        active: row.get(5).map_err(at)?,
        tags: tags(row, 6).map_err(|reason| RowError {
            id: Some(id),
            reason,
        })?,
        rating: Rating {
            score: number(row, 7).map_err(at)?,
            count: row.get(8).map_err(at)?,
        },
        total: None,
    })
}

fn text<'a>(row: &'a Row<'_>, index: usize) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(index)?.as_str()?)
}

fn number(row: &Row<'_>, index: usize) -> rusqlite::Result<Number> {
    match row.get_ref(index)? {
        ValueRef::Integer(value) => Ok(Number::Int(value)),
        other => other.as_f64().map(Number::Float).map_err(Into::into),
    }
}

/// The column holds JSON text: checked, then passed on as it is.
fn tags<'a>(row: &'a Row<'_>, index: usize) -> Result<&'a RawValue, String> {
    let text = text(row, index).map_err(|error| error.to_string())?;
    match serde_json::from_str::<&RawValue>(text) {
        Ok(value) if value.get().starts_with('[') => Ok(value),
        Ok(_) => Err("tags are not a JSON array".to_owned()),
        Err(error) => Err(format!("tags: {error}")),
    }
}

/// A row that is not an item.
#[derive(Debug)]
struct RowError {
    id: Option<i64>,
    reason: String,
}

impl RowError {
    fn column(id: Option<i64>, error: rusqlite::Error) -> Self {
        Self {
            id,
            reason: error.to_string(),
        }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "item {id}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl std::error::Error for RowError {}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TABLE: &str = "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, category TEXT, \
         price REAL, quantity INTEGER, active INTEGER, tags TEXT, rating_score REAL, \
         rating_count INTEGER)";

    fn database(name: &str, rows: &str) -> (tempfile::TempDir, Result<Database, OpenError>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch(&format!("{TABLE}; {rows}")).unwrap();
        drop(writer);
        let database = Database::open(&path);
        (dir, database)
    }

    fn list(database: &Database, min: f64, max: f64) -> io::Result<String> {
        let mut out = Vec::new();
        database.write_list(min, max, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn rows_in_range_are_listed_with_their_types() {
        let (_dir, database) = database(
            "odd ?#%.db",
            r#"INSERT INTO items VALUES
               (1, 'Edge "Link"', 'toys', 320.07, 26, 1, '["new"]', 3.7, 457),
               (2, 'Core', 'tools', 20, 1, 0, '["a", "b"]', 4, 5)"#,
        );
        let database = database.unwrap();
        let answer: Value = serde_json::from_str(&list(&database, 0.0, 500.0).unwrap()).unwrap();
        assert_eq!(
            answer,
            json!({"count": 2, "items": [
                {"id": 1, "name": "Edge \"Link\"", "category": "toys", "price": 320.07,
                 "quantity": 26, "active": true, "tags": ["new"],
                 "rating": {"score": 3.7, "count": 457}},
                {"id": 2, "name": "Core", "category": "tools", "price": 20.0,
                 "quantity": 1, "active": false, "tags": ["a", "b"],
                 "rating": {"score": 4.0, "count": 5}}]})
        );
        assert!(
            list(&database, 10.0, 50.0)
                .unwrap()
                .ends_with(r#"],"count":1}"#)
        );
        assert_eq!(list(&database, 1.0, 2.0).unwrap(), EMPTY);
    }

    #[test]
    fn at_most_fifty_rows_are_listed() {
        let (_dir, database) = database(
            "many.db",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80)
             INSERT INTO items SELECT i, 'n', 'c', 10.5, 1, 1, '[]', 1.5, 1 FROM n",
        );
        let answer = list(&database.unwrap(), 10.0, 11.0).unwrap();
        assert!(answer.ends_with(r#"],"count":50}"#));
    }

    #[test]
    fn a_broken_row_is_named() {
        for tags in ["[\"a\"", "nothing", "{}", ""] {
            let row =
                format!("INSERT INTO items VALUES (7, 'n', 'c', 1.5, 1, 1, '{tags}', 1.5, 1)");
            let (_dir, database) = database("broken.db", &row);
            let error = list(&database.unwrap(), 0.0, 9.0).unwrap_err().to_string();
            assert!(error.contains("item 7: tags"), "{error}");
        }
        let row = "INSERT INTO items VALUES (8, 'n', 'c', 1.5, 'many', 1, '[]', 1.5, 1)";
        let (_dir, database) = database("broken.db", row);
        let error = list(&database.unwrap(), 0.0, 9.0).unwrap_err().to_string();
        assert!(error.contains("item 8"), "{error}");
    }

    #[test]
    fn a_missing_or_foreign_file_is_an_error_at_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("benchmark.db");
        assert!(matches!(Database::open(&path), Err(OpenError::Read(_))));
        fs::write(&path, "no database, but long enough".repeat(100)).unwrap();
        assert!(matches!(Database::open(&path), Err(OpenError::Sqlite(_))));
        fs::remove_file(&path).unwrap();
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE items (id INTEGER)")
            .unwrap();
        let error = Database::open(&path).unwrap_err().to_string();
        assert!(error.contains("no such column"), "{error}");
    }
}
