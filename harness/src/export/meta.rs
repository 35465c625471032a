//! `meta.json` of the exported folder.

use super::{read, write};
use crate::error::{Context, Error};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Every field that the arena's documentation names, in its order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Meta {
    display_name: String,
    language: String,
    #[serde(rename = "type")]
    kind: String,
    engine: String,
    description: String,
    #[serde(default)]
    repo: String,
    enabled: bool,
    tests: Vec<String>,
    #[serde(default)]
    maintainers: Vec<String>,
}

impl Meta {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        serde_json::from_str(&read(path)?).context(|| format!("understand {}", path.display()))
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).context(|| "write meta.json".into())?;
        write(path, &format!("{text}\n"))
    }

    /// What was said now, else what was said before, else what the repository says.
    pub(super) fn complete(
        &mut self,
        repo: Option<&str>,
        maintainers: &[String],
        before: Option<&Self>,
    ) {
        if let Some(repo) = repo {
            self.repo = repo.into();
        } else if let Some(before) = before.filter(|before| !before.repo.is_empty()) {
            self.repo.clone_from(&before.repo);
        }
        if !maintainers.is_empty() {
            self.maintainers = maintainers.into();
        } else if let Some(before) = before.filter(|before| !before.maintainers.is_empty()) {
            self.maintainers.clone_from(&before.maintainers);
        }
    }

    /// Whether nobody is named, or no place of the sources.
    pub(super) fn is_anonymous(&self) -> bool {
        self.repo.is_empty() || self.maintainers.is_empty()
    }

    /// Takes out the tests that are not `known`; they are the result.
    pub(super) fn keep_only(&mut self, known: &[String]) -> Vec<String> {
        let (kept, dropped) = std::mem::take(&mut self.tests)
            .into_iter()
            .partition(|test| known.contains(test));
        self.tests = kept;
        dropped
    }
}
