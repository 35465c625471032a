//! The file of a whole run: what was measured, where, how, and all figures.

use super::cell::Cell;
use super::clock;
use super::compare::Comparison;
use super::report::base;
use super::result::{SCHEMA, write};
use crate::error::Error;
use serde_json::{Value, json};
use std::path::Path;

/// One run of the benchmark command.
#[derive(Debug)]
pub struct Record {
    /// Names the file, and the run in the entries' result files.
    pub id: String,
    started: u64,
    environment: Value,
    plan: Value,
    refused: Vec<Value>,
    /// Rounds alternate, so that those of two entries make pairs.
    paired: bool,
}

impl Record {
    /// Of a run that starts now.
    pub fn new(environment: Value) -> Self {
        let started = clock::now();
        let digits = clock::written(started).replace(['-', ':'], "");
        Self {
            id: format!("{digits}-{}", std::process::id()),
            started,
            environment,
            plan: Value::Null,
            refused: Vec::new(),
            paired: true,
        }
    }

    /// Notes how it is measured, and whether rounds alternate.
    pub fn plan(&mut self, plan: Value, paired: bool) {
        self.paired = paired;
        self.plan = plan;
    }

    /// Notes an entry that is not measured.
    pub fn refuse(&mut self, entry: &str, why: &str) {
        self.refused.push(json!({"entry": entry, "why": why}));
    }

    /// Writes `runs/<id>.json`, and each entry's file.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(
        &self,
        results: &Path,
        groups: &[Vec<Cell<'_>>],
        finished: bool,
    ) -> Result<(), Error> {
        let mut cells = Vec::new();
        for group in groups {
            let list: Vec<&Cell<'_>> = group.iter().collect();
            let base = base(&list).filter(|_| self.paired);
            let mut entries = Vec::new();
            for cell in group {
                let against = base.and_then(|base| Comparison::of(base, cell));
                cell.save(results, &self.id, against.as_ref())?;
                entries.push(self.entry(cell, against.as_ref()));
            }
            if let Some(first) = group.first() {
                cells.push(json!({
                    "profile": first.profile.name,
                    "generation": first.profile.generation.name(),
                    "connections": first.connections,
                    "pipeline": first.profile.pipeline,
                    "requests_per_connection": first.profile.requests_per_connection,
                    "expects_errors": first.profile.expects_errors,
                    "window_sec": first.window.as_secs_f64(),
                    "base": base.map(|base| base.entry.name.clone()),
                    "entries": entries,
                }));
            }
        }
        let json = json!({
            "schema": SCHEMA,
            "id": self.id,
            "started": clock::written(self.started),
            "ended": finished.then(|| clock::written(clock::now())),
            "arguments": std::env::args().skip(1).collect::<Vec<_>>(),
            "environment": self.environment,
            "plan": self.plan,
            "refused": self.refused,
            "cells": cells,
        });
        write(
            &results.join("runs").join(format!("{}.json", self.id)),
            &json,
        )
    }

    /// The entry's file; a name and the reason where no round counts.
    fn entry(&self, cell: &Cell<'_>, against: Option<&Comparison>) -> Value {
        let mut json = cell.to_json(&self.id, against).unwrap_or_else(
            || json!({"framework": cell.entry.meta.display_name, "invalid": cell.objection()}),
        );
        if let Some(fields) = json.as_object_mut() {
            fields.insert("entry".into(), json!(cell.entry.name));
            fields.insert("engine".into(), json!(cell.entry.meta.engine));
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::samples::{cell, entry, figures};

    #[test]
    fn a_run_has_all_cells_and_entries_have_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let entries = [entry("sws"), entry("hyper"), entry("broken")];
        let mut record = Record::new(json!({"cpu": "x"}));
        record.plan(json!({"mode": "laptop"}), true);
        record.refuse("nginx", "3 checks failed");
        let group = vec![
            cell(&entries[0], "json", vec![figures(10, None); 3]),
            cell(&entries[1], "json", vec![figures(5, None); 3]),
            cell(&entries[2], "json", vec![figures(5, Some("lost: 1")); 3]),
        ];
        let groups = [group];
        record.save(folder.path(), &groups, false).unwrap();
        let read = |name: &str| -> Value {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let name = format!("runs/{}.json", record.id);
        let run = read(&name);
        assert!(run["ended"].is_null());
        let list = run["cells"][0]["entries"].as_array().unwrap();
        assert_eq!(run["cells"][0]["base"], "sws");
        assert_eq!(
            (&list[0]["entry"], &list[0]["against"]),
            (&json!("sws"), &Value::Null)
        );
        assert_eq!(list[1]["against"]["rps"]["verdict"], "slower");
        assert_eq!(list[2]["invalid"], "lost: 1");
        assert_eq!(run["refused"][0]["entry"], "nginx");
        assert_eq!(read("json/512/hyper.json")["run"], json!(record.id));
        record.save(folder.path(), &groups, true).unwrap();
        assert!(read(&name)["ended"].is_string());
    }
}
