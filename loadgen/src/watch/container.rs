//! Containers by name: the engine is asked over its socket (Docker Engine API, which podman has as well), else by its
//! program.

use serde_json::Value;
use std::{
    env,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(5);
/// More than any engine says about a container.
const ANSWER_MAX: u64 = 4 * 1024 * 1024;

/// The first process of a running container.
pub(super) fn process(name: &str) -> Result<u32, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    // What engines allow for a name; anything else would be another path or option.
    if name.is_empty() || name.starts_with('-') || !name.bytes().all(plain) {
        return Err(format!("`{name}` is no name or id of a container"));
    }
    let mut reasons = Vec::new();
    for socket in sockets() {
        match ask(&socket, name) {
            Ok(answer) => match judge(&answer) {
                Ok(Some(pid)) => return Ok(pid),
                Ok(None) => return Err(format!("the container {name} is not running")),
                Err(why) => reasons.push(format!("{}: {why}", socket.display())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => reasons.push(format!("{}: {error}", socket.display())),
        }
    }
    for program in ["docker", "podman"] {
        match call(program, name) {
            Ok(Some(pid)) => return Ok(pid),
            Ok(None) => return Err(format!("the container {name} is not running")),
            Err(Some(why)) => reasons.push(format!("{program}: {why}")),
            Err(None) => {}
        }
    }
    if reasons.is_empty() {
        reasons.push("neither docker nor podman was found".into());
    }
    Err(format!(
        "cannot find the container {name} ({})",
        reasons.join("; ")
    ))
}

/// Where engines listen.
fn sockets() -> Vec<PathBuf> {
    if let Ok(host) = env::var("DOCKER_HOST") {
        // Another machine's engine knows nothing of the processes here.
        return host
            .strip_prefix("unix://")
            .map(PathBuf::from)
            .into_iter()
            .collect();
    }
    let own = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let mut sockets: Vec<PathBuf> = vec![
        "/var/run/docker.sock".into(),
        "/run/podman/podman.sock".into(),
    ];
    if let Some(own) = own {
        sockets.push(own.join("docker.sock"));
        sockets.push(own.join("podman/podman.sock"));
    }
    sockets
}

/// The engine's answer to a question for the container.
fn ask(socket: &Path, name: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // By HTTP/1.0, so that the answer comes in one piece and ends with the connection.
    let request = format!("GET /containers/{name}/json HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The process that an answer names, when there is one.
fn judge(answer: &str) -> Result<Option<u32>, String> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("it did not answer as HTTP")?;
    let status = head.split_whitespace().nth(1).unwrap_or("");
    let body: Option<Value> = serde_json::from_str(body).ok();
    let text = |key: &str| body.as_ref().and_then(|body| body[key].as_str());
    if status != "200" {
        return Err(text("message").map_or_else(|| format!("status {status}"), str::to_owned));
    }
    let pid = body.as_ref().and_then(|body| body["State"]["Pid"].as_u64());
    let pid = pid.ok_or("its answer has no State.Pid")?;
    Ok(u32::try_from(pid).ok().filter(|pid| *pid != 0))
}

/// The same from the engine's program; no reason when there is no such program.
fn call(program: &str, name: &str) -> Result<Option<u32>, Option<String>> {
    let output = Command::new(program)
        .args([
            "inspect",
            "--type",
            "container",
            "--format",
            "{{.State.Pid}}",
            name,
        ])
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => None,
            _ => Some(error.to_string()),
        })?;
    let line = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        return Err(Some(line(&output.stderr)));
    }
    let pid = line(&output.stdout);
    let pid: u32 = pid
        .parse()
        .map_err(|_| Some(format!("it answered `{pid}`")))?;
    Ok((pid != 0).then_some(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged() {
        let running = "HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"State\":{\"Pid\":4711}}";
        assert_eq!(judge(running), Ok(Some(4711)));
        let stopped = "HTTP/1.0 200 OK\r\n\r\n{\"State\":{\"Pid\":0}}";
        assert_eq!(judge(stopped), Ok(None));
        let missing = "HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"No such container: x\"}";
        assert_eq!(judge(missing), Err("No such container: x".into()));
        assert!(judge("HTTP/1.0 500 x\r\n\r\n").unwrap_err().contains("500"));
        assert!(judge("HTTP/1.0 200 OK\r\n\r\n{}").is_err());
        assert!(judge("nonsense").is_err());
    }

    #[test]
    fn names_are_names() {
        for name in ["", "--help", "../../x", "a b", "x?y"] {
            assert!(process(name).unwrap_err().contains("is no name"), "{name}");
        }
    }
}
