//! Adds up results that belong together.

use super::{belong::Together, hold, machines, open};
use crate::{
    args::Percentile,
    error::Failure,
    files::RunFile,
    histogram::Latencies,
    mismatch::KEPT,
    report::{
        json::{Measured, Micros, Spectrum, rounded},
        spectrum,
        units::per,
    },
    steady::steady,
    stuck::NAMED,
    windows::Row,
};
use serde_json::{Map, Value, json};

/// Objects whose numbers are all sums.
const COUNTS: [&str; 6] = [
    "status",
    "errors",
    "counts",
    "codes",
    "errors_detail",
    "tls",
];
/// Sums at the top.
const SUMS: [&str; 8] = [
    "connections",
    "threads",
    "requests",
    "responses",
    "bytes_read",
    "reconnects",
    "ws_upgrades",
    "ws_frames",
];
/// A worker with less than this part of the answers of the busiest is worth a word.
const UNEVEN: f64 = 0.8;

/// The result of the whole.
pub(super) fn all(files: &[RunFile], together: &Together) -> Result<Value, Failure> {
    let mut merged = files[0].value.clone();
    for file in &files[1..] {
        for key in SUMS.iter().chain(&COUNTS) {
            if let Some(other) = file.value.get(*key) {
                add(&mut merged[*key], other);
            }
        }
    }
    let seconds = (together.end - together.start) as f64 / 1e9;
    let sum = |merged: &Value, key: &str| merged[key].as_f64().unwrap_or(0.0);
    merged["elapsed_sec"] = rounded(seconds, 1e3).into();
    merged["rps"] = rounded(per(sum(&merged, "responses"), seconds), 1e2).into();
    merged["bandwidth_bps"] = rounded(per(sum(&merged, "bytes_read"), seconds), 1e2).into();
    latencies(files, &mut merged)?;
    templates(files, &mut merged)?;
    merged["mismatches"] = first("mismatches", KEPT, files, together);
    merged["stuck"] = first("stuck", NAMED, files, together);
    let rows = windows(files, together)?;
    phases(files, together, &rows, &mut merged);
    merged["windows"] = json!(rows);
    load(files, &mut merged);
    client(files, &mut merged);
    hold::sum(files, &mut merged);
    machines::host(files, &mut merged);
    machines::server(files, &mut merged);
    open::load(files, seconds, &mut merged);
    verdict(files, together, &mut merged);
    merged["id"] = format!("{}-merged", files[0].text("/id").unwrap_or("")).into();
    merged["labels"] = common_labels(files);
    merged["worker"] = Value::Null;
    merged["workers"] = files.iter().map(worker).collect();
    Ok(merged)
}

/// Adds numbers, and objects member by member.
fn add(sum: &mut Value, other: &Value) {
    match (&mut *sum, other) {
        (Value::Object(sum), Value::Object(other)) => {
            for (key, value) in other {
                match sum.get_mut(key) {
                    Some(member) => add(member, value),
                    None => drop(sum.insert(key.clone(), value.clone())),
                }
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            *sum = match (a.as_u64(), b.as_u64()) {
                (Some(a), Some(b)) => a.saturating_add(b).into(),
                _ => (a.as_f64().unwrap_or(0.0) + b.as_f64().unwrap_or(0.0)).into(),
            };
        }
        _ => {}
    }
}

/// The sum of the histograms at `pointer`; `None` when the files have none there.
fn histogram(files: &[RunFile], pointer: &str) -> Result<Option<Latencies>, Failure> {
    let mut sum: Option<Latencies> = None;
    for file in files {
        match (&mut sum, file.latencies(pointer)?) {
            (Some(sum), Some(more)) => sum.merge(&more),
            (sum, more) => *sum = more,
        }
    }
    Ok(sum)
}

fn latencies(files: &[RunFile], merged: &mut Value) -> Result<(), Failure> {
    let service = histogram(files, "/latency/service")?;
    let response = histogram(files, "/latency/response")?;
    let headline = response.as_ref().or(service.as_ref());
    let headline = headline.ok_or_else(|| files[0].refuse("it has no latencies"))?;
    let mut latency = json!(Spectrum::new(headline));
    latency["service"] = json!(service.as_ref().map(Measured::new));
    latency["response"] = json!(response.as_ref().map(Measured::new));
    // Which ones, the workers may each say for themselves.
    let asked = files
        .iter()
        .find_map(|file| file.value["latency"]["percentiles"].as_array());
    if let Some(asked) = asked {
        let asked = asked
            .iter()
            .filter_map(|point| point["percentile"].as_f64());
        let asked: Vec<Percentile> = asked
            .flat_map(|value| Percentile::parse(&value.to_string()))
            .collect();
        latency["percentiles"] = json!(spectrum::points(&asked, headline));
    }
    merged["latency"] = latency;
    merged["latency_us"] = json!(Micros::whole(headline));
    if let Some(handshakes) = histogram(files, "/tls/handshake")? {
        merged["tls"]["handshake"] = json!(Measured::new(&handshakes));
    }
    Ok(())
}

fn templates(files: &[RunFile], merged: &mut Value) -> Result<(), Failure> {
    let Some(templates) = merged.get_mut("per_template").and_then(Value::as_array_mut) else {
        return Ok(());
    };
    for (number, template) in templates.iter_mut().enumerate() {
        for file in &files[1..] {
            let other = &file.value["per_template"][number];
            for key in ["responses", "2xx"] {
                add(&mut template[key], &other[key]);
            }
        }
        if let Some(latencies) = histogram(files, &format!("/per_template/{number}/latency"))? {
            template["latency"] = json!(Measured::new(&latencies));
            if latencies.count() > 0 {
                template["latency_us"] = json!(Micros::short(&latencies));
            }
        }
    }
    Ok(())
}

/// The first entries of all lists of this name, with times since the first begin.
fn first(list: &str, count: usize, files: &[RunFile], together: &Together) -> Value {
    let mut all = Vec::new();
    for file in files {
        let start = file.count("/phases/start_unix_ns").unwrap_or(0);
        let late = start.saturating_sub(together.start) as i64;
        for one in file.value[list].as_array().into_iter().flatten() {
            let mut one = one.clone();
            one["t_ns"] = (one["t_ns"].as_i64().unwrap_or(0) + late).into();
            all.push(one);
        }
    }
    all.sort_by_key(|one| one["t_ns"].as_i64());
    all.truncate(count);
    all.into()
}

/// Rows are put together with the nearest of the first worker to begin.
fn windows(files: &[RunFile], together: &Together) -> Result<Vec<Row>, Failure> {
    let mut sum: Vec<Row> = Vec::new();
    for file in files {
        let rows = file.windows()?;
        let late = file.span()?.0.saturating_sub(together.start);
        let width = rows.first().map_or(0, |row| row.len_ns).max(1);
        let shift = (late + width / 2) / width;
        for (number, row) in (shift as usize..).zip(rows) {
            match sum.get_mut(number) {
                Some(same) => same.merge(&row).map_err(|error| file.refuse(error))?,
                None => sum.push(row),
            }
        }
    }
    Ok(sum)
}

fn phases(files: &[RunFile], together: &Together, rows: &[Row], merged: &mut Value) {
    let warmups = files
        .iter()
        .filter_map(|file| file.count("/phases/warmup_ns"));
    let phases = &mut merged["phases"];
    phases["warmup_ns"] = warmups.max().into();
    phases["start_unix_ns"] = together.start.into();
    phases["measure_ns"] = (together.end - together.start).into();
    phases["steady"] = steady(rows).into();
}

/// Means of a closed loop, and what fell due in an open one. Quantiles of the lag cannot be added, so the worst worker's are given.
fn load(files: &[RunFile], merged: &mut Value) {
    for key in ["connections_up_mean", "in_flight_mean", "turnaround_mean"] {
        let pointer = format!("/load/{key}");
        let numbers = files.iter().filter_map(|file| file.number(&pointer));
        let numbers: Vec<f64> = numbers.collect();
        if !numbers.is_empty() {
            merged["load"][key] = rounded(numbers.iter().sum(), 1e3).into();
        }
    }
    if files[0].number("/load/due").is_none() {
        return;
    }
    let numbers = |key: &str| -> Vec<f64> {
        let pointer = format!("/load/{key}");
        files
            .iter()
            .filter_map(|file| file.number(&pointer))
            .collect()
    };
    let load = &mut merged["load"];
    for key in ["due", "shed", "waited", "queued_at_start", "queued_at_end"] {
        load[key] = (numbers(key).iter().sum::<f64>() as u64).into();
    }
    load["offered_rps"] = rounded(numbers("offered_rps").iter().sum(), 1e2).into();
    for key in [
        "schedule_lag_p50_ns",
        "schedule_lag_p99_ns",
        "schedule_lag_max_ns",
        "longest_wait_ns",
    ] {
        load[key] = (numbers(key).into_iter().fold(0.0, f64::max) as u64).into();
    }
    let due = numbers("due");
    let achieved = numbers("achieved_ratio");
    let answered: f64 = due.iter().zip(achieved).map(|(due, part)| due * part).sum();
    load["achieved_ratio"] = rounded(per(answered, due.iter().sum()), 1e4).into();
    let held = files
        .iter()
        .all(|file| file.flag("/load/schedule_held") == Some(true));
    load["schedule_held"] = held.into();
}

fn client(files: &[RunFile], merged: &mut Value) {
    let answers = merged["responses"].as_f64().unwrap_or(0.0);
    let client = &mut merged["client"];
    for key in ["host", "kernel", "cpu_model", "cpus", "governor"] {
        let pointer = format!("/client/{key}");
        let mut all: Vec<&str> = files
            .iter()
            .filter_map(|file| file.text(&pointer))
            .collect();
        all.dedup();
        client[key] = match all.as_slice() {
            [] => Value::Null,
            all => all.join("; ").into(),
        };
    }
    let numbers = |key: &str| {
        let pointer = format!("/client/{key}");
        let numbers = files.iter().filter_map(|file| file.number(&pointer));
        numbers.collect::<Vec<f64>>()
    };
    for key in ["cpu_sec", "user_sec", "sys_sec"] {
        client[key] = rounded(numbers(key).iter().sum(), 1e6).into();
    }
    for key in ["busy_max", "cpus_busy"] {
        client[key] = numbers(key).into_iter().fold(0.0, f64::max).into();
    }
    // The ceiling of all is known when that of each is.
    let (ceilings, floors) = (numbers("ceiling_rps"), numbers("latency_floor_ns"));
    let known = ceilings.len() == files.len();
    client["ceiling_rps"] = json!(known.then(|| rounded(ceilings.iter().sum(), 1e2)));
    client["latency_floor_ns"] =
        json!(known.then(|| floors.into_iter().fold(0.0, f64::max) as u64));
    let micros = per(client["cpu_sec"].as_f64().unwrap_or(0.0) * 1e6, answers);
    client["cpu_us_per_answer"] = rounded(micros, 1e4).into();
    let all = |pointer: &str| files.iter().all(|file| file.flag(pointer) == Some(true));
    client["pinned"] = all("/client/pinned").into();
    client["clock"]["synchronised"] = all("/client/clock/synchronised").into();
    let errors = files
        .iter()
        .filter_map(|file| file.count("/client/clock/error_max_us"));
    client["clock"]["error_max_us"] = errors.max().unwrap_or(0).into();
}

/// The worst of the workers, and what only all of them show.
fn verdict(files: &[RunFile], together: &Together, merged: &mut Value) {
    let all = |pointer: &str| files.iter().all(|file| file.flag(pointer) == Some(true));
    let bound = files
        .iter()
        .find(|file| file.text("/verdict/bound") == Some("client"));
    let mut notes = Vec::new();
    for file in files {
        let index = file.count("/worker/index").unwrap_or(0);
        for note in file.texts("/verdict/notes") {
            notes.push(format!("worker {index}: {note}"));
        }
    }
    let rates = files.iter().filter_map(|file| file.number("/rps"));
    let (least, most) = rates.fold((f64::MAX, 0.0f64), |(least, most), rate| {
        (least.min(rate), most.max(rate))
    });
    if least < most * UNEVEN {
        notes.push(format!(
            "the workers are uneven: the slowest had {:.0} % of the fastest one's answers",
            per(least * 100.0, most)
        ));
    }
    let statuses = files
        .iter()
        .filter_map(|file| file.count("/verdict/exit_status"));
    let verdict = &mut merged["verdict"];
    verdict["valid"] = all("/verdict/valid").into();
    verdict["counts_balance"] = all("/verdict/counts_balance").into();
    if bound.is_some() {
        verdict["bound"] = "client".into();
    }
    verdict["littles_law"] = law(files).into();
    verdict["exit_status"] = statuses.max().unwrap_or(0).into();
    verdict["notes"] = notes.into();
    verdict["overlap"] = rounded(together.overlap, 1e6).into();
}

/// How well Little's law holds for all, each weighted by the connections that it had.
fn law(files: &[RunFile]) -> Option<f64> {
    let (mut sum, mut weights) = (0.0, 0.0);
    for file in files {
        let weight = file.number("/load/connections_up_mean")?;
        sum += file.number("/verdict/littles_law")? * weight;
        weights += weight;
    }
    (weights > 0.0).then(|| rounded(sum / weights, 1e4))
}

/// Labels that all files have, with the same value.
fn common_labels(files: &[RunFile]) -> Value {
    let labels = files[0].value["labels"].as_object().into_iter().flatten();
    let common = labels.filter(|(key, value)| {
        files
            .iter()
            .all(|file| file.value["labels"].get(key.as_str()) == Some(*value))
    });
    let common: Map<String, Value> = common
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    common.into()
}

fn worker(file: &RunFile) -> Value {
    json!({
        "index": file.value["worker"]["index"],
        "id": file.value["id"],
        "host": file.value["client"]["host"],
        "connections": file.value["connections"],
        "responses": file.value["responses"],
        "rps": file.value["rps"],
        "start_unix_ns": file.value["phases"]["start_unix_ns"],
        "measure_ns": file.value["phases"]["measure_ns"],
        "clock": file.value["client"]["clock"],
        "valid": file.value["verdict"]["valid"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_answers_are_in_the_order_in_which_they_came() {
        let file = |start: u64, times: &[i64]| {
            let list: Vec<Value> = times.iter().map(|t_ns| json!({ "t_ns": t_ns })).collect();
            RunFile {
                path: "x.json".into(),
                value: json!({ "phases": { "start_unix_ns": start }, "mismatches": list }),
            }
        };
        let together = Together {
            start: 1000,
            end: 2000,
            overlap: 1.0,
        };
        let files = [file(1000, &[-10, 20, 40, 50]), file(1005, &[-30, 30])];
        let times: Vec<i64> = first("mismatches", 5, &files, &together)
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["t_ns"].as_i64().unwrap())
            .collect();
        assert_eq!(times, [-25, -10, 20, 35, 40]);
    }
}
