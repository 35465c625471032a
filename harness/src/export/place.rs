//! The folder in the checkout: nothing in it is touched that an export did not
//! write, or that somebody has changed since.

use super::meta::Meta;
use super::{copy, read, write};
use crate::error::{Context, Error};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What was written, in the form of `sha256sum`.
const RECORD: &str = "EXPORTED.sha256";
/// Carried over from one export to the next, so it may be edited.
const META: &str = "meta.json";

/// The folder as an export finds it.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    /// Relative paths of an earlier export.
    ours: Vec<PathBuf>,
    meta: Option<Meta>,
}

impl Place {
    /// Refuses a folder with anything in it that is not ours.
    pub(super) fn look(folder: &Path) -> Result<Self, Error> {
        let mut place = Self {
            folder: folder.to_owned(),
            ours: Vec::new(),
            meta: None,
        };
        if folder.symlink_metadata().is_err() {
            return Ok(place);
        }
        let Ok(record) = fs::read_to_string(folder.join(RECORD)) else {
            return Err(place.refused(&format!(
                "it exists and has no {RECORD}, so it was not written by this command"
            )));
        };
        let written = parse(&record);
        for path in files(folder)? {
            if path.starts_with("target") || path == Path::new(RECORD) {
                continue;
            }
            let Some(sums) = written.get(&path) else {
                let why = format!("{} was not written by this command", path.display());
                return Err(place.refused(&why));
            };
            if path != Path::new(META) && !sums.contains(&checksum(&folder.join(&path))?) {
                let why = format!("{} was changed after it was written", path.display());
                return Err(place.refused(&why));
            }
        }
        place.ours = written.into_keys().collect();
        if folder.join(META).is_file() {
            place.meta = Some(Meta::read(&folder.join(META))?);
        }
        Ok(place)
    }

    fn refused(&self, why: &str) -> Error {
        Error::usage(format!(
            "{} is left as it is: {why}; move away what is to be kept and remove the folder",
            self.folder.display()
        ))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// That of an earlier export.
    pub(super) fn meta(&self) -> Option<&Meta> {
        self.meta.as_ref()
    }

    /// Puts the files of `source` here instead of those of an earlier export;
    /// the result is how many.
    pub(super) fn replace_with(&self, source: &Path) -> Result<usize, Error> {
        let new = files(source)?;
        let mut record = String::new();
        for path in &new {
            let _ = writeln!(
                record,
                "{}  {}",
                checksum(&source.join(path))?,
                path.display()
            );
        }
        // The union first: an export that breaks off can still be repeated.
        let mut union = read(&self.folder.join(RECORD)).unwrap_or_default();
        union += &record;
        write(&self.folder.join(RECORD), &union)?;
        for path in self.ours.iter().filter(|path| !new.contains(path)) {
            let path = self.folder.join(path);
            if path.exists() {
                fs::remove_file(&path).context(|| format!("remove {}", path.display()))?;
            }
        }
        for path in &new {
            copy(&source.join(path), &self.folder.join(path))?;
        }
        write(&self.folder.join(RECORD), &record)?;
        Ok(new.len() + 1)
    }
}

/// Checksums by path: two of a file after an export that broke off. Lines that
/// are none are passed over, so that their files count as foreign.
fn parse(record: &str) -> BTreeMap<PathBuf, Vec<String>> {
    let mut sums: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for (sum, path) in record.lines().filter_map(|line| line.split_once("  ")) {
        sums.entry(path.into()).or_default().push(sum.to_owned());
    }
    sums
}

fn checksum(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).context(|| format!("read {}", path.display()))?;
    let mut text = String::new();
    for byte in Sha256::digest(&bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// Everything below a folder that is no folder itself, in order, as paths
/// relative to it.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut list = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        let path = folder.join(&below);
        let doing = || format!("list {}", path.display());
        for item in fs::read_dir(&path).context(doing)? {
            let item = item.context(doing)?;
            let name = below.join(item.file_name());
            if item.file_type().context(doing)?.is_dir() {
                open.push(name);
            } else {
                list.push(name);
            }
        }
    }
    list.sort();
    Ok(list)
}
