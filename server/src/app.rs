//! What the endpoints work with.

use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use sws::CountersHandle;

use crate::{dataset::Dataset, db::Database, gzip::Gzip};

/// The read-only files that all reactors share. A file that is missing or
/// malformed is `None`, and its endpoints say so.
#[derive(Debug)]
pub struct Data {
    /// `dataset.json`, for `/json`.
    pub small: Option<Dataset>,
    /// `dataset-large.json`, for `/compression`.
    pub large: Option<Dataset>,
}

impl Data {
    /// Loads what `data_dir` holds; each file that cannot be used is reported
    /// to `report` in one line, with the endpoints that suffer.
    pub fn load(data_dir: &Path, mut report: impl FnMut(String)) -> Self {
        let mut load = |name: &str, consequence: &str| {
            let path = data_dir.join(name);
            Dataset::load(&path)
                .map_err(|error| report(format!("{} {error}; {consequence}", path.display())))
                .ok()
        };
        Self {
            small: load("dataset.json", "/json will answer 500"),
            large: load("dataset-large.json", "/compression will answer 500"),
        }
    }
}

/// What the states of all reactors are made from.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The datasets.
    pub data: Arc<Data>,
    /// Where `benchmark.db` is looked for.
    pub data_dir: Arc<Path>,
    /// Level of gzip answers, when it is not to be each endpoint's own.
    pub gzip_level: Option<u8>,
    /// Filled once the server runs, when it is to show its counters.
    pub counters: Arc<OnceLock<CountersHandle>>,
    /// That the database cannot be used was said. All reactors open the same
    /// file, and where io_uring fails those on epoll open it once more.
    pub database_reported: Arc<AtomicBool>,
}

/// The state of one reactor, made on its thread and never shared.
#[derive(Debug)]
pub struct App {
    pub(crate) data: Arc<Data>,
    pub(crate) database: Option<Database>,
    pub(crate) gzip: Gzip,
    pub(crate) gzip_level: Option<u8>,
    pub(crate) counters: Arc<OnceLock<CountersHandle>>,
}

impl App {
    /// Opens the database; one that cannot be used is reported to `report` in one
    /// line, the first time.
    pub fn open(shared: &Shared, report: impl FnOnce(String)) -> Self {
        let path = shared.data_dir.join("benchmark.db");
        let database = Database::open(&path)
            .map_err(|error| {
                if !shared.database_reported.swap(true, Ordering::Relaxed) {
                    let path = path.display();
                    report(format!("{path} {error}; /db will answer an empty list"));
                }
            })
            .ok();
        Self {
            data: Arc::clone(&shared.data),
            database,
            gzip: Gzip::new(),
            gzip_level: shared.gzip_level,
            counters: Arc::clone(&shared.counters),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{self, Generation};

    #[test]
    fn missing_and_malformed_files_are_reported_by_name() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dataset-large.json"), "[{\n  \"id\": x}]").unwrap();
        let mut reports = Vec::new();
        let data = Data::load(dir.path(), |line| reports.push(line));
        assert!(data.small.is_none() && data.large.is_none());
        assert!(
            reports[0].contains("dataset.json cannot be read"),
            "{reports:?}"
        );
        assert!(reports[1].contains("line 2 column 9"), "{reports:?}");

        let shared = Shared {
            data: Arc::new(data),
            data_dir: dir.path().into(),
            gzip_level: None,
            counters: Arc::default(),
            database_reported: Arc::default(),
        };
        for _ in 0..3 {
            let app = App::open(&shared, |line| reports.push(line));
            assert!(app.database.is_none());
        }
        assert!(reports[2].contains("benchmark.db"), "{reports:?}");
        assert_eq!(reports.len(), 3);
    }

    #[test]
    fn good_files_are_loaded_silently() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("dataset.json"),
            testdata::dataset(Generation::Ints, 50),
        )
        .unwrap();
        std::fs::write(
            dir.path().join("dataset-large.json"),
            testdata::dataset(Generation::Floats, 60),
        )
        .unwrap();
        let data = Data::load(dir.path(), |line| panic!("{line}"));
        assert_eq!(data.small.unwrap().items().len(), 50);
        assert_eq!(data.large.unwrap().items().len(), 60);
    }
}
