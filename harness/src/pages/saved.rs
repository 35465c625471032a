//! Result files as far as pages show them. Fields that only some versions write
//! are optional; unknown ones are passed over.

use crate::bench::stats::median;
use crate::error::{Context, Error};
use crate::profiles;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Everything in `results/`.
#[derive(Debug, Default)]
pub(super) struct Saved {
    /// In the order of the profile table, then by connections.
    pub(super) cells: Vec<Cell>,
    /// Oldest first.
    pub(super) runs: Vec<Run>,
}

/// One profile with one number of connections.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) profile: String,
    pub(super) connections: u32,
    /// The most successful answers first.
    pub(super) figures: Vec<Figures>,
}

/// One entry in one cell.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Figures {
    /// The name of the file, or of the entry in a run's file.
    pub(super) entry: String,
    pub(super) generation: String,
    pub(super) language: String,
    pub(super) run: Option<String>,
    pub(super) rps: f64,
    pub(super) rps_median: Option<f64>,
    pub(super) server_cpu_us_per_request: Option<f64>,
    pub(super) peak_memory_bytes: Option<f64>,
    pub(super) p99_latency: String,
    pub(super) latency_us_median: BTreeMap<String, f64>,
    pub(super) errors_total: Option<u64>,
    pub(super) engine_said: Option<String>,
    pub(super) against: Option<Against>,
    pub(super) rounds: Vec<Round>,
    /// Why no round counts.
    pub(super) invalid: Option<String>,
}

/// Ratios to the base entry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Against {
    pub(super) base: String,
    pub(super) generator_limited: bool,
    pub(super) rps: Option<Ratio>,
    pub(super) server_cpu_us_per_request: Option<Ratio>,
}

/// A ratio and its confidence interval.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Ratio {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    #[serde(default)]
    pub(super) verdict: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Round {
    pub(super) rps: f64,
    /// By percentile: `p50`, `p99_9` or `p99.9`, `max`.
    pub(super) latency_us: BTreeMap<String, f64>,
    /// CPUs that others used meanwhile.
    pub(super) foreign_cores: f64,
    pub(super) invalid: Option<String>,
}

/// A run of the benchmark command.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) started: String,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, Value>,
    pub(super) refused: Vec<Refused>,
    pub(super) cells: Vec<RunCell>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    pub(super) entry: String,
    pub(super) why: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunCell {
    pub(super) profile: String,
    pub(super) connections: u32,
    pub(super) entries: Vec<Figures>,
}

impl Cell {
    /// Whether all figures were measured together.
    pub(super) fn is_of_one_run(&self) -> bool {
        self.figures
            .windows(2)
            .all(|pair| pair[0].run == pair[1].run)
    }

    /// The most CPUs that processes of others used, of any entry's median.
    pub(super) fn foreign_cores(&self) -> f64 {
        let of =
            |figures: &Figures| median(figures.valid().map(|round| round.foreign_cores).collect());
        self.figures.iter().map(of).fold(0.0, f64::max)
    }
}

impl Figures {
    /// The median rate, or the best where only that is known.
    pub(super) fn rate(&self) -> f64 {
        self.rps_median.unwrap_or(self.rps)
    }

    pub(super) fn valid(&self) -> impl Iterator<Item = &Round> {
        self.rounds.iter().filter(|round| round.invalid.is_none())
    }

    /// The lowest and the highest rate of a round.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let low = self.valid().map(|round| round.rps).reduce(f64::min)?;
        let high = self.valid().map(|round| round.rps).reduce(f64::max)?;
        Some((low, high))
    }

    /// The latency curve: parts of all answers and their microseconds, the
    /// median of the rounds for each, in order.
    pub(super) fn curve(&self) -> Vec<(f64, f64)> {
        let mut points: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for round in self.valid() {
            for (name, us) in &round.latency_us {
                if let Some(part) = part(name) {
                    points
                        .entry((part * 1e8).round() as u64)
                        .or_default()
                        .push(*us);
                }
            }
        }
        let mut curve: Vec<(f64, f64)> = points
            .into_iter()
            .map(|(part, us)| (part as f64 / 1e8, median(us)))
            .collect();
        curve.sort_by(|one, two| one.0.total_cmp(&two.0));
        curve
    }
}

/// `p99.9` or `p99_9` as 0.999; other names are no percentiles.
fn part(name: &str) -> Option<f64> {
    let percent: f64 = name.strip_prefix('p')?.replace('_', ".").parse().ok()?;
    (0.0..100.0).contains(&percent).then_some(percent / 100.0)
}

impl Saved {
    /// Reads the folder; one that is missing has no results.
    ///
    /// # Errors
    /// When a file cannot be read or understood.
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let mut saved = Self::default();
        for profile in folders(folder) {
            let name = file_name(&profile);
            if name == "runs" {
                continue;
            }
            for count in folders(&profile) {
                let Ok(connections) = file_name(&count).parse() else {
                    continue;
                };
                let mut figures = Vec::new();
                for path in json_files(&count) {
                    let mut found: Figures = parse(&path)?;
                    found.entry = path
                        .file_stem()
                        .map(|stem| stem.to_string_lossy().into_owned())
                        .unwrap_or_default();
                    figures.push(found);
                }
                figures.sort_by(|one, two| two.rate().total_cmp(&one.rate()));
                if !figures.is_empty() {
                    saved.cells.push(Cell {
                        profile: name.clone(),
                        connections,
                        figures,
                    });
                }
            }
        }
        let known: Vec<&str> = profiles::names();
        let place = |cell: &Cell| known.iter().position(|name| *name == cell.profile);
        saved.cells.sort_by_key(|cell| {
            (
                place(cell).unwrap_or(known.len()),
                cell.profile.clone(),
                cell.connections,
            )
        });
        for path in json_files(&folder.join("runs")) {
            saved.runs.push(parse(&path)?);
        }
        saved
            .runs
            .sort_by(|one, two| (&one.started, &one.id).cmp(&(&two.started, &two.id)));
        Ok(saved)
    }

    /// The entry that others are compared with.
    pub(super) fn base(&self) -> Option<&str> {
        let mut figures = self.cells.iter().flat_map(|cell| &cell.figures);
        let against = figures.find_map(|figures| figures.against.as_ref());
        against.map(|against| against.base.as_str())
    }

    /// The number of an entry's colour, the same in all charts.
    pub(super) fn colour(&self, entry: &str) -> usize {
        let place = self.entries().iter().position(|name| *name == entry);
        place.unwrap_or(0)
    }

    /// Every entry: the base, then the others by name.
    pub(super) fn entries(&self) -> Vec<&str> {
        let in_cells = self.cells.iter().flat_map(|cell| &cell.figures);
        let in_runs = self
            .runs
            .iter()
            .flat_map(|run| &run.cells)
            .flat_map(|cell| &cell.entries);
        let mut names: Vec<&str> = in_cells
            .chain(in_runs)
            .map(|figures| figures.entry.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let base = self.base().unwrap_or_default();
        names.sort_by_key(|name| *name != base);
        names
    }
}

fn parse<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, Error> {
    let text = fs::read_to_string(path).context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).context(|| {
        format!(
            "understand {} (remove it if no benchmark wrote it)",
            path.display()
        )
    })
}

fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> = fs::read_dir(folder)
        .map(|items| items.flatten().map(|item| item.path()).collect())
        .unwrap_or_default();
    list.sort();
    list
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    listing(folder)
        .into_iter()
        .filter(|path| path.is_dir())
        .collect()
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    listing(folder).into_iter().filter(is_json).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_have_two_spellings() {
        assert_eq!(part("p50"), Some(0.5));
        assert!(part("p99_9").is_some_and(|part| (part - 0.999).abs() < 1e-12));
        assert_eq!(part("p99.9"), part("p99_9"));
        assert_eq!((part("max"), part("p100")), (None, None));
    }

    #[test]
    fn files_of_every_version_are_read_in_the_order_of_the_table() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("json/64/hyper.json", r#"{"rps": 5, "language": "Rust"}"#);
        write(
            "baseline/512/sws.json",
            r#"{"rps": 9, "rps_median": 8, "rounds": [
            {"rps": 8, "latency_us": {"p50": 2, "p99": 9, "max": 10}},
            {"rps": 7, "latency_us": {"p50": 4, "p99": 11}},
            {"rps": 1, "invalid": "lost"}]}"#,
        );
        write("baseline/512/hyper.json", r#"{"rps": 10}"#);
        write("baseline/64/sws.json", r#"{"rps": 9}"#);
        write("baseline/64/sws.json.part", "{");
        write("runs/b.json", r#"{"id": "b", "started": "2026-02"}"#);
        write("runs/a.json", r#"{"id": "a", "started": "2026-03"}"#);
        let saved = Saved::read(folder.path()).unwrap();
        let cells: Vec<(&str, u32, usize)> = saved
            .cells
            .iter()
            .map(|cell| (cell.profile.as_str(), cell.connections, cell.figures.len()))
            .collect();
        assert_eq!(
            cells,
            [("baseline", 64, 1), ("baseline", 512, 2), ("json", 64, 1)]
        );
        let sws = &saved.cells[1].figures[1];
        assert_eq!((sws.entry.as_str(), sws.range()), ("sws", Some((7.0, 8.0))));
        assert_eq!(sws.curve(), [(0.5, 3.0), (0.99, 10.0)]);
        assert_eq!(saved.runs[0].id, "b");
        assert_eq!(saved.entries(), ["hyper", "sws"]);
        write("json/64/bad.json", "[");
        let error = Saved::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("bad.json"), "{error}");
    }
}
