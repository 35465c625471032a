//! `benchmark.db`: the SQLite file behind `/db`.

use crate::data::items::{TAGS, float_category, float_name};
use crate::error::{Context, Error};
use crate::rng::Rng;
use rusqlite::{Connection, params};
use std::path::Path;

/// Rows in the table.
pub const ROWS: u32 = 100_000;

/// No index: the range query is a scan that its LIMIT stops, and that is part
/// of what the profile measures.
const SCHEMA: &str = "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, \
     category TEXT NOT NULL, price REAL NOT NULL, quantity INTEGER NOT NULL, \
     active INTEGER NOT NULL, tags TEXT NOT NULL, rating_score REAL NOT NULL, \
     rating_count INTEGER NOT NULL)";

/// Writes a new database at `path`, which must not exist.
///
/// # Errors
/// When SQLite cannot create or fill the file.
pub fn write(path: &Path, rng: &mut Rng) -> Result<(), Error> {
    fill(path, rng).context(|| format!("write {}", path.display()))
}

fn fill(path: &Path, rng: &mut Rng) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    // A half-written file is thrown away as a whole, so nothing needs to
    // survive a crash. The journal mode that stays in the header is DELETE.
    connection.execute_batch(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;",
    )?;
    connection.execute_batch(SCHEMA)?;
    let transaction = connection.transaction()?;
    {
        let mut insert =
            transaction.prepare("INSERT INTO items VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
        for id in 1..=ROWS {
            let price = rng.decimal(100, 50_000, 100);
            let quantity = rng.within(1, 1000) as u32;
            let active = rng.within(0, 1) as u32;
            let tag_count = rng.within(1, 4) as usize;
            let tags = format!("[{}]", quoted(&rng.sample(&TAGS, tag_count)));
            let name = format!("{} {id}", float_name(rng.within(0, 49) as usize));
            let category = float_category(rng.within(0, 49) as usize);
            let score = rng.decimal(10, 50, 10);
            let count = rng.within(1, 500) as u32;
            insert.execute(params![
                id, name, category, price, quantity, active, tags, score, count
            ])?;
        }
    }
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error)
}

/// JSON text of a list of plain words, spaced as Python's `json.dumps` does.
fn quoted(words: &[&&str]) -> String {
    words
        .iter()
        .map(|word| format!("\"{word}\""))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_its_rows_and_enough_cheap_items() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("benchmark.db");
        write(&path, &mut Rng::new(42)).unwrap();
        let connection = Connection::open(&path).unwrap();
        let count = |sql: &str| -> u32 { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
        assert_eq!(count("SELECT COUNT(*) FROM items"), ROWS);
        assert!(count("SELECT COUNT(*) FROM items WHERE price BETWEEN 10 AND 50") > 5000);
        assert_eq!(
            count("SELECT COUNT(*) FROM items WHERE price < 1 OR price > 500"),
            0
        );
        let tags: String = connection
            .query_row("SELECT tags FROM items LIMIT 1", [], |row| row.get(0))
            .unwrap();
        assert!(serde_json::from_str::<Vec<String>>(&tags).unwrap().len() <= 4);
        let journal: String = connection
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .unwrap();
        assert_eq!(journal, "delete");
    }
}
