//! Behind `validate.sh` and `benchmark.sh`: the profile table, the generated
//! data, the checks, the launching of entries natively or in Docker, the
//! measurements and their report.
//!
//! The harness runs programs and links none of the crates that it judges: the
//! checks speak HTTP through another project's client and through plain
//! sockets, so that a fault shared by our server and our load generator shows.

#![forbid(unsafe_code)]

pub mod bench;
pub mod check;
pub mod cleanup;
pub mod cli;
pub mod data;
pub mod entries;
pub mod error;
pub mod export;
pub mod launch;
pub mod pages;
pub mod processes;
pub mod profiles;
pub mod rng;
pub mod validate;
