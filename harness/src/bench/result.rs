//! Result files in the arena's form, with figures of ours under other names.

use super::cell::Cell;
use super::compare::Comparison;
use super::load;
use super::measure::Figures;
use super::units::{bandwidth, latency, memory};
use crate::error::{Context, Error};
use crate::profiles::Generation;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// The form of result files, as `docs/results.md` describes it.
pub const SCHEMA: &str = "sws-results/1";

impl Cell<'_> {
    /// The fields that the arena's files have, all of the best round.
    pub fn arena_fields(&self) -> Option<Map<String, Value>> {
        let best = self.best()?;
        let report = &best.report;
        let [ok, redirects, client, server, _] = report.status;
        let input = self
            .template_size
            .map(|size| bandwidth(report.rps() * size));
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| drop(fields.insert(name.into(), value));
        set("framework", json!(self.entry.meta.display_name));
        set("language", json!(self.entry.meta.language));
        set("rps", json!(report.rps() as u64));
        set("avg_latency", json!(latency(report.latency_avg_us)));
        set("p99_latency", json!(latency(report.latency_us[1])));
        set("cpu", json!(format!("{:.1}%", best.server_cores * 100.0)));
        set("memory", json!(memory(best.peak_memory)));
        set("connections", json!(self.connections));
        set("threads", json!(self.threads));
        set("duration", json!(load::time(self.window)));
        set("pipeline", json!(self.profile.pipeline));
        set("bandwidth", json!(bandwidth(report.bytes_per_second)));
        // The older platform always has the field, the newer where it means something.
        if input.is_some() || self.profile.generation == Generation::March2026 {
            set("input_bw", json!(input.unwrap_or_default()));
        }
        set("reconnects", json!(report.reconnects));
        set("status_2xx", json!(ok));
        set("status_3xx", json!(redirects));
        set("status_4xx", json!(client));
        set("status_5xx", json!(server));
        let mut rest = report.per_template_ok.as_slice();
        for (name, count) in self.profile.split {
            let (mine, others) = rest.split_at((*count).min(rest.len()));
            set(name, json!(mine.iter().sum::<u64>()));
            rest = others;
        }
        Some(fields)
    }

    /// The result file's content: the arena's fields, and ours.
    pub fn to_json(&self, run: &str, against: Option<&Comparison>) -> Option<Value> {
        let mut fields = self.arena_fields()?;
        let best = self.best()?;
        let mut set = |name: &str, value: Value| drop(fields.insert(name.into(), value));
        set("schema", json!(SCHEMA));
        set("run", json!(run));
        set("generation", json!(self.profile.generation.name()));
        set(
            "rps_median",
            json!(self.median(|round| round.report.rps()) as u64),
        );
        set("rps_spread_percent", json!(rounded(self.spread())));
        let percentile = |place: usize| self.percentile(place).map(rounded);
        set(
            "latency_us_median",
            json!({"p50": percentile(0), "p99": percentile(1), "p99_9": percentile(2)}),
        );
        set(
            "server_cpu_us_per_request",
            json!(self.server_cpu_us().map(rounded)),
        );
        set(
            "client_cpu_us_per_request",
            json!(rounded(self.median(|round| round.client_cpu_us))),
        );
        set(
            "context_switches_per_request",
            json!(self.switches().map(|[voluntary, involuntary]| json!({
                "voluntary": fine(voluntary), "involuntary": fine(involuntary)
            }))),
        );
        set(
            "peak_memory_bytes",
            json!(self.median(|round| round.peak_memory as f64) as u64),
        );
        set("errors_total", json!(self.errors()));
        set("engine_said", json!(best.engine));
        set("against", json!(against.map(Comparison::to_json)));
        set("rounds", self.rounds.iter().map(round).collect());
        Some(Value::Object(fields))
    }

    /// `results/<profile>/<connections>/<name>.json`.
    pub fn path(&self, results: &Path) -> PathBuf {
        results
            .join(self.profile.name)
            .join(self.connections.to_string())
            .join(format!("{}.json", self.entry.name))
    }

    /// Writes the file; nothing when no round counts.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(
        &self,
        results: &Path,
        run: &str,
        against: Option<&Comparison>,
    ) -> Result<(), Error> {
        let path = self.path(results);
        let Some(json) = self.to_json(run, against) else {
            // An older figure must not stand in for a run that failed.
            let _ = std::fs::remove_file(path);
            return Ok(());
        };
        write(&path, &json)
    }
}

/// Writes JSON, with the folders above it. Readers see the old file or the new
/// one and never a part.
pub(super) fn write(path: &Path, json: &Value) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).context(|| format!("create {}", folder.display()))?;
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let written = std::fs::write(&partial, format!("{json:#}\n"))
        .and_then(|()| std::fs::rename(&partial, path));
    if written.is_err() {
        let _ = std::fs::remove_file(partial);
    }
    written.context(|| format!("write {}", path.display()))
}

fn round(figures: &Figures) -> Value {
    let errors: Map<String, Value> = figures
        .report
        .errors
        .iter()
        .map(|(kind, count)| (kind.clone(), json!(count)))
        .collect();
    let curve = figures.report.curve.iter();
    let curve: Map<String, Value> = curve
        .map(|(name, us)| ((*name).to_owned(), json!(rounded(*us))))
        .collect();
    let switches = figures.report.server.map(|side| {
        let [voluntary, involuntary] = side.switches;
        json!({"voluntary": voluntary, "involuntary": involuntary})
    });
    json!({
        "rps": figures.report.rps() as u64,
        "responses": figures.report.responses,
        "latency_us": curve,
        "context_switches": switches,
        "server_cpu_us_per_request": figures.server_cpu_us.map(rounded),
        "client_cpu_us_per_request": rounded(figures.client_cpu_us),
        "server_cores": rounded(figures.server_cores),
        "client_cores": rounded(figures.client_cores),
        "client_side_busy": figures.client_side_busy.map(rounded),
        "foreign_cores": rounded(figures.foreign_cores),
        "peak_memory_bytes": figures.peak_memory,
        "errors": errors,
        "invalid": figures.objection,
    })
}

pub(super) fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn fine(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::samples::{cell, entry, figures};

    #[test]
    fn the_file_has_the_arenas_fields_and_the_best_round() {
        let entry = entry("sws");
        let rounds = vec![
            figures(1000, None),
            figures(3000, None),
            figures(9000, Some("bad")),
        ];
        let json = cell(&entry, "baseline", rounds)
            .to_json("r1", None)
            .unwrap();
        let arena = json!({
            "framework": "sws", "language": "Rust", "rps": 3000, "avg_latency": "122us",
            "p99_latency": "2.73ms", "cpu": "95.3%", "memory": "3MiB", "connections": 512,
            "threads": 1, "duration": "2s", "pipeline": 1, "bandwidth": "2.00MB/s",
            "input_bw": "2.93MB/s", "reconnects": 3, "status_2xx": 6000, "status_3xx": 0,
            "status_4xx": 0, "status_5xx": 0
        });
        for (key, value) in arena.as_object().unwrap() {
            assert_eq!(json.get(key), Some(value), "{key}");
        }
        assert_eq!(json["rps_median"], 2000);
        assert_eq!(json["rounds"].as_array().unwrap().len(), 3);
        assert_eq!(json["rounds"][2]["invalid"], "bad");
        assert_eq!(
            (&json["schema"], &json["run"]),
            (&json!(SCHEMA), &json!("r1"))
        );
        assert_eq!(
            json["latency_us_median"],
            json!({"p50": 110.0, "p99": 2730.0, "p99_9": 4000.0})
        );
        assert_eq!(
            json["context_switches_per_request"],
            json!({"voluntary": 0.25, "involuntary": 0.005})
        );
        assert_eq!(json["engine_said"], "x: engine epoll");
    }

    #[test]
    fn a_percentile_that_is_not_known_is_null() {
        let entry = entry("sws");
        let mut round = figures(1000, None);
        round.report.curve.retain(|(name, _)| *name != "p99_9");
        let json = cell(&entry, "baseline", vec![round]).to_json("r1", None);
        let expected = json!({"p50": 110.0, "p99": 2730.0, "p99_9": null});
        assert_eq!(json.unwrap()["latency_us_median"], expected);
    }

    #[test]
    fn the_mixed_profile_is_split_by_template() {
        let entry = entry("sws");
        let json = cell(&entry, "mixed", vec![figures(1, None)])
            .arena_fields()
            .unwrap();
        let split = [
            "tpl_baseline",
            "tpl_json",
            "tpl_db",
            "tpl_upload",
            "tpl_compression",
        ];
        assert_eq!(
            split.map(|name| json[name].as_u64().unwrap()),
            [15, 6, 7, 8, 19]
        );
    }

    #[test]
    fn without_a_valid_round_there_is_no_file_and_an_old_one_goes() {
        let folder = tempfile::tempdir().unwrap();
        let entry = entry("sws");
        cell(&entry, "baseline", vec![figures(1, None)])
            .save(folder.path(), "r1", None)
            .unwrap();
        let invalid = cell(&entry, "baseline", vec![figures(1, Some("lost: 3"))]);
        assert_eq!(invalid.objection().as_deref(), Some("lost: 3"));
        assert!(
            invalid
                .path(folder.path())
                .ends_with("baseline/512/sws.json")
        );
        assert!(invalid.path(folder.path()).exists());
        invalid.save(folder.path(), "r1", None).unwrap();
        assert!(!invalid.path(folder.path()).exists());
    }
}
