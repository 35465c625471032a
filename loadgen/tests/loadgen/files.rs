//! Result files: `-o`, `--hgrm`, `--hlog`, `--timeseries`.

use crate::{
    schema,
    server::{OK, Server},
    tool::{number, raw, run, run_once, stopped_by, template, words},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};
use serde_json::Value;
use std::{fs, path::Path, thread, time::Duration};
use tempfile::TempDir;

/// Reads a histogram as any program would.
pub(crate) fn histogram(text: &str) -> Histogram<u64> {
    let bytes = STANDARD.decode(text).unwrap();
    Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .unwrap()
}

/// The sum of the histograms of all rows.
pub(crate) fn sum(rows: impl IntoIterator<Item = Histogram<u64>>) -> Histogram<u64> {
    rows.into_iter()
        .reduce(|mut sum, row| {
            sum.add(&row).unwrap();
            sum
        })
        .unwrap()
}

/// A result file, which meets the schema.
pub(crate) fn read(path: &Path) -> Value {
    let result = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    schema::validate(&result);
    result
}

/// Names of what a folder holds.
fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_file_tells_of_the_same_answers() {
    let server = Server::answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let files =
        ["/a", "/b"].map(|path| template(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")));
    let list = raw(&files);
    let (json, hgrm) = (path("r.json"), path("r.hgrm"));
    let (hlog, series) = (path("r.hlog"), path("r.ndjson"));
    let output = run(&words(&format!(
        "{} --raw {list} -c 4 -t 2 -d 650ms --per-tpl-latency -o {json} \
            --hgrm {hgrm} --hlog {hlog} --timeseries {series} --interval 200ms \
            --label server=mine --label block=3",
        server.url()
    )));
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(names(&folder), ["r.hgrm", "r.hlog", "r.json", "r.ndjson"]);

    let result = read(Path::new(&json));
    assert_eq!(result["labels"]["server"], "mine");
    assert_eq!(result["argv"].as_array().unwrap().len(), 25);
    let whole = histogram(result["latency"]["service"]["hdr"].as_str().unwrap());
    assert_eq!(whole.len(), number(&result["responses"]));
    assert!(!whole.is_empty());

    let templates = result["per_template"].as_array().unwrap().iter();
    let templates =
        templates.map(|template| histogram(template["latency"]["hdr"].as_str().unwrap()));
    assert_eq!(sum(templates), whole);

    let rows: Vec<Value> = fs::read_to_string(&series)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(result["windows"], Value::Array(rows.clone()));
    let ends: Vec<u64> = rows
        .iter()
        .map(|row| number(&row["t_ns"]) / 1_000_000)
        .collect();
    assert_eq!(ends, [200, 400, 600, 650]);
    assert_eq!(
        rows.iter().map(|row| number(&row["ok"])).sum::<u64>(),
        whole.len()
    );
    let hdr = rows
        .iter()
        .map(|row| histogram(row["hdr"].as_str().unwrap()));
    assert_eq!(sum(hdr), whole);

    let log = fs::read(&hlog).unwrap();
    let logged = IntervalLogIterator::new(&log).filter_map(|entry| match entry.unwrap() {
        LogEntry::Interval(interval) => Some(histogram(interval.encoded_histogram())),
        _ => None,
    });
    assert_eq!(sum(logged), whole);

    let table = fs::read_to_string(&hgrm).unwrap();
    assert!(
        table.contains(&format!("Total count    = {:12}]", whole.len())),
        "{table}"
    );
}

#[test]
fn an_interrupted_run_leaves_its_file() {
    let server = Server::answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.json");
    let file = path.to_str().unwrap();
    let args = [&server.url(), "-c", "2", "-d", "1h", "-o", file];
    let output = stopped_by("-INT", &server, &args, || {
        assert!(!path.exists(), "the file appears when it is complete");
    });
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(number(&read(&path)["responses"]) > 0);
    assert_eq!(names(&folder), ["r.json"]);
}

#[test]
fn a_run_without_answers_leaves_its_file() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.json");
    let url = format!("http://{closed}/");
    let output = run_once(&[&url, "-c", "1", "-d", "250ms", "-o", path.to_str().unwrap()]);
    assert_eq!(output.code, Some(5));
    let result = read(&path);
    assert_eq!(result["verdict"]["valid"], false);
    assert!(histogram(result["latency"]["service"]["hdr"].as_str().unwrap()).is_empty());
    assert_eq!(result["windows"].as_array().unwrap().len(), 1);
}

#[test]
fn a_stall_is_a_row_of_zeros() {
    // On a slow machine the stall may come too late for a short run.
    if !stall_is_seen("1500ms", 15) {
        assert!(stall_is_seen("10s", 100));
    }
}

fn stall_is_seen(duration: &str, windows: usize) -> bool {
    // The server stops for a second at its 50th request.
    let served = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |connection| {
        loop {
            connection.request()?;
            if served.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 50 {
                thread::sleep(Duration::from_secs(1));
            }
            connection.write(OK)?;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.json");
    let output = run(&words(&format!(
        "{} -c 1 -d {duration} --warmup 0 --interval 100ms -o {}",
        server.url(),
        path.to_str().unwrap()
    )));
    assert_eq!(output.code, Some(0), "{output:?}");
    let result = read(&path);
    let rows = result["windows"].as_array().unwrap();
    assert_eq!(rows.len(), windows);
    let silent = rows.iter().filter(|row| number(&row["ok"]) == 0).count();
    silent >= 7 && rows.iter().any(|row| number(&row["max"]) > 900_000_000)
}

#[test]
fn places_that_cannot_be_written_are_named_before_anything_is_sent() {
    let server = Server::answering(OK);
    for flag in ["-o", "--hgrm", "--hlog", "--timeseries"] {
        let output = run(&[&server.url(), "-d", "5s", flag, "/no/such/folder/file"]);
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains("/no/such/folder/file"), "{output:?}");
    }
    let output = run(&[&server.url(), "-d", "5s", "-o", "-"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("/dev/stdout"), "{output:?}");
    assert_eq!(server.connections(), 0);
}
