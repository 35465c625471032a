//! Settings of the kernel that are put back.

use super::{Debris, debris, forget, note};
use std::io;
use std::path::{Path, PathBuf};

/// A changed setting of the kernel that is put back when this is dropped.
#[derive(Debug)]
pub struct Setting {
    path: PathBuf,
    before: String,
    note: u64,
}

impl Setting {
    /// Writes `value` into a file of `/proc/sys` or `/sys`; `None` when that is
    /// its value already.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn change(path: &Path, value: &str) -> io::Result<Option<Self>> {
        let text = std::fs::read_to_string(path)?;
        let before = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if before == value {
            return Ok(None);
        }
        // As with processes: noted and changed at once, or not at all.
        let mut list = debris();
        std::fs::write(path, value)?;
        let note = note(&mut list, Debris::Setting(path.into(), before.clone()));
        Ok(Some(Self {
            path: path.into(),
            before,
            note,
        }))
    }

    /// What was in it.
    pub fn before(&self) -> &str {
        &self.before
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        if let Err(error) = std::fs::write(&self.path, &self.before) {
            eprintln!(
                "{} could not be put back to {}: {error}",
                self.path.display(),
                self.before
            );
        }
        forget(self.note);
    }
}
