//! The HttpArena entry on [`sws`]: its endpoints, its data and its command line.
//!
//! The binary is a few lines on this crate; tests and benches use the same
//! modules.

pub mod app;
pub mod args;
pub mod dataset;
pub mod db;
pub mod endpoints;
pub mod gzip;
pub mod item_list;
pub mod json;
pub mod number;
pub mod query;
pub mod testdata;
pub mod units;
