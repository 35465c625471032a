//! What a run leaves behind besides its report: result files, and who made them where.

pub(crate) mod hgrm;
pub(crate) mod hlog;
mod host;
mod options;
mod pending;
mod result;
mod session;

pub(crate) use host::Host;
pub(crate) use options::Options;
pub(crate) use pending::Pending;
pub(crate) use result::RunFile;
pub(crate) use session::{Files, Session};
