//! A stand-in for the Docker client.

use super::{Entry, harness, root, script_file};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// Understands the calls that the harness makes. `run` takes the port from
/// --publish and the data folder from the first --volume.
const CLIENT: &str = r#"#!/bin/sh
state=@STATE@
echo "$@" >> "$state/calls"
case "$1" in
info) echo 99.1 ;;
build) exit 0 ;;
rm)
    [ -f "$state/pid" ] || exit 1
    pid=$(cat "$state/pid")
    # As with --force, nothing of it is left: its port is free.
    while kill -KILL "$pid" 2> "$state/null"; do sleep 0.01; done
    rm "$state/pid"
    ;;
inspect)
    case "$3" in
    *Pid*) cat "$state/pid" ;;
    *)
        exit=$state/exit.$(cat "$state/pid")
        [ -f "$exit" ] && echo "false $(cat "$exit")" || echo "true 0"
        ;;
    esac
    ;;
logs) cat "$state/log" ;;
network) echo bridge ;;
ps) cat "$state/containers" 2> "$state/null" || true ;;
run)
    case "$*" in
    *memlock=-1:-1*) [ -f "$state/strict" ] && refused=8 ;;
    *nofile=512:512*) ;;
    *--ulimit*) [ -f "$state/strict" ] && refused=7 ;;
    esac
    if [ -n "$refused" ]; then
        echo "error setting rlimits for ready process: error setting rlimit type $refused: operation not permitted" >&2
        exit 125
    fi
    while [ $# -gt 0 ]; do
        case "$1" in
        --publish) port=${2#*:}; port=${port%:*} ;;
        --env) port=${2#PORT=} ;;
        --volume) [ -n "$data" ] || data=$(dirname "${2%%:*}") ;;
        esac
        shift
    done
    (
        if [ -f "$state/strict" ]; then ulimit -l 64; ulimit -n 512; fi
        PORT=$port DATA_DIR=$data @SERVER@ &
        pid=$!
        echo $pid > "$state/pid.new"
        mv "$state/pid.new" "$state/pid"
        wait $pid
        echo $? > "$state/exit.$pid"
    ) > "$state/log" 2>&1 &
    while [ ! -f "$state/pid" ]; do sleep 0.01; done
    echo 0123456789abcdef
    ;;
*) exit 64 ;;
esac
"#;

/// A client with a state of its own.
pub(crate) struct FakeDocker {
    folder: TempDir,
}

impl FakeDocker {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let client = CLIENT
            .replace("@STATE@", &folder.path().display().to_string())
            .replace("@SERVER@", env!("CARGO_BIN_EXE_fake-entry"));
        script_file(&folder.path().join("docker.sh"), &client);
        Self { folder }
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.folder.path().join("docker.sh")
    }

    /// The calls in order, without those that only look at the engine or at a
    /// container's state.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("calls")).unwrap();
        text.lines()
            .filter(|line| !line.starts_with("inspect") && !line.starts_with("network"))
            .map(str::to_owned)
            .collect()
    }

    /// A file of its state: `pid` is there while a container runs, `containers`
    /// is what `ps` prints, with `strict` limits are refused.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `validate --docker` of an entry.
    pub(crate) fn validate(&self, entry: &Entry, port: u16) -> Command {
        let mut command = harness();
        command.arg("--root").arg(root()).arg("validate");
        command.arg(entry.path());
        command.args(["--docker", "--quick", "--generation", "2026-04"]);
        command.args(["--port", &port.to_string()]);
        command.env("DOCKER", self.program());
        command
    }
}
