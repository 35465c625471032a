//! The workflow files as far as they can be judged here, and what they call.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::script_file;
use yaml_rust2::yaml::Hash;
use yaml_rust2::{Yaml, YamlLoader};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn workflows() -> Vec<(String, Yaml)> {
    let mut list = Vec::new();
    for item in fs::read_dir(repository().join(".github/workflows")).unwrap() {
        let path = item.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let mut documents = YamlLoader::load_from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(documents.len(), 1, "{}", path.display());
        list.push((
            path.file_name().unwrap().to_string_lossy().into_owned(),
            documents.remove(0),
        ));
    }
    list.sort_by(|one, two| one.0.cmp(&two.0));
    list
}

fn map(value: &Yaml) -> &Hash {
    value
        .as_hash()
        .unwrap_or_else(|| panic!("no mapping: {value:?}"))
}

fn jobs(workflow: &Yaml) -> impl Iterator<Item = (&str, &Yaml)> {
    map(&workflow["jobs"])
        .iter()
        .map(|(name, job)| (name.as_str().unwrap(), job))
}

fn steps(job: &Yaml) -> &[Yaml] {
    job["steps"].as_vec().unwrap()
}

#[test]
fn the_workflows_say_what_they_must() {
    let list = workflows();
    let names: Vec<&str> = list.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["benchmark.yml", "ci.yml", "validate.yml"]);
    for (name, workflow) in &list {
        assert!(
            !workflow["permissions"].is_badvalue(),
            "{name}: everything is permitted"
        );
        for (job, content) in jobs(workflow) {
            assert!(
                content["runs-on"].as_str().is_some(),
                "{name}/{job}: runs-on"
            );
            assert!(
                content["timeout-minutes"].as_i64().is_some(),
                "{name}/{job}: no limit of time"
            );
            for step in steps(content) {
                assert_ne!(
                    step["uses"].is_badvalue(),
                    step["run"].is_badvalue(),
                    "{name}/{job}: {step:?}"
                );
                if let Some(action) = step["uses"].as_str() {
                    assert!(
                        action.contains('@'),
                        "{name}/{job}: {action} has no version"
                    );
                }
            }
        }
    }
    let on = |index: usize| &list[index].1["on"];
    for index in [0, 2] {
        assert!(
            !on(index)["workflow_dispatch"].is_badvalue()
                && !on(index)["issue_comment"].is_badvalue()
        );
        // Every comment starts the workflow, and would push out who waits there.
        assert!(list[index].1["concurrency"].is_badvalue());
    }
    assert!(map(on(1)).contains_key(&Yaml::String("pull_request".into())));
}

/// Comments and branch names of strangers would become part of the script.
#[test]
fn no_script_has_an_expression_in_it_and_each_is_valid() {
    for (name, workflow) in workflows() {
        for (job, content) in jobs(&workflow) {
            for run in steps(content)
                .iter()
                .filter_map(|step| step["run"].as_str())
            {
                assert!(!run.contains("${{"), "{name}/{job}: pass it by env: {run}");
                let check = Command::new("bash")
                    .args(["-n", "-c", run])
                    .output()
                    .unwrap();
                assert!(check.status.success(), "{name}/{job}: {check:?}");
                for word in run.split_whitespace() {
                    let path = word.trim_start_matches("./");
                    if path.starts_with("scripts/") || path.starts_with(".ci/") {
                        assert!(repository().join(path).is_file(), "{name}/{job}: {path}");
                    }
                }
            }
        }
    }
}

/// A job that may write runs nothing that a pull request brings; one that does
/// is started by those who may anyway.
#[test]
fn what_may_write_checks_nothing_out() {
    for (name, workflow) in workflows() {
        for (job, content) in jobs(&workflow) {
            let own = &content["permissions"];
            let rights = if own.is_badvalue() {
                &workflow["permissions"]
            } else {
                own
            };
            let writes = map(rights)
                .values()
                .any(|right| right.as_str() == Some("write"));
            let uses: Vec<&str> = steps(content)
                .iter()
                .filter_map(|step| step["uses"].as_str())
                .collect();
            let checks_out = uses
                .iter()
                .any(|action| action.starts_with("actions/checkout@"));
            assert!(!(writes && checks_out), "{name}/{job}");
            if checks_out && !workflow["on"]["issue_comment"].is_badvalue() {
                let condition = content["if"].as_str().unwrap_or_default();
                assert!(
                    condition.contains("author_association"),
                    "{name}/{job}: anybody may start it"
                );
            }
        }
    }
}

fn script(
    folder: &Path,
    name: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (Output, String) {
    let mut command = Command::new(
        repository()
            .join("scripts/ci")
            .join(name)
            .canonicalize()
            .unwrap(),
    );
    command
        .args(arguments)
        .current_dir(folder)
        .envs(variables.iter().copied());
    let output = command.output().unwrap();
    let comment = fs::read_to_string(folder.join("comment.md")).unwrap_or_default();
    (output, comment)
}

#[test]
fn only_names_get_from_a_comment_to_a_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let words = |body: &str| {
        script(
            folder.path(),
            "words.sh",
            &["/benchmark"],
            &[("BODY", body)],
        )
        .0
    };
    for (body, wanted) in [
        ("/benchmark", "\n"),
        (
            "/benchmark sws  hyper json-comp\r\nthanks $(reboot)",
            "sws hyper json-comp\n",
        ),
    ] {
        let output = words(body);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), wanted);
    }
    for body in [
        "",
        "/benchmarks",
        "please /benchmark",
        "/benchmark $(id)",
        "/benchmark --root=/",
        "/benchmark ../x",
        "/benchmark a;b",
        "/benchmark *",
    ] {
        let output = words(body);
        assert_eq!(output.status.code(), Some(2), "{body}: {output:?}");
        assert!(output.stdout.is_empty(), "{body}: {output:?}");
    }
}

#[test]
fn a_validation_becomes_a_table_and_its_faults() {
    let folder = tempfile::tempdir().unwrap();
    let fake = folder.path().join("validate");
    let text = "#!/bin/sh\necho \"$@\" >> calls\n[ $1 = good ] && { echo PASS x; echo '3 passed, 0 failed'; exit 0; }\n\
        echo 'PASS y'; echo 'FAIL a: the sum is wrong'; echo '       sent  </details> ```'; echo '1 passed, 1 failed'; exit 1\n";
    script_file(&fake, text);
    let fake = fake.to_str().unwrap();
    let run = |body: &str| {
        script(
            folder.path(),
            "validate.sh",
            &["--docker"],
            &[("BODY", body), ("VALIDATE", fake)],
        )
    };
    let (output, comment) = run("/validate good bad");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(comment.starts_with("| entry | result | |\n|---|---|---|\n| good | passed | 3 passed, 0 failed |\n| bad | FAILED | 1 passed, 1 failed |\n"), "{comment}");
    assert!(
        comment
            .contains("\nbad:\n\n    FAIL a: the sum is wrong\n           sent  </details> ```\n"),
        "{comment}"
    );
    let calls = fs::read_to_string(folder.path().join("calls")).unwrap();
    assert_eq!(calls, "good --docker\nbad --docker\n");
    assert_eq!(run("/validate good").0.status.code(), Some(0));
    let (output, comment) = run("/validate $(id)");
    assert_eq!(output.status.code(), Some(2));
    assert!(comment.contains("is no name of an entry"), "{comment}");
}

#[test]
fn a_benchmark_becomes_a_table_and_its_last_lines() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        script_file(&path, text);
        path.to_str().unwrap().to_owned()
    };
    let benchmark = write(
        "benchmark",
        "#!/bin/sh\necho \"measured $*\"; echo '2 passed, 1 failed'; exit 1\n",
    );
    let table = write("table", "#!/bin/sh\necho '| profile |'\n");
    let variables = [
        ("BODY", "/benchmark sws json"),
        ("BENCHMARK", &benchmark),
        ("TABLE", &table),
    ];
    let (output, comment) = script(folder.path(), "benchmark.sh", &["--quick"], &variables);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        comment.starts_with("| profile |\n\n<details><summary>2 passed, 1 failed</summary>\n"),
        "{comment}"
    );
    assert!(
        comment.contains("\n    measured sws json --native --quick\n"),
        "{comment}"
    );
}
