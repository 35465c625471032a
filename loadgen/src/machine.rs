//! What the files of /proc and /sys say, read by functions of their text.

pub(crate) mod cgroup;
pub(crate) mod cpu;
pub(crate) mod limits;
pub(crate) mod pressure;

use std::{fs, path::Path};

/// A file of one line, without its end; `None` when there is none.
pub(crate) fn line(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

/// A file that is one number.
pub(crate) fn number(path: impl AsRef<Path>) -> Option<u64> {
    line(path)?.parse().ok()
}
