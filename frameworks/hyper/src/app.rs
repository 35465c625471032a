//! What one thread owns: its database connection and its compressor.
//!
//! Kept in a thread local so that connection futures stay `Send` and run on
//! the runtime directly, without the extra scheduling layer of a `LocalSet`.

use std::{
    cell::{OnceCell, RefCell},
    path::Path,
    sync::Arc,
};

use crate::{data::Datasets, db::Database, gzip::Gzip};

pub(crate) struct App {
    pub(crate) datasets: Arc<Datasets>,
    pub(crate) database: Option<Database>,
    pub(crate) gzip: RefCell<Gzip>,
}

thread_local! {
    static APP: OnceCell<App> = const { OnceCell::new() };
}

/// Makes this thread's state; a database that cannot be opened is reported and
/// `/db` then answers an empty list.
pub(crate) fn install(datasets: Arc<Datasets>, data_dir: &Path) {
    let path = data_dir.join("benchmark.db");
    let database = match Database::open(&path) {
        Ok(database) => Some(database),
        Err(error) => {
            eprintln!(
                "hyper: {}: {error}; /db answers an empty list",
                path.display()
            );
            None
        }
    };
    let app = App {
        datasets,
        database,
        gzip: RefCell::default(),
    };
    APP.with(|cell| cell.set(app).is_ok());
}

/// Runs `work` with this thread's state, or returns `None` on a thread without.
pub(crate) fn with<T>(work: impl FnOnce(&App) -> T) -> Option<T> {
    APP.with(|cell| cell.get().map(work))
}
