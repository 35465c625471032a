//! The tables of `docs/features.md` name tests that exist, have a row for everything, and miss no numbered check.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod common;

use common::sources;
use std::collections::BTreeMap;

const DOCUMENT: &str = "docs/features.md";

fn document() -> String {
    std::fs::read_to_string(sources::root().join(DOCUMENT)).unwrap()
}

/// Rows by their first cell.
fn rows(text: &str) -> BTreeMap<String, &str> {
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let first = line.split('|').nth(1).unwrap().trim();
        let before = rows.insert(first.to_owned(), line);
        assert!(before.is_none() || first == "Nr.", "{first} twice");
    }
    rows
}

#[test]
fn every_test_that_is_named_exists() {
    let text = document();
    let named = sources::tests_named_in(&text);
    assert!(named.len() > 100, "{}", named.len());
    for name in named {
        sources::expect_test(name);
    }
}

#[test]
fn every_feature_and_every_check_has_a_row_with_a_test() {
    let text = document();
    let rows = rows(&text);
    let features = (1..=36).chain(50..=56).map(|n| format!("F{n}"));
    let checks = (1..=30).map(|n| n.to_string());
    for name in features.chain(checks) {
        let row = rows
            .get(&name)
            .unwrap_or_else(|| panic!("{name} is missing"));
        let tests = sources::tests_named_in(row);
        assert!(!tests.is_empty(), "{name} names no test");
    }
}

/// A check that is added, or is given another name, is in the table as well.
#[test]
fn every_numbered_check_is_in_its_row() {
    let text = document();
    let rows = rows(&text);
    let mut found = 0;
    let tests = sources::root().join("sws/tests");
    for path in sources::below(&tests) {
        let source = std::fs::read_to_string(&path).unwrap();
        for rest in source.split("\nfn check_").skip(1) {
            let name = rest.split('(').next().unwrap();
            let number: u32 = name.split('_').next().unwrap().parse().unwrap();
            let row = rows[&number.to_string()];
            let file = path.strip_prefix(&tests).unwrap().display();
            let expected = format!("`sws/tests/{file}::check_{name}`");
            assert!(row.contains(&expected), "{expected} is not in row {number}");
            found += 1;
        }
    }
    assert!(found > 20, "{found}");
}
