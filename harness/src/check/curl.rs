//! The curl program, where it is installed: the client that the arena itself
//! validates with.

use super::fault::Fault;
use super::reply::Reply;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// Posts a body from standard input, as the arena does with large uploads.
pub(super) fn post(address: SocketAddr, path: &str, body: &[u8]) -> Result<Reply, Fault> {
    let sent = format!("curl --data-binary ({} bytes) {path}", body.len());
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "60",
            "--noproxy",
            "*",
        ])
        .args([
            "--data-binary",
            "@-",
            "--header",
            "Content-Type: application/octet-stream",
        ])
        .args(["--write-out", "\n%{http_code} %{content_type}"])
        .arg(format!("http://{address}{path}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| Fault::skip(format!("curl cannot be used: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        // A server that hangs up early shows in curl's exit code.
        let _ = input.write_all(body);
    }
    let output = child
        .wait_with_output()
        .map_err(|error| Fault::skip(format!("curl cannot be used: {error}")))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Fault::new(
            format!("curl gets no answer ({})", output.status),
            sent,
            "an HTTP answer",
            reason,
        ));
    }
    parse(&output.stdout, sent)
}

/// Splits curl's output into body and the line that `--write-out` adds.
fn parse(output: &[u8], sent: String) -> Result<Reply, Fault> {
    let line_start = output.iter().rposition(|byte| *byte == b'\n');
    let (body, line) = output.split_at(line_start.unwrap_or(0));
    let line = String::from_utf8_lossy(line).trim().to_owned();
    let (status, media_type) = line.split_once(' ').unwrap_or((&line, ""));
    let status = status
        .parse()
        .map_err(|_| Fault::skip(format!("curl's report cannot be read: {line:?}")))?;
    let headers = vec![("content-type".to_owned(), media_type.to_owned())];
    Ok(Reply {
        sent,
        status,
        headers,
        body: body.to_vec(),
        head_bytes: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_line_is_split_off() {
        let reply = parse(b"17\n\n200 text/plain; charset=utf-8", "x".into()).unwrap();
        assert_eq!(
            (reply.status, reply.body.as_slice()),
            (200, b"17\n".as_slice())
        );
        assert!(reply.expect_text("17", "wrong").is_ok());
    }
}
