//! Our own look into the run's SQLite file.

use super::fault::Fault;
use super::target::Target;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use serde_json::{Value, json};

/// The file, opened for reading.
pub(super) struct Database(Connection);

impl Database {
    pub(super) fn open(target: &Target<'_>) -> Result<Self, Fault> {
        let path = target.data.join("benchmark.db");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&path, flags)
            .map(Self)
            .map_err(|error| Fault::skip(format!("cannot open {}: {error}", path.display())))
    }

    /// Rows with a price from `min` to `max`, both inclusive.
    pub(super) fn count(&self, min: f64, max: f64) -> Result<usize, Fault> {
        let sql = "SELECT COUNT(*) FROM items WHERE price BETWEEN ?1 AND ?2";
        self.0
            .query_row(sql, params![min, max], |row| row.get::<_, u32>(0))
            .map(|count| count as usize)
            .map_err(|error| Fault::skip(format!("cannot count rows: {error}")))
    }

    /// A row as the item that it must become.
    pub(super) fn row(&self, id: i64) -> Result<Option<Value>, String> {
        let sql = "SELECT id, name, category, price, quantity, active, tags, rating_score, \
             rating_count FROM items WHERE id = ?1";
        let found = self.0.query_row(sql, params![id], item).optional();
        found.map_err(|error| format!("cannot read row {id}: {error}"))
    }
}

fn item(row: &Row<'_>) -> rusqlite::Result<Value> {
    let tags: String = row.get(6)?;
    Ok(json!({
        "id": row.get::<_, i64>(0)?,
        "name": row.get::<_, String>(1)?,
        "category": row.get::<_, String>(2)?,
        "price": row.get::<_, f64>(3)?,
        "quantity": row.get::<_, i64>(4)?,
        "active": row.get::<_, i64>(5)? != 0,
        "tags": serde_json::from_str::<Value>(&tags).unwrap_or(Value::Null),
        "rating": { "score": row.get::<_, f64>(7)?, "count": row.get::<_, i64>(8)? },
    }))
}
