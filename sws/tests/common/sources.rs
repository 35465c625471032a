//! Whether tests that a table names are there.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code, of which each test file uses its own part"
)]

use std::path::{Path, PathBuf};

/// Where the workspace's sources are.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files below a folder.
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => below(&path),
            false => vec![path],
        })
        .collect()
}

/// Whether `path/of/file.rs::name` is a test (or, in a bench, a function).
pub fn expect_test(named: &str) {
    let (file, name) = named.split_once("::").unwrap();
    let text = std::fs::read_to_string(root().join(file))
        .unwrap_or_else(|error| panic!("{named}: {error}"));
    let function = format!("fn {name}(");
    let mut before = text.split(&function);
    let before = before.next().filter(|b| b.len() < text.len());
    let Some(before) = before else {
        panic!("{named}: there is no such test");
    };
    // Attributes and the like lie between a test's mark and its name.
    let lines = before.trim_end().lines().rev();
    let marked = lines
        .take_while(|line| !line.trim().is_empty() && line.trim() != "}")
        .any(|line| line.trim() == "#[test]");
    let bench = file.contains("/benches/");
    assert!(marked || bench, "{named} is not a test");
}

/// Everything in backticks in `text` that looks like a test: `some/file.rs::name`.
pub fn tests_named_in(text: &str) -> Vec<&str> {
    let words = text.split('`').skip(1).step_by(2);
    words.filter(|word| word.contains(".rs::")).collect()
}
