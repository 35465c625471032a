//! The HTML report in a real browser: what it draws is measured there.

use crate::{
    server::{OK, Server},
    tool::{raw, run, run_once, template, words},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{
    fs,
    io::Read,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const PATIENCE: Duration = Duration::from_secs(90);

/// Measures the report in a frame of a phone's width and hands the answer over in the title.
const PROBE: &str = r"
const frame = document.querySelector('iframe');
const errors = [];
frame.onload = () => {
  const page = frame.contentDocument;
  const charts = [...page.querySelectorAll('svg')].map(svg => ({
    label: svg.getAttribute('aria-label'),
    width: svg.getBoundingClientRect().width,
    height: svg.getBoundingClientRect().height,
    marks: [...svg.querySelectorAll('path.mark, rect')].filter(mark => {
      const box = mark.getBBox();
      return box.width > 0 && (box.height > 0 || mark.classList.contains('mark'));
    }).length,
    // Marks and texts that stick out of the view box would be cut off.
    outside: [...svg.querySelectorAll('text, path, rect')].filter(mark => {
      const box = mark.getBBox(), view = svg.viewBox.baseVal;
      return box.x < -1 || box.y < -1 || box.x + box.width > view.width + 1 || box.y + box.height > view.height + 1;
    }).map(mark => mark.outerHTML),
    coloured: [...svg.querySelectorAll('path.mark')].every(mark => getComputedStyle(mark).stroke !== 'none'),
    caption: svg.closest('figure').querySelector('figcaption').textContent.length,
  }));
  document.title = btoa(JSON.stringify({
    charts,
    tables: page.querySelectorAll('table').length,
    scripts: page.querySelectorAll('script').length,
    width: page.documentElement.clientWidth,
    scroll: page.documentElement.scrollWidth,
    paper: getComputedStyle(page.body).backgroundColor,
    ink: getComputedStyle(page.body).color,
  }));
};
";

/// A browser that starts, or the reason to skip.
pub(crate) fn browser() -> Option<&'static str> {
    let found = BROWSERS.into_iter().find(|name| {
        let mut version = Command::new(name);
        version
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        matches!(version.status(), Ok(status) if status.success())
    });
    if found.is_none() {
        eprintln!(
            "skipped: no browser is installed (apt-get install chromium), so the HTML report was not opened"
        );
    }
    found
}

/// What the probe found in the report.
fn probe(browser: &str, folder: &TempDir, report: &str, dark: bool, width: u32) -> Value {
    let escaped = report.replace('&', "&amp;").replace('"', "&quot;");
    let page = format!(
        "<!DOCTYPE html><meta charset=utf-8><link rel=icon href='data:,'><title></title>\
         <iframe width={width} height=800 style='border:0' srcdoc=\"{escaped}\"></iframe><script>{PROBE}</script>"
    );
    let path = folder.path().join(format!("probe-{dark}-{width}.html"));
    fs::write(&path, page).unwrap();
    let scheme = if dark { 0 } else { 1 };
    let mut child = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
        ])
        .args(["--enable-logging=stderr", "--dump-dom"])
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("file://{}", path.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let dom = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let log = thread::spawn(move || {
        let mut bytes = Vec::new();
        stderr.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the browser did not end");
        }
        thread::sleep(Duration::from_millis(20));
    }
    let (dom, log) = (dom.join().unwrap(), log.join().unwrap());
    assert!(!log.contains("CONSOLE"), "{log}");
    let title = dom
        .split("<title>")
        .nth(1)
        .unwrap_or_else(|| panic!("no page: {log}"));
    let title = title.split("</title>").next().unwrap();
    serde_json::from_slice(&STANDARD.decode(title).unwrap()).unwrap()
}

/// Brightness of `rgb(r, g, b)`, 0 to 765.
fn brightness(colour: &Value) -> u32 {
    let text = colour.as_str().unwrap();
    let numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty());
    numbers
        .take(3)
        .map(|number| number.parse::<u32>().unwrap())
        .sum()
}

/// Opens a report of at least so many charts and tables in both colours.
pub(crate) fn looks_right(
    browser: &str,
    folder: &TempDir,
    report: &Path,
    (charts, tables): (usize, u64),
) {
    let text = fs::read_to_string(report).unwrap();
    for outside in [
        "http://www",
        "https://",
        "<script",
        "<img",
        "url(",
        "@import",
    ] {
        assert!(!text.contains(outside), "{outside}");
    }
    for dark in [false, true] {
        let seen = probe(browser, folder, &text, dark, 400);
        let drawn = seen["charts"].as_array().unwrap();
        assert!(drawn.len() >= charts, "{seen:#}");
        for chart in drawn {
            assert!(chart["marks"].as_u64().unwrap() > 0, "{chart:#}");
            assert!(chart["width"].as_f64().unwrap() > 200.0, "{chart:#}");
            assert!(chart["height"].as_f64().unwrap() > 20.0, "{chart:#}");
            assert_eq!(chart["outside"], Value::Array(Vec::new()), "{chart:#}");
            assert_eq!(chart["coloured"], true, "{chart:#}");
            assert!(chart["caption"].as_u64().unwrap() > 20, "{chart:#}");
        }
        assert_eq!(seen["scripts"], 0);
        assert!(seen["tables"].as_u64().unwrap() >= tables, "{seen:#}");
        assert_eq!(seen["width"], 400);
        assert!(
            seen["scroll"].as_u64().unwrap() <= 400,
            "it scrolls sideways: {seen:#}"
        );
        let (paper, ink) = (brightness(&seen["paper"]), brightness(&seen["ink"]));
        assert_eq!(dark, paper < 200, "{seen:#}");
        assert!(paper.abs_diff(ink) > 450, "{seen:#}");
    }
}

#[test]
fn the_report_of_a_run_is_drawn() {
    let server = Server::answering(OK);
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.html");
    let files = ["/a?<script>alert(1)</script>", "/b"]
        .map(|path| template(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")));
    let list = raw(&files);
    let output = run(&[
        &server.url(),
        "--raw",
        &list,
        "-c",
        "3",
        "-d",
        "700ms",
        "--interval",
        "100ms",
        "--per-tpl-latency",
        "--label",
        "server=<script>x</script>&\"",
        "--html",
        report.to_str().unwrap(),
    ]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let text = fs::read_to_string(&report).unwrap();
    assert!(
        text.contains("Load on &lt;script&gt;x&lt;/script&gt;&amp;"),
        "{text}"
    );
    if let Some(browser) = browser() {
        // Percentiles, rate, p99, heat map, templates.
        looks_right(browser, &folder, &report, (5, 4));
    }
}

#[test]
fn the_report_of_several_servers_is_drawn() {
    let (one, two) = (Server::answering(OK), Server::answering(OK));
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for round in 0..2 {
        for (server, name) in [
            (&one, "server=one"),
            (
                &two,
                "server=two-with-a-name-that-is-much-longer-than-any-chart-has-room-for",
            ),
        ] {
            let file = folder.path().join(format!("{}{round}.json", &name[7..10]));
            let file = file.to_str().unwrap().to_owned();
            let output = run(&words(&format!(
                "{} -c 2 -d 300ms --interval 100ms --label {name} -o {file}",
                server.url()
            )));
            assert_eq!(output.code, Some(0), "{output:?}");
            files.push(file);
        }
    }
    let report = folder.path().join("report.html");
    let mut line: Vec<&str> = vec!["report"];
    line.extend(files.iter().map(String::as_str));
    line.extend(["-o", report.to_str().unwrap()]);
    let output = run(&line);
    assert_eq!(output.code, Some(0), "{output:?}");
    if let Some(browser) = browser() {
        // Ranking, percentiles, rate, p99, cost.
        looks_right(browser, &folder, &report, (5, 4));
    }
}

#[test]
fn a_run_without_answers_has_a_report_too() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.html");
    let url = format!("http://{closed}/");
    let output = run_once(&words(&format!(
        "{url} -c 1 -d 150ms --html {}",
        report.to_str().unwrap()
    )));
    assert_eq!(output.code, Some(5));
    let text = fs::read_to_string(&report).unwrap();
    assert!(
        text.contains("Nothing was answered.") && text.contains("Connection refused"),
        "{text}"
    );
    assert!(!text.contains("NaN") && !text.contains("inf "), "{text}");
}

#[test]
fn a_report_s_kind_is_in_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::answering(OK);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let file = path("r.json");
    run(&[&server.url(), "-c", "1", "-d", "150ms", "-o", &file]);
    for (name, part) in [
        ("r.md", "| throughput |"),
        ("r.csv", "p99_ns"),
        ("r.html", "<!DOCTYPE html>"),
    ] {
        assert_eq!(run(&["report", &file, "-o", &path(name)]).code, Some(0));
        assert!(
            fs::read_to_string(path(name)).unwrap().contains(part),
            "{name}"
        );
    }
    let output = run(&["report", &file, "-o", &path("r.pdf")]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains(".html, .md or .csv"), "{output:?}");
}
