//! The results folder of one benchmark at a time, found out before anything is
//! measured.

use crate::error::{Context, Error};
use std::fs::{File, TryLockError};
use std::path::Path;

/// Held as long as it lives; the lock ends with the process, however that ends.
#[derive(Debug)]
pub(super) struct Claim {
    _lock: File,
}

impl Claim {
    /// Creates the folder and takes it.
    pub(super) fn of(results: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(results).context(|| format!("create {}", results.display()))?;
        let path = results.join(".lock");
        let lock = File::create(&path).context(|| format!("write {}", path.display()))?;
        match lock.try_lock() {
            // Where the file system has no locks nothing is known.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::environment(format!(
                "another benchmark is running ({} is locked): each would measure the other's load",
                path.display()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path().join("results");
        let first = Claim::of(&results).unwrap();
        let error = Claim::of(&results).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("another benchmark"), "{error}");
        drop(first);
        Claim::of(&results).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path().join("results");
        std::fs::write(&results, "").unwrap();
        let error = Claim::of(&results).unwrap_err();
        assert!(
            error.to_string().contains(&results.display().to_string()),
            "{error}"
        );
    }
}
