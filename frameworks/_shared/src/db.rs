//! The range query on the SQLite file.
//!
//! Each thread has a connection of its own, in a thread local, so that handlers
//! need neither locks nor a particular runtime.

use std::{cell::OnceCell, path::Path};

use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    data::{Number, Rating},
    query,
};

const QUERY: &str = "SELECT id, name, category, price, quantity, active, tags, \
                     rating_score, rating_count FROM items WHERE price BETWEEN ? AND ? LIMIT 50";

const EMPTY: &str = r#"{"items":[],"count":0}"#;

thread_local! {
    static DATABASE: OnceCell<Database> = const { OnceCell::new() };
}

/// Why there is no list.
pub enum Refusal {
    /// A parameter is wrong; the sentence is for the client.
    Query(String),
    /// The query failed, which has been logged.
    Failed,
}

/// Opens this thread's connection to `benchmark.db`; where that is impossible it
/// says so, and lists are empty.
pub fn open_for_thread(data_dir: &Path) {
    let path = data_dir.join("benchmark.db");
    match Database::open(&path) {
        Ok(database) => {
            DATABASE.with(|cell| cell.set(database).is_ok());
        }
        Err(error) => eprintln!("{}: {error}; /db answers an empty list", path.display()),
    }
}

/// The JSON list that `/db?min=&max=` answers with.
///
/// # Errors
/// A wrong parameter, or a query that failed.
pub fn list(query: Option<&str>) -> Result<Vec<u8>, Refusal> {
    let min: f64 = query::value(query, "min", 10.0).map_err(Refusal::Query)?;
    let max: f64 = query::value(query, "max", 50.0).map_err(Refusal::Query)?;
    DATABASE.with(|cell| match cell.get() {
        None => Ok(EMPTY.into()),
        Some(database) => database.list(min, max).map_err(|reason| {
            eprintln!("/db: {reason}");
            Refusal::Failed
        }),
    })
}

struct Database {
    connection: Connection,
}

impl Database {
    /// Opens the file for reading only; it never changes while we run.
    fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(immutable_uri(path), flags)?;
        connection.pragma_update(None, "mmap_size", 256 * 1024 * 1024)?;
        // Prepared now, so that a file of another shape is noticed at start.
        connection.prepare_cached(QUERY)?;
        Ok(Self { connection })
    }

    /// The JSON list of up to 50 items whose price lies in `min..=max`.
    fn list(&self, min: f64, max: f64) -> Result<Vec<u8>, String> {
        let mut statement = self.connection.prepare_cached(QUERY).map_err(text)?;
        let mut rows = statement.query((min, max)).map_err(text)?;
        let mut body = Vec::with_capacity(10 * 1024);
        body.extend_from_slice(br#"{"items":["#);
        let mut count = 0;
        while let Some(row) = rows.next().map_err(text)? {
            if count > 0 {
                body.push(b',');
            }
            serde_json::to_writer(&mut body, &DbItem::read(row)?).map_err(text)?;
            count += 1;
        }
        body.extend_from_slice(format!(r#"],"count":{count}}}"#).as_bytes());
        Ok(body)
    }
}

/// `immutable`: nobody writes the file while we run, so no query needs the file
/// locks and change checks of SQLite.
fn immutable_uri(path: &Path) -> String {
    let escaped: String = path
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23");
    format!("file:{escaped}?immutable=1")
}

#[derive(Serialize)]
struct DbItem<'a> {
    id: i64,
    name: &'a str,
    category: &'a str,
    price: Number,
    quantity: i64,
    active: bool,
    tags: &'a RawValue,
    rating: Rating,
}

impl<'a> DbItem<'a> {
    fn read(row: &'a Row<'_>) -> Result<Self, String> {
        Ok(Self {
            id: row.get(0).map_err(text)?,
            name: text_column(row, 1)?,
            category: text_column(row, 2)?,
            price: number_column(row, 3)?,
            quantity: row.get(4).map_err(text)?,
            active: row.get(5).map_err(text)?,
            tags: serde_json::from_str(text_column(row, 6)?).map_err(text)?,
            rating: Rating {
                score: number_column(row, 7)?,
                count: row.get(8).map_err(text)?,
            },
        })
    }
}

fn text_column<'a>(row: &'a Row<'_>, index: usize) -> Result<&'a str, String> {
    row.get_ref(index).map_err(text)?.as_str().map_err(text)
}

fn number_column(row: &Row<'_>, index: usize) -> Result<Number, String> {
    match row.get_ref(index).map_err(text)? {
        ValueRef::Integer(value) => Ok(Number::Int(value)),
        ValueRef::Real(value) => Ok(Number::Float(value)),
        other => Err(format!("column {index} holds {}", other.data_type())),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
