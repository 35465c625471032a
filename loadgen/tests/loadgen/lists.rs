//! Lists of requests in a file: `--urls` and `--targets`.

use crate::{
    rotation::{per_template, server},
    tool::{json, run, template},
};

#[test]
fn lists_of_urls_are_requested_in_turn() {
    let server = server();
    let address = server.address();
    let list = template(format!(
        "# all\nhttp://{address}/a?x={{RAND:1:9}}\n\nhttp://{address}/b\nhttp://{address}/c\n"
    ));
    let file = list.path().to_str().unwrap();
    let (report, output) = json(&[
        "--urls", file, "-c", "1", "-n", "9", "-H", "X-A: b", "-B", "hi",
    ]);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(per_template(&report, "responses"), [3, 3, 3]);
    assert_eq!(report["per_template"][1]["name"], "/b");
    for (number, request) in server.requests().into_iter().enumerate() {
        let text = String::from_utf8(request).unwrap();
        let path = ["/a?x=", "/b HTTP/1.1", "/c HTTP/1.1"][number % 3];
        assert!(text.starts_with(&format!("POST {path}")), "{text}");
        let rest = format!("\r\nHost: {address}\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi");
        assert!(text.ends_with(&rest), "{text}");
    }
}

#[test]
fn targets_are_read_as_vegeta_reads_them() {
    let server = server();
    let body = template("{\"n\": {RANDJ:1:1000}}");
    let list = template(format!(
        "GET /a\nX-A: own\n\nHEAD http://virtual.example/head\n\nPOST http://virtual.example/things\nHost: third\n@{}\n",
        body.path().display()
    ));
    let file = list.path().to_str().unwrap();
    let url = server.url();
    let args = [
        &url,
        "--targets",
        file,
        "-c",
        "1",
        "-n",
        "6",
        "-p",
        "2",
        "-H",
        "X-A: all",
        "-T",
        "x/y",
    ];
    let (report, output) = json(&args);
    assert_eq!(output.code, Some(0), "{report:#}");
    assert_eq!(report["per_template"][2]["name"], "POST /things");
    let texts: Vec<String> = server
        .requests()
        .into_iter()
        .map(|request| String::from_utf8(request).unwrap())
        .collect();
    let address = server.address();
    let get =
        format!("GET /a HTTP/1.1\r\nHost: {address}\r\nX-A: own\r\nContent-Type: x/y\r\n\r\n");
    let head =
        "HEAD /head HTTP/1.1\r\nHost: virtual.example\r\nX-A: all\r\nContent-Type: x/y\r\n\r\n";
    assert_eq!(texts[0], get);
    assert_eq!(texts[1], head);
    let (start, body) = texts[2].split_once("\r\n\r\n").unwrap();
    let length = body.len();
    assert_eq!(
        start,
        format!(
            "POST /things HTTP/1.1\r\nHost: third\r\nX-A: all\r\nContent-Type: x/y\r\nContent-Length: {length}"
        )
    );
    assert!(body.starts_with("{\"n\": ") && texts[3] == get);
}

#[test]
fn lists_are_refused_by_line() {
    let file = |text: &str| template(text.replace("HOST", "http://127.0.0.1:1"));
    let url = "http://127.0.0.1:1/";
    for (flag, text, extra, part) in [
        (
            "--urls",
            "HOST/a\nhttp://127.0.0.2:1/b",
            &[][..],
            "line 2: `127.0.0.2:1` is another host",
        ),
        (
            "--urls",
            "HOST/a\nhttps://127.0.0.1:1/",
            &[],
            "http and https cannot",
        ),
        (
            "--urls",
            "ws://127.0.0.1:1/a",
            &[],
            "line 1: `ws://127.0.0.1:1/a`: write it with http",
        ),
        (
            "--urls",
            "/a",
            &["ws://127.0.0.1:1/"],
            "--urls: it is of no use with WebSocket",
        ),
        ("--urls", "/a", &[], "line 1: `/a` names no host"),
        ("--urls", "HOST/a\nx", &[url], "line 2: `x` is no URL"),
        ("--urls", "HOST/a b", &[], "percent-encoded"),
        ("--urls", "# nothing\n", &[], "lists no request"),
        ("--urls", "/a", &[url, "--raw", "x"], "--raw"),
        ("--targets", "GET /a\nbad", &[url], "line 1: -H 'bad'"),
        (
            "--targets",
            "GET /a\n@/no/such/file",
            &[url],
            "/no/such/file",
        ),
        ("--targets", "/a", &[url], "line 1: `/a` begins no request"),
        ("--targets", "GET /a", &[url, "-m", "PUT"], "--method"),
    ] {
        let file = file(text);
        let path = file.path().to_str().unwrap();
        let output = run(&[&[flag, path], extra].concat());
        assert_eq!(output.code, Some(2), "{text}: {output:?}");
        assert!(output.stderr.contains(part), "{text}: {}", output.stderr);
    }
    for (args, part) in [
        (&["--urls", "/no/such/list"][..], "/no/such/list"),
        (&["--raw", "/no/such/file@3"], "the template /no/such/file:"),
        (&["--raw", "a.raw@0"], "`0` is no weight"),
        (&["--rotate", "sometimes"], "--rotate"),
        (&["--rotate", "request", "--ws"], "--ws"),
    ] {
        let output = run(&[&[url], args].concat());
        assert_eq!(output.code, Some(2), "{args:?}");
        assert!(output.stderr.contains(part), "{args:?}: {}", output.stderr);
    }
}
