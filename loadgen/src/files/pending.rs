//! Files that appear when they are complete.

use crate::error::Failure;
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// What the process's umask is applied to.
const MODE: u32 = 0o666;

/// A file to be written. What was there before stays until [`write`](Self::write); it is gone when this is dropped before.
#[derive(Debug)]
pub(crate) struct Pending {
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// In the same folder, so that it can be renamed.
    Beside(NamedTempFile),
    /// A pipe or device cannot be replaced.
    Direct(File),
}

impl Pending {
    /// Makes sure that the file can be written, before there is anything to write.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        let failure =
            |error: io::Error| Failure::Usage(format!("cannot write {}: {error}", path.display()));
        if path == Path::new("-") {
            return Err(Failure::Usage(
                "cannot write a file named -: /dev/stdout is the standard output, ./- such a file"
                    .into(),
            ));
        }
        // Where a symbolic link points to is what is replaced.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.into());
        let place = match fs::metadata(&real) {
            Ok(found) if found.is_dir() => {
                return Err(failure(io::ErrorKind::IsADirectory.into()));
            }
            Ok(found) if !found.is_file() => Place::Direct(
                OpenOptions::new()
                    .write(true)
                    .open(&real)
                    .map_err(failure)?,
            ),
            _ => Place::Beside(beside(&real).map_err(failure)?),
        };
        Ok(Self { path: real, place })
    }

    /// The same for a file that may not be wanted.
    pub(crate) fn maybe(path: Option<&PathBuf>) -> Result<Option<Self>, Failure> {
        path.map(|path| Self::new(path)).transpose()
    }

    /// Writes the file with what `write` writes.
    pub(crate) fn write(
        self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let path = self.path;
        let done = match self.place {
            Place::Direct(file) => buffered(&file, write),
            Place::Beside(file) => buffered(file.as_file(), write)
                .and_then(|()| file.persist(&path).map(drop).map_err(|error| error.error)),
        };
        done.map_err(|error| {
            Failure::Output(io::Error::new(
                error.kind(),
                format!("{}: {error}", path.display()),
            ))
        })
    }
}

fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        let text = format!("there is no directory {}", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, text));
    }
    let made = tempfile::Builder::new()
        .prefix(".loadgen-")
        .permissions(Permissions::from_mode(MODE))
        .tempfile_in(folder);
    // The name of a file that is not there yet helps nobody.
    made.map_err(|error| error.kind().into())
}

fn buffered(file: &File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = io::BufWriter::new(file);
    write(&mut out)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        fs::write(&path, "old").unwrap();
        let pending = Pending::new(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        drop(pending);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let failed = Pending::new(&path).unwrap().write(|out| {
            out.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");

        let pending = Pending::new(&path).unwrap();
        pending.write(|out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/such/result.json");
        let error = Pending::new(&missing).unwrap_err().to_string();
        assert!(error.contains("no/such/result.json"), "{error}");
        assert!(Pending::new(folder.path()).is_err());
        let null = Pending::new(Path::new("/dev/null")).unwrap();
        null.write(|out| out.write_all(b"x")).unwrap();
    }
}
