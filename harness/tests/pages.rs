//! What is made of saved results: the table, the README's part, and the page,
//! which is opened in a real browser.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking, in their helpers too"
)]

mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Run, harness};
use tempfile::TempDir;

/// What somebody could call an entry to break the page.
const HOSTILE: &str = "<img src=x onerror=document.title=1>&\"'";
const ENTRIES: [&str; 3] = ["sws", "hyper", "raw-epoll"];

fn figures(entry: &str, rps: u64) -> Value {
    let round = |rps: u64| json!({"rps": rps, "latency_us": {"p50": 90, "p99": 400.5, "p99.9": 2000, "max": 9000}, "foreign_cores": 0.1, "invalid": null});
    let against = json!({"base": "sws", "pairs": 2, "generator_limited": false,
        "rps": {"value": 0.5, "low": 0.45, "high": 0.55, "verdict": "slower"}});
    json!({"entry": entry, "run": "02", "framework": HOSTILE, "rps": rps + 10, "rps_median": rps, "generation": HOSTILE,
        "latency_us_median": {"p50": 90, "p99": 400.5, "p99_9": 2000}, "server_cpu_us_per_request": 5.25,
        "peak_memory_bytes": 3_145_728, "errors_total": 0, "engine_said": HOSTILE,
        "against": if entry == "sws" { Value::Null } else { against },
        "rounds": [round(rps - 10), round(rps + 10)]})
}

/// Two profiles, three entries, two runs.
fn results() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let results = root.path().join("results");
    let write = |path: String, value: &Value| {
        let path = results.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    };
    for profile in ["baseline", "json"] {
        for (index, entry) in ENTRIES.iter().enumerate() {
            let path = format!("{profile}/512/{entry}.json");
            write(path, &figures(entry, [900, 100, 10_000][index]));
        }
    }
    for day in ["01", "02"] {
        let cell = |profile: &str| {
            json!({"profile": profile, "connections": 512, "generation": HOSTILE,
            "entries": [figures("sws", 900), figures(HOSTILE, 1_200_000)]})
        };
        let run = json!({"id": day, "started": format!("2026-11-{day}T10:00:00Z"),
            "arguments": ["--root", "/r", "benchmark", "sws", "it's"], "refused": [{"entry": HOSTILE, "why": HOSTILE}],
            "environment": {"cpu": HOSTILE, "kernel": "6.18.5", "commit": "0123456789abcdef", "sysctls": {"net.core.somaxconn": "4096"}},
            "cells": [cell("baseline"), cell("json")]});
        write(format!("runs/{day}.json"), &run);
    }
    root
}

fn command(root: &Path, arguments: &[&str]) -> Run {
    let mut command = harness();
    command.arg("--root").arg(root).args(arguments);
    Run::of(command)
}

#[test]
fn the_readmes_table_is_made_of_saved_results() {
    let root = results();
    let readme = root.path().join("README.md");
    fs::write(&readme, "# x\n\nno marks\n").unwrap();
    let run = command(root.path(), &["readme"]);
    run.expect_code(2);
    assert!(
        run.stderr.contains("needs these two lines"),
        "{}",
        run.stderr
    );
    let marks: Vec<&str> = run.stderr.lines().skip(1).collect();
    assert_eq!(marks.len(), 2, "{}", run.stderr);
    fs::write(
        &readme,
        format!("# x\n{}\noutdated\n{}\nlast\n", marks[0], marks[1]),
    )
    .unwrap();
    command(root.path(), &["readme"]).expect_code(0);
    let text = fs::read_to_string(&readme).unwrap();
    let table = command(root.path(), &["table"]);
    assert!(text.contains(table.stdout.trim()), "{text}");
    assert!(
        text.contains("| json | 512 | 900 | 100 (**0.50**, 0.45 to 0.55) |"),
        "{text}"
    );
    assert!(
        text.starts_with("# x\n") && text.ends_with("\nlast\n") && !text.contains("outdated"),
        "{text}"
    );
    let run = command(root.path(), &["readme"]);
    assert!(run.stdout.contains("is up to date"), "{}", run.stdout);
}

#[test]
fn without_results_nothing_is_written() {
    let root = tempfile::tempdir().unwrap();
    for verb in ["page", "table", "readme"] {
        fs::write(root.path().join("README.md"), "").unwrap();
        let run = command(root.path(), &[verb]);
        run.expect_code(2);
        assert!(
            run.stderr.contains("there are no results in"),
            "{}",
            run.stderr
        );
    }
    assert!(!root.path().join("results").exists());
}

/// A file of nobody's is named and takes nothing else along.
#[test]
fn what_is_no_result_is_left_out() {
    let root = results();
    let foreign = root.path().join("results/json/512/other.json");
    fs::write(&foreign, "not JSON").unwrap();
    for verb in ["page", "table"] {
        let run = command(root.path(), &[verb]);
        run.expect_code(0);
        let says = format!("left out: {}", foreign.display());
        assert!(run.stderr.contains(&says), "{}", run.stderr);
        assert!(!run.stdout.contains("other"), "{}", run.stdout);
    }
}

#[test]
fn the_page_goes_where_it_is_asked_for() {
    let root = results();
    let file = root.path().join("elsewhere.html");
    let run = command(root.path(), &["page", file.to_str().unwrap()]);
    run.expect_code(0);
    assert!(run.stdout.contains("elsewhere.html"), "{}", run.stdout);
    assert!(!root.path().join("results/index.html").exists());
    let page = fs::read_to_string(&file).unwrap();
    command(root.path(), &["page"]).expect_code(0);
    let usual = fs::read_to_string(root.path().join("results/index.html")).unwrap();
    assert_eq!(page, usual);
    let nowhere = root.path().join("no/such/folder.html");
    let run = command(root.path(), &["page", nowhere.to_str().unwrap()]);
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("no/such/folder.html"), "{}", run.stderr);
}

/// Who was measured later has another base, or another machine's load.
#[test]
fn figures_of_several_runs_are_marked() {
    let root = results();
    let pages = || {
        command(root.path(), &["page"]).expect_code(0);
        let page = fs::read_to_string(root.path().join("results/index.html")).unwrap();
        (page, command(root.path(), &["table"]).stdout)
    };
    let marks = |(page, table): (String, String)| {
        let page = page.matches("These figures are of several runs").count();
        (
            page,
            table.contains("Not all figures of a line are of one run"),
        )
    };
    assert_eq!(marks(pages()), (0, false));
    let mut later = figures("hyper", 100);
    later["rounds"][0]["foreign_cores"] = json!(0.9);
    later["run"] = json!("03");
    later["against"]["base"] = json!("raw-epoll");
    let path = root.path().join("results/json/512/hyper.json");
    fs::write(path, later.to_string()).unwrap();
    let (page, table) = pages();
    assert!(page.contains("slower than raw-epoll"));
    let others = "Other processes used up to 0.5 of the measured CPUs";
    assert_eq!(page.matches(others).count(), 1);
    assert!(
        table.contains("| json | 512 | 900 | 100 | 10,000 (**0.50**"),
        "{table}"
    );
    assert_eq!(marks((page, table)), (1, true));
}

/// Runs in the page itself, in a frame of a given width; the answer is handed
/// over in the title.
const PROBE: &str = r#"
document.querySelector('iframe').onload = event => {
  const page = event.target.contentDocument;
  const first = () => [...page.querySelector('table.board').tBodies[0].rows].map(row => row.cells[0].textContent.slice(2));
  const press = column => page.querySelectorAll('table.board th button')[column].click();
  const orders = [first()];
  for (const column of [0, 0, 1, 2]) { press(column); orders.push(first()); }
  const sticking = [...page.querySelectorAll('figure svg')].flatMap(svg =>
    [...svg.querySelectorAll('text, path, circle')].filter(mark => {
      const box = mark.getBBox(), view = svg.viewBox.baseVal;
      return box.x < -1 || box.y < -1 || box.x + box.width > view.width + 1 || box.y + box.height > view.height + 1;
    }).map(mark => mark.outerHTML));
  document.title = JSON.stringify({
    orders, sticking,
    charts: page.querySelectorAll('figure svg').length,
    lines: page.querySelectorAll('figure path.mark').length,
    bars: [...page.querySelectorAll('svg.bar rect')].slice(0, 3).map(bar => bar.getBBox().width),
    whiskers: page.querySelectorAll('svg.bar path.whisker').length,
    images: page.querySelectorAll('img').length,
    links: [...page.querySelectorAll('nav a')].every(link => page.querySelector(link.getAttribute('href'))),
    client: page.documentElement.clientWidth, scroll: page.documentElement.scrollWidth,
    paper: page.defaultView.getComputedStyle(page.body).backgroundColor,
    ink: page.defaultView.getComputedStyle(page.body).color,
    text: page.querySelector('#environment').textContent,
    again: page.querySelector('#again pre').textContent,
  });
};
"#;

fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| {
        let mut version = Command::new(name);
        version
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    });
    if found.is_none() {
        eprintln!(
            "skipped: no browser is installed (apt-get install chromium), so results/index.html was not opened"
        );
    }
    found
}

fn probe(browser: &str, folder: &Path, page: &str, dark: bool, width: u32) -> Value {
    let escaped = page.replace('&', "&amp;").replace('"', "&quot;");
    let path = folder.join(format!("probe-{width}.html"));
    let outer = format!(
        "<!DOCTYPE html><meta charset=utf-8><link rel=icon href='data:,'><title></title>\
         <iframe width={width} height=800 style='border:0' srcdoc=\"{escaped}\"></iframe><script>{PROBE}</script>"
    );
    fs::write(&path, outer).unwrap();
    let output = Command::new("timeout")
        .args([
            "90",
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--no-first-run",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--dump-dom",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .arg(format!(
            "--blink-settings=preferredColorScheme={}",
            u8::from(!dark)
        ))
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!log.contains("CONSOLE"), "{log}");
    let dom = String::from_utf8_lossy(&output.stdout);
    let title = dom
        .split("<title>")
        .nth(1)
        .and_then(|rest| rest.split("</title>").next());
    let title = title.unwrap_or_else(|| panic!("no page: {log}"));
    let title = title
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&title).unwrap_or_else(|error| panic!("{error}: {title}\n{log}"))
}

#[test]
fn the_page_works_in_a_browser() {
    let root = results();
    command(root.path(), &["page"]).expect_code(0);
    let page = fs::read_to_string(root.path().join("results/index.html")).unwrap();
    assert!(
        !page.contains(HOSTILE) && !page.contains("<img"),
        "not escaped"
    );
    for outside in ["http:", "https:", "src=", "@import", "url("] {
        let found = page.matches(outside).count();
        // A hostile name has one as text.
        let in_names = page.matches(&format!("img {outside}x")).count();
        assert_eq!(found, in_names, "the page names {outside}");
    }
    let Some(browser) = browser() else { return };

    let seen = probe(browser, root.path(), &page, false, 1100);
    let names = |list: [usize; 3]| json!(list.map(|index| ENTRIES[index]));
    let by_rate = names([2, 0, 1]);
    assert_eq!(seen["orders"][0], by_rate, "as it is loaded");
    assert_eq!(
        seen["orders"][1],
        names([0, 2, 1]),
        "names, from the last letter"
    );
    assert_eq!(
        seen["orders"][2],
        names([1, 2, 0]),
        "names, from the first letter"
    );
    assert_eq!(seen["orders"][3], by_rate, "numbers, not their texts");
    assert_eq!(seen["orders"][4][2], "sws", "what has no ratio comes last");
    // Two profiles: a latency curve of each entry, and a history of those in runs.
    assert_eq!(
        (&seen["charts"], &seen["lines"]),
        (&json!(4), &json!(2 * (3 + 2)))
    );
    assert_eq!((&seen["whiskers"], &seen["images"]), (&json!(6), &json!(0)));
    assert_eq!(seen["sticking"], json!([]));
    assert_eq!(seen["links"], true);
    let text = seen["text"].as_str().unwrap();
    assert!(
        text.contains(HOSTILE) && text.contains("net.core.somaxconn = 4096"),
        "{text}"
    );
    let again = seen["again"].as_str().unwrap();
    assert!(again.contains(r"./benchmark.sh sws 'it'\''s'"), "{again}");

    let phone = probe(browser, root.path(), &page, true, 390);
    assert_eq!(
        phone["scroll"], phone["client"],
        "the page is wider than a phone"
    );
    assert_eq!(phone["sticking"], json!([]));
    assert_ne!(phone["paper"], seen["paper"], "dark is light");
    assert_ne!(phone["ink"], seen["ink"]);
}
