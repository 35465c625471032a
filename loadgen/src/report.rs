//! The result of a run, for people and for programs.

pub(crate) mod json;
pub(crate) mod text;
pub(crate) mod tls;
pub(crate) mod units;
