//! What the compared servers in Rust have in common, so that they differ in how
//! they serve and in nothing else: the datasets and the lists made of them, the
//! database, query parameters, gzip, and what `run.sh start` is given.

#[cfg(feature = "hyper")]
pub mod connections;
pub mod data;
#[cfg(feature = "sqlite")]
pub mod db;
pub mod gzip;
pub mod query;
pub mod settings;
pub mod threads;
#[cfg(feature = "hyper")]
pub mod websocket;
