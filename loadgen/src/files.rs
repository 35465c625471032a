//! What a run leaves behind besides its report: result files, and who made them where.

pub(crate) mod csv;
mod derived;
mod hgrm;
mod hlog;
mod host;
pub(crate) mod markdown;
mod options;
mod pending;
mod result;
mod secret;
mod session;

pub(crate) use derived::{Derived, DerivedFiles};
pub(crate) use host::{Host, ranges};
pub(crate) use markdown::model;
pub(crate) use options::Options;
pub(crate) use pending::Pending;
pub(crate) use result::RunFile;
pub(crate) use session::{Files, Session};
