//! Reads `results/`. Whatever is there that no benchmark of this version wrote is
//! left out and named: one file is no reason to show none.

use super::saved::{Cell, Figures, Run, Saved};
use crate::bench::result::SCHEMA;
use crate::profiles;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

impl Saved {
    /// Reads the folder; one that is missing has no results. Also says what is
    /// left out, and why.
    pub(super) fn read(folder: &Path) -> (Self, Vec<String>) {
        let mut saved = Self::default();
        let mut left_out = Vec::new();
        for profile in folders(folder) {
            let name = file_name(&profile);
            if name == "runs" || name == "site" {
                continue;
            }
            for count in folders(&profile) {
                if let Ok(connections) = file_name(&count).parse() {
                    let figures = figures(&count, &mut left_out);
                    saved.cells.extend(cells(&name, connections, figures));
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
                cell.generation.clone(),
            )
        });
        for path in json_files(&folder.join("runs")) {
            let run = parse(&path).and_then(|run: Run| {
                of_this_schema(run.schema.as_deref())?;
                match run.id.is_empty() {
                    true => Err("it has no id".into()),
                    false => Ok(run),
                }
            });
            match run {
                Ok(run) => saved.runs.push(run),
                Err(why) => left_out.push(format!("{}: {why}", path.display())),
            }
        }
        saved
            .runs
            .sort_by(|one, two| (&one.started, &one.id).cmp(&(&two.started, &two.id)));
        (saved, left_out)
    }
}

/// The files of one folder.
fn figures(folder: &Path, left_out: &mut Vec<String>) -> Vec<Figures> {
    let mut all = Vec::new();
    for path in json_files(folder) {
        let figures = parse(&path).and_then(|figures: Figures| {
            of_this_schema(figures.schema.as_deref())?;
            match figures.rate() > 0.0 {
                true => Ok(figures),
                false => Err("it has no rps".into()),
            }
        });
        match figures {
            Ok(mut figures) => {
                let stem = path.file_stem().unwrap_or_default();
                figures.entry = stem.to_string_lossy().into_owned();
                all.push(figures);
            }
            Err(why) => left_out.push(format!("{}: {why}", path.display())),
        }
    }
    all
}

/// Generations share the folder of a profile, and not its load.
fn cells(profile: &str, connections: u32, figures: Vec<Figures>) -> Vec<Cell> {
    let mut by_generation: BTreeMap<String, Vec<Figures>> = BTreeMap::new();
    for figures in figures {
        let group = by_generation.entry(figures.generation.clone());
        group.or_default().push(figures);
    }
    let cell = |(generation, mut figures): (String, Vec<Figures>)| {
        figures.sort_by(|one, two| two.rate().total_cmp(&one.rate()));
        Cell {
            profile: profile.to_owned(),
            generation,
            connections,
            figures,
        }
    };
    by_generation.into_iter().map(cell).collect()
}

/// The arena's own files have none.
fn of_this_schema(schema: Option<&str>) -> Result<(), String> {
    match schema {
        None | Some(SCHEMA) => Ok(()),
        Some(other) => Err(format!("its schema is {other:?}, not {SCHEMA:?}")),
    }
}

fn parse<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
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

    fn write(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn files_of_every_version_are_read_in_the_order_of_the_table() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| write(folder.path(), path, text);
        write("json/64/hyper.json", r#"{"rps": 5, "language": "Rust"}"#);
        write(
            "baseline/512/sws.json",
            r#"{"rps": 9, "rps_median": 8, "rounds": [{"rps": 8}, {"rps": 7}]}"#,
        );
        write("baseline/512/hyper.json", r#"{"rps": 10}"#);
        write("baseline/64/sws.json", r#"{"rps": 9}"#);
        write("baseline/64/sws.json.part", "{");
        write("site/64/sws.json", "{");
        write("runs/b.json", r#"{"id": "b", "started": "2026-02"}"#);
        write("runs/a.json", r#"{"id": "a", "started": "2026-03"}"#);
        let (saved, left_out) = Saved::read(folder.path());
        assert_eq!(left_out, Vec::<String>::new());
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
        assert_eq!(saved.runs[0].id, "b");
        assert_eq!(saved.entries(), ["hyper", "sws"]);
    }

    #[test]
    fn what_is_of_another_kind_is_left_out_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| write(folder.path(), path, text);
        write("json/64/good.json", r#"{"rps": 5}"#);
        write("json/64/cut.json", r#"{"rps": "#);
        write("json/64/empty.json", "{}");
        write(
            "json/64/old.json",
            r#"{"rps": 5, "schema": "sws-results/0"}"#,
        );
        write("runs/foreign.json", r#"{"cells": []}"#);
        write("runs/words.json", r#"{"id": "x", "cells": "none"}"#);
        let (saved, left_out) = Saved::read(folder.path());
        assert_eq!((saved.cells.len(), saved.runs.len()), (1, 0));
        assert_eq!(saved.cells[0].figures.len(), 1);
        let says = [
            "cut.json: EOF",
            "empty.json: it has no rps",
            "old.json: its schema is",
        ];
        let of_runs = ["foreign.json: it has no id", "words.json: invalid type"];
        assert_eq!(left_out.len(), 5, "{left_out:?}");
        for (line, says) in left_out.iter().zip(says.iter().chain(&of_runs)) {
            assert!(line.contains(says), "{line}");
        }
    }

    /// `/json` of one is not `/json/25` of the other.
    #[test]
    fn generations_are_not_compared() {
        let folder = tempfile::tempdir().unwrap();
        for (entry, generation) in [
            ("sws", "2026-04"),
            ("hyper", "2026-03"),
            ("node", "2026-04"),
        ] {
            let text = format!(r#"{{"rps": 5, "generation": "{generation}"}}"#);
            write(folder.path(), &format!("json/64/{entry}.json"), &text);
        }
        let (saved, _) = Saved::read(folder.path());
        let found: Vec<(&str, usize)> = saved
            .cells
            .iter()
            .map(|cell| (cell.generation.as_str(), cell.figures.len()))
            .collect();
        assert_eq!(found, [("2026-03", 1), ("2026-04", 2)]);
    }
}
