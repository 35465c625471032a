//! What a server prints.

use super::server::{Running, Server};
use crate::error::{Context, Error};
use std::path::Path;
use std::time::{Duration, Instant};

/// A server that answers and has printed nothing for so long has said what it is.
const SILENCE: Duration = Duration::from_millis(100);
/// As long as that is waited for where one goes on printing.
const SAYS_WITHIN: Duration = Duration::from_secs(1);
/// Lines that are enough to say it, with a warning or two.
const GREETING_LINES: usize = 3;
/// Lines that an error shows.
const LAST_LINES: usize = 15;

impl Server {
    /// What it printed; of a container the end.
    pub fn output(&self) -> String {
        let text = match &self.running {
            Running::Native(_) => std::fs::read(self.log_path()).unwrap_or_default(),
            Running::Docker { docker, container } => docker.logs(container.name(), LAST_LINES),
        };
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Writes all that it has printed into a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save_output(&self, path: &Path) -> Result<(), Error> {
        let save = || match &self.running {
            Running::Native(_) => std::fs::copy(self.log_path(), path).map(drop),
            Running::Docker { docker, container } => docker.save_logs(container.name(), path),
        };
        save().context(|| format!("write {}", path.display()))
    }

    /// The first line of its output that holds `word`.
    pub fn said(&self, word: &str) -> Option<String> {
        let text = self.output();
        let line = text.lines().find(|line| line.contains(word))?;
        Some(line.trim().to_owned())
    }

    /// The last lines that it printed, waited for a little: most servers say
    /// there what they are and where they listen, some after a warning.
    pub fn greeting(&self) -> Vec<String> {
        let start = Instant::now();
        let mut since = start;
        let mut printed = self.output();
        while since.elapsed() < SILENCE && start.elapsed() < SAYS_WITHIN {
            std::thread::sleep(Duration::from_millis(10));
            let now = self.output();
            if now != printed {
                printed = now;
                since = Instant::now();
            }
        }
        // What comes after the last line break is still being written.
        let (lines, _) = printed.rsplit_once('\n').unwrap_or_default();
        let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        lines[lines.len().saturating_sub(GREETING_LINES)..].to_vec()
    }

    /// The end of what it printed, indented for a message.
    pub fn last_lines(&self) -> String {
        let text = self.output();
        let lines: Vec<&str> = text.lines().collect();
        if lines.is_empty() {
            return "  (it printed nothing)".into();
        }
        let first = lines.len().saturating_sub(LAST_LINES);
        lines[first..]
            .iter()
            .map(|line| format!("  | {line}"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}
