//! The exported entry: complete by itself, and nothing of others overwritten.
//! Building and validating it takes minutes; the README of frameworks/ says how.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Run, harness};
use tempfile::TempDir;

const PROFILES: &str = "declare -A PROFILES=(\n    [baseline]=\"1|0|0-31,64-95|512,4096|\"\n    \
    [json-comp]=\"1|0|0-31,64-95|512|json-compressed\"\n)\n";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What every checkout of the arena has.
fn checkout() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("frameworks/other")).unwrap();
    fs::create_dir_all(folder.path().join("scripts/lib")).unwrap();
    for name in ["scripts/validate.sh", "scripts/benchmark.sh"] {
        fs::write(folder.path().join(name), "#!/bin/sh\n").unwrap();
    }
    fs::write(folder.path().join("scripts/lib/profiles.sh"), PROFILES).unwrap();
    folder
}

fn export(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = harness();
    command.arg("--root").arg(repository()).arg("export-arena");
    command.arg(folder).args(arguments);
    Run::of(command)
}

fn meta(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join("meta.json")).unwrap()).unwrap()
}

/// Packages of a lock file with their versions.
fn locked(path: &Path) -> BTreeSet<(String, String)> {
    let text = fs::read_to_string(path).unwrap();
    let field = |part: &str, name: &str| {
        let line = part.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_matches(['=', ' ', '"']).to_owned())
    };
    text.split("[[package]]")
        .filter_map(|part| Some((field(part, "name")?, field(part, "version")?)))
        .collect()
}

#[test]
fn the_folder_is_complete_by_itself() {
    let checkout = checkout();
    export(checkout.path(), &[]).expect_code(0);
    let folder = checkout.path().join("frameworks/sws");

    // Cargo agrees with manifests and lock file as they are, and finds no crate elsewhere.
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    let ours = BTreeSet::from(["sws", "sws-proto", "sws-ring", "sws-server"]);
    assert_eq!(names, ours);
    let inside = folder.canonicalize().unwrap();
    for dependency in packages
        .iter()
        .flat_map(|package| package["dependencies"].as_array().unwrap())
    {
        if let Some(path) = dependency["path"].as_str() {
            assert!(Path::new(path).starts_with(&inside), "{dependency}");
        }
        assert!(
            dependency["kind"].is_null(),
            "a dependency of tests: {dependency}"
        );
    }
    let output = Command::new(env!("CARGO"))
        .args([
            "update",
            "--workspace",
            "--locked",
            "--offline",
            "--manifest-path",
        ])
        .arg(folder.join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");

    let here = locked(&repository().join("Cargo.lock"));
    let there = locked(&folder.join("Cargo.lock"));
    assert!(there.is_subset(&here), "{:?}", there.difference(&here));
    assert!(there.iter().any(|(name, _)| name == "rusqlite"));
    for name in ["loadgen", "harness", "ureq", "proptest"] {
        assert!(!there.iter().any(|(known, _)| known == name), "{name}");
    }
}

/// Every source file of the crates, and everything that the Dockerfile copies
/// and the arena reads.
#[test]
fn sources_and_files_are_all_there() {
    let checkout = checkout();
    let run = export(
        checkout.path(),
        &[
            "--maintainer",
            "somebody",
            "--repo",
            "https://example.org/sws",
        ],
    );
    run.expect_code(0);
    let folder = checkout.path().join("frameworks/sws");
    for name in [
        "server/src/main.rs",
        "sws/src/guide/handlers.md",
        "sws-proto/src/lib.rs",
        "LICENSE",
        "README.md",
    ] {
        assert!(folder.join(name).is_file(), "{name}");
    }
    for krate in ["sws-ring", "sws-proto", "sws", "server"] {
        let count = |root: &Path| {
            let output = Command::new("find")
                .arg(root.join(krate).join("src"))
                .args(["-name", "*.rs"])
                .output();
            String::from_utf8(output.unwrap().stdout)
                .unwrap()
                .lines()
                .count()
        };
        assert_eq!(count(&repository()), count(&folder), "{krate}");
        assert!(!folder.join(krate).join("tests").exists());
    }
    let dockerfile = fs::read_to_string(folder.join("Dockerfile")).unwrap();
    let copies = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "));
    let own: Vec<&str> = copies.filter(|line| !line.starts_with("--from")).collect();
    assert!(!own.is_empty(), "{dockerfile}");
    for line in own {
        let words: Vec<&str> = line
            .split_whitespace()
            .filter(|word| !word.starts_with("--"))
            .collect();
        for source in &words[..words.len() - 1] {
            assert!(
                folder.join(source).exists(),
                "the Dockerfile copies {source}"
            );
        }
    }
    let meta = meta(&folder);
    assert_eq!(meta["tests"], serde_json::json!(["baseline", "json-comp"]));
    assert_eq!(meta["engine"], "io_uring");
    assert_eq!(meta["maintainers"], serde_json::json!(["somebody"]));
    assert!(
        run.stdout
            .contains("no such profile: pipelined, limited-conn"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("./scripts/validate.sh sws"),
        "{}",
        run.stdout
    );
    let check = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "EXPORTED.sha256"])
        .current_dir(&folder)
        .status();
    assert!(check.unwrap().success());
    let usage = Command::new(folder.join("run.sh")).output().unwrap();
    assert_eq!(usage.status.code(), Some(2), "{usage:?}");
}

#[test]
fn a_second_export_replaces_the_first_and_keeps_what_was_filled_in() {
    let checkout = checkout();
    export(checkout.path(), &["--maintainer", "somebody"]).expect_code(0);
    let folder = checkout.path().join("frameworks/sws");
    let text = fs::read_to_string(folder.join("meta.json")).unwrap();
    let edited = text.replace(r#""repo": """#, r#""repo": "https://example.org/mine""#);
    assert_ne!(text, edited);
    fs::write(folder.join("meta.json"), edited).unwrap();
    fs::create_dir_all(folder.join("target/release")).unwrap();
    fs::write(folder.join("target/release/sws"), "built").unwrap();
    fs::remove_file(folder.join("LICENSE")).unwrap();
    // As an older version would have written it: gone when it is exported no more.
    let mut record = fs::read_to_string(folder.join("EXPORTED.sha256")).unwrap();
    record += "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  sws/src/old.rs\n";
    fs::write(folder.join("EXPORTED.sha256"), record).unwrap();
    fs::write(folder.join("sws/src/old.rs"), "").unwrap();

    export(checkout.path(), &[]).expect_code(0);
    let meta = meta(&folder);
    assert_eq!(meta["repo"], "https://example.org/mine");
    assert_eq!(meta["maintainers"], serde_json::json!(["somebody"]));
    assert!(folder.join("LICENSE").is_file());
    assert!(!folder.join("sws/src/old.rs").exists());
    assert!(folder.join("target/release/sws").is_file());
}

#[test]
fn what_others_wrote_is_left_alone() {
    let checkout = checkout();
    let folder = checkout.path().join("frameworks/sws");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("main.c"), "int main;").unwrap();
    let refused = |says: &str| {
        let run = export(checkout.path(), &[]);
        run.expect_code(2);
        assert!(run.stderr.contains(says), "{}", run.stderr);
        assert!(run.stderr.contains("is left as it is"), "{}", run.stderr);
    };
    refused("it exists and has no EXPORTED.sha256");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    fs::remove_file(folder.join("main.c")).unwrap();
    fs::remove_dir(&folder).unwrap();

    export(checkout.path(), &[]).expect_code(0);
    fs::write(folder.join("sws/src/mine.rs"), "").unwrap();
    refused("sws/src/mine.rs was not written by this command");
    fs::remove_file(folder.join("sws/src/mine.rs")).unwrap();
    fs::write(folder.join("sws/src/lib.rs"), "// mine").unwrap();
    refused("sws/src/lib.rs was changed after it was written");
    assert_eq!(
        fs::read_to_string(folder.join("sws/src/lib.rs")).unwrap(),
        "// mine"
    );
}

#[test]
fn a_folder_that_is_no_checkout_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    for (folder, says) in [
        (empty.path().to_owned(), "it has no frameworks"),
        (empty.path().join("nowhere"), "is no HttpArena checkout"),
    ] {
        let run = export(&folder, &[]);
        run.expect_code(2);
        assert!(run.stderr.contains(says), "{}", run.stderr);
    }
    let strange = checkout();
    fs::write(strange.path().join("scripts/lib/profiles.sh"), "").unwrap();
    let run = export(strange.path(), &[]);
    run.expect_code(2);
    assert!(
        run.stderr
            .contains("this version of HttpArena is not known"),
        "{}",
        run.stderr
    );
    assert!(!strange.path().join("frameworks/sws").exists());
}
