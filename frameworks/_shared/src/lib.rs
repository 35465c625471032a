//! What the compared servers in Rust have in common, so that they differ in how
//! they serve and in nothing else: the datasets and the lists made of them, the
//! database, query parameters, gzip, and what `run.sh start` is given.

pub mod data;
#[cfg(feature = "sqlite")]
pub mod db;
pub mod gzip;
pub mod query;
pub mod settings;
#[cfg(feature = "websocket")]
pub mod websocket;
