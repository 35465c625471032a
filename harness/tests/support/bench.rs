//! A repository with a generator whose report is fixed.

use super::{Entry, Run, harness, root, script_file};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const REPORT: &str = r#"{"version":"1","elapsed_sec":0.2,"requests":1000,"responses":1000,"rps":5000,
"bandwidth_bps":500000,"latency_us":{"avg":100,"p50":90,"p90":120,"p99":200,"p999":300,"samples":1000},
"status":{"2xx":1000,"3xx":0,"4xx":0,"5xx":0,"other":0},"errors":{"connect":0,"read":0,"timeout":0},
"reconnects":0,"client":{"cpu_us_per_answer":1.5},"phases":{"warmup_ns":10000000},
"verdict":{"counts_balance":true,"notes":[]}}"#;

/// A repository with data, and a generator that prints `report`.
pub(crate) struct Bench {
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new(report: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root().join("data"), folder.path().join("data")).unwrap();
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --help ] && cat {0}/help && exit 0\n\
             echo \"$@\" >> {0}/arguments\ngrep Cpus_allowed_list /proc/self/status >> {0}/cpus\nsleep 0.2\ncat <<'END'\n{report}\nEND\n",
            folder.path().display()
        );
        script_file(&folder.path().join("generator.sh"), &script);
        std::fs::write(folder.path().join("help"), "usage: -c -t -d -p -r\n").unwrap();
        Self { folder }
    }

    /// The only file in `results/runs`.
    pub(crate) fn record(&self) -> Value {
        let folder = std::fs::read_dir(self.path().join("results/runs")).unwrap();
        let files: Vec<_> = folder.map(|item| item.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        serde_json::from_str(&std::fs::read_to_string(&files[0]).unwrap()).unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn run(&self, entries: &[&Entry], arguments: &[&str]) -> Run {
        let mut command = harness();
        command.arg("--root").arg(self.path()).arg("benchmark");
        command
            .args(entries.iter().map(|entry| entry.path()))
            .args(arguments);
        command.args(["--native", "--quick", "--duration", "1"]);
        command.env("LOADGEN", self.path().join("generator.sh"));
        Run::of(command)
    }

    pub(crate) fn result(&self, entry: &Entry, cell: &str) -> Option<Value> {
        let path = self
            .path()
            .join(format!("results/{cell}/{}.json", entry.name()));
        serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
    }
}
