//! Entries: servers that can be built, started, checked and measured.
//!
//! An entry is a folder with `meta.json` and a `run.sh` that knows `build` and
//! `start`. The repository's root is an entry itself; the others live in
//! `frameworks/`.

use crate::error::{Context, Error};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the entry that the repository's root is.
pub const ROOT_ENTRY: &str = "sws";

/// What `type` may be: `framework` in 2026-03 and `production`, `tuned` and
/// `infrastructure` in 2026-04, `engine` in both.
const TYPES: [&str; 5] = [
    "engine",
    "framework",
    "production",
    "tuned",
    "infrastructure",
];

/// `meta.json` as the arena defines it; unknown fields are ignored.
#[derive(Debug, Clone, Deserialize)]
pub struct Meta {
    /// The name in tables and result files.
    pub display_name: String,
    /// The programming language.
    pub language: String,
    /// Free text, except that `io_uring` asks for the container flags that
    /// io_uring needs.
    #[serde(default)]
    pub engine: String,
    /// `engine`, `production`, ...: with whom the arena compares it.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// What it is, in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// Where its sources are.
    #[serde(default)]
    pub repo: String,
    /// Profiles that the entry takes part in.
    #[serde(default)]
    pub tests: Vec<String>,
    /// Entries that are not enabled are left out of default runs.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// A server to check or to measure.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The folder's name: what the command line, image and result file use.
    pub name: String,
    /// What `meta.json` says.
    pub meta: Meta,
    /// The script with the verbs `build` and `start`.
    pub script: PathBuf,
    /// Holds the `Dockerfile` and is the build context.
    pub folder: PathBuf,
}

impl Entry {
    /// Whether it takes part in a profile.
    pub fn lists(&self, profile: &str) -> bool {
        self.meta.tests.iter().any(|test| test == profile)
    }

    /// What the arena would not complain of and its readers would.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let mut note = |about: String| remarks.push(format!("meta.json: {about}"));
        if self.meta.display_name.trim().is_empty() {
            note("display_name is empty: the leaderboard shows it".into());
        }
        if !TYPES.contains(&self.meta.kind.as_str()) {
            note(format!(
                "type is {:?}; there are: {}",
                self.meta.kind,
                TYPES.join(", ")
            ));
        }
        if !self.folder.join("Dockerfile").is_file() && !self.folder.join("build.sh").is_file() {
            remarks.push("without a Dockerfile the arena cannot run it".into());
        }
        remarks
    }
}

/// Every entry of the repository: the root first, the others by name.
///
/// # Errors
/// When a `meta.json` cannot be read.
pub fn all(root: &Path) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    if root.join("meta.json").is_file() {
        entries.push(root_entry(root)?);
    }
    let mut folders: Vec<PathBuf> = fs::read_dir(root.join("frameworks"))
        .map(|listing| listing.flatten().map(|item| item.path()).collect())
        .unwrap_or_default();
    folders.retain(|folder| folder.join("meta.json").is_file());
    folders.sort();
    for folder in folders {
        entries.push(from_folder(&folder)?);
    }
    Ok(entries)
}

fn root_entry(root: &Path) -> Result<Entry, Error> {
    Ok(Entry {
        name: ROOT_ENTRY.into(),
        meta: read_meta(&root.join("meta.json"))?,
        script: root.join("scripts/run-sws.sh"),
        folder: root.to_path_buf(),
    })
}

fn from_folder(folder: &Path) -> Result<Entry, Error> {
    let folder = folder
        .canonicalize()
        .context(|| format!("find {}", folder.display()))?;
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| Error::usage(format!("{} has no name", folder.display())))?;
    Ok(Entry {
        name,
        meta: read_meta(&folder.join("meta.json"))?,
        script: folder.join("run.sh"),
        folder,
    })
}

fn read_meta(path: &Path) -> Result<Meta, Error> {
    let text = fs::read_to_string(path).context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).context(|| format!("understand {}", path.display()))
}

/// The entry that a word on the command line means: a name, or a path (with a
/// slash in it) to a folder.
///
/// # Errors
/// When there is no such entry (a usage error that lists those that exist), or
/// its `meta.json` is unreadable.
pub fn named(root: &Path, word: &str) -> Result<Entry, Error> {
    if word.contains('/') {
        let folder = Path::new(word);
        if !folder.join("meta.json").is_file() {
            return Err(Error::usage(format!("{word} has no meta.json")));
        }
        return from_folder(folder);
    }
    let known = all(root)?;
    let names = known
        .iter()
        .map(|entry| entry.name.clone())
        .collect::<Vec<_>>()
        .join(", ");
    known
        .into_iter()
        .find(|entry| entry.name == word)
        .ok_or_else(|| Error::usage(format!("unknown entry {word}; there are: {names}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(root: &Path, name: &str) {
        let folder = root.join("frameworks").join(name);
        fs::create_dir_all(&folder).unwrap();
        let meta = format!(r#"{{"display_name":"{name}","language":"C","tests":["baseline"]}}"#);
        fs::write(folder.join("meta.json"), meta).unwrap();
    }

    #[test]
    fn entries_are_found_by_name_and_by_path() {
        let root = tempfile::tempdir().unwrap();
        entry(root.path(), "zeta");
        entry(root.path(), "alpha");
        fs::create_dir_all(root.path().join("frameworks/_shared")).unwrap();
        let names: Vec<String> = all(root.path())
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        assert_eq!(names, ["alpha", "zeta"]);
        let path = root.path().join("frameworks/zeta").display().to_string();
        assert_eq!(named(root.path(), &path).unwrap().name, "zeta");
        assert!(named(root.path(), "alpha").unwrap().meta.enabled);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let root = tempfile::tempdir().unwrap();
        entry(root.path(), "alpha");
        let error = named(root.path(), "beta").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert_eq!(error.to_string(), "unknown entry beta; there are: alpha");
    }

    #[test]
    fn a_broken_meta_file_is_named() {
        let root = tempfile::tempdir().unwrap();
        entry(root.path(), "alpha");
        fs::write(root.path().join("frameworks/alpha/meta.json"), "{").unwrap();
        let error = all(root.path()).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("alpha/meta.json"), "{error}");
    }

    #[test]
    fn what_the_arenas_readers_would_stumble_over_is_remarked() {
        let root = tempfile::tempdir().unwrap();
        entry(root.path(), "alpha");
        let mut found = named(root.path(), "alpha").unwrap();
        let text = found.remarks().join("\n");
        assert!(text.contains("type is \"\"; there are: engine, framework"));
        assert!(text.contains("without a Dockerfile"));
        found.meta.kind = "engine".into();
        fs::write(found.folder.join("Dockerfile"), "FROM scratch").unwrap();
        assert_eq!(found.remarks(), Vec::<String>::new());
        found.meta.display_name = " ".into();
        assert!(found.remarks()[0].contains("display_name is empty"));
    }
}
