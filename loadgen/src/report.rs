//! The result of a run, for people and for programs.

pub(crate) mod errors;
pub(crate) mod json;
mod machines;
pub(crate) mod mismatches;
pub(crate) mod spectrum;
pub(crate) mod stuck;
pub(crate) mod text;
pub(crate) mod tls;
pub(crate) mod units;
