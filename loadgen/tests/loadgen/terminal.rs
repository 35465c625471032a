//! What a terminal shows while a run goes on, and what is left of it. The terminal is a pseudo-terminal.

use crate::{
    arena_output::LABELS,
    server::{OK, Server},
    tool::{Output, run, until_answered, words},
};
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize},
};
use std::{
    ffi::OsStr,
    fs::File,
    io::{Read, Write},
    os::{fd::AsFd, unix::ffi::OsStrExt},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

/// A terminal, and everything that was written to it.
struct Terminal {
    master: File,
    slave: File,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn new() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let path = Path::new(OsStr::from_bytes(name.as_bytes()));
        let slave = File::options().read(true).write(true).open(path).unwrap();
        let size = Winsize {
            ws_row: 40,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size).unwrap();
        let master = File::from(master);
        let shown = Arc::<Mutex<Vec<u8>>>::default();
        let (mut reader, sink) = (master.try_clone().unwrap(), shown.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                sink.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self {
            master,
            slave,
            shown,
        }
    }

    fn start(&self, args: &[&str], term: &str) -> Child {
        Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args(args)
            .env("TERM", term)
            .stdin(self.slave.try_clone().unwrap())
            .stdout(Stdio::piped())
            .stderr(self.slave.try_clone().unwrap())
            .spawn()
            .unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until it shows this.
    fn wait_for(&self, part: &str) -> String {
        let begin = Instant::now();
        loop {
            let text = self.text();
            if text.contains(part) {
                return text;
            }
            assert!(begin.elapsed() < PATIENCE, "{part}: {text:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn modes(&self) -> Termios {
        tcgetattr(self.slave.as_fd()).unwrap()
    }

    /// Everything that was shown by somebody who has ended: what was written last is passed on when the kernel comes to it.
    fn everything(mut self) -> String {
        let last = "the end of the test";
        self.slave.write_all(last.as_bytes()).unwrap();
        self.wait_for(last).replace(last, "")
    }
}

/// Exit status and standard output.
fn finish(mut child: Child) -> (Option<i32>, String) {
    let mut stdout = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    (child.wait().unwrap().code(), stdout)
}

#[test]
fn a_line_shows_how_it_goes_and_is_gone_in_the_end() {
    let server = Server::answering(OK);
    let terminal = Terminal::new();
    let child = terminal.start(&[&server.url(), "-c", "2", "-d", "1200ms"], "xterm");
    terminal.wait_for("answers/s");
    let (code, stdout) = finish(child);
    let text = terminal.everything();
    assert_eq!(code, Some(0), "{text}");
    assert!(stdout.contains("requests in "), "{stdout}");
    assert!(
        text.contains("measuring, 1s of 1.2s") && text.contains("0 errors"),
        "{text:?}"
    );
    assert!(text.ends_with("\r\x1b[K"), "{text:?}");
    assert!(!text.contains('\n'), "{text:?}");
    for word in LABELS {
        assert!(!text.contains(word), "{word}: {text:?}");
    }
}

#[test]
fn who_wants_no_line_gets_none() {
    let server = Server::answering(OK);
    let url = server.url();
    let common = [url.as_str(), "-c", "2", "-d", "150ms"];
    for (flag, term) in [
        ("--plain", "xterm"),
        ("--quiet", "xterm"),
        ("--json", "dumb"),
    ] {
        let args = [common.as_slice(), &[flag]].concat();
        let output = until_answered(&args, |args| {
            let terminal = Terminal::new();
            let (code, stdout) = finish(terminal.start(args, term));
            Output {
                code,
                stdout,
                stderr: terminal.everything(),
            }
        });
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (Some(0), ""),
            "{flag}"
        );
    }
    let output = run(&common);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
}

#[test]
fn quiet_prints_the_result_only() {
    let server = Server::answering(OK);
    let output = run(&words(&format!(
        "{} -c 2 -t 9 -d 150ms --quiet",
        server.url()
    )));
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(0), ""),
        "{output:?}"
    );
    let first = output.stdout.lines().find(|line| !line.is_empty()).unwrap();
    assert!(first.starts_with("  Thread Stats"), "{}", output.stdout);
}

/// Runs with the whole screen until something ends it.
fn screen(end: impl FnOnce(&mut Terminal, &Child)) -> (Option<i32>, String, String) {
    let server = Server::answering(OK);
    let mut terminal = Terminal::new();
    let before = terminal.modes();
    assert!(
        before
            .local_modes
            .contains(LocalModes::ICANON | LocalModes::ECHO)
    );
    let args = [&server.url(), "-c", "2", "-d", "60s", "--tui", "-b", "7"];
    let child = terminal.start(&args, "xterm");
    terminal.wait_for("200 x");
    assert!(!terminal.modes().local_modes.contains(LocalModes::ICANON));
    end(&mut terminal, &child);
    let (code, stdout) = finish(child);
    assert_eq!(terminal.modes().local_modes, before.local_modes);
    assert_eq!(terminal.modes().input_modes, before.input_modes);
    (code, stdout, terminal.everything())
}

#[test]
fn the_screen_ends_with_q() {
    let (code, stdout, text) = screen(|terminal, _| terminal.master.write_all(b"q").unwrap());
    assert_eq!(code, Some(130), "{stdout}");
    assert!(
        stdout.contains("requests in ") && stdout.contains("2xx="),
        "{stdout}"
    );
    assert_eq!(
        (text.matches(ENTER).count(), text.matches(LEAVE).count()),
        (1, 1)
    );
    assert!(text.ends_with(LEAVE), "{text:?}");
    for part in [
        "measuring",
        "p99",
        "Status",
        "Errors",
        "Client",
        "answers/s",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let last = text.rsplit("\x1b[H").next().unwrap();
    assert_eq!(last.matches(" <= ").count(), 7, "{last:?}");
    assert!(last.lines().count() <= 40, "{last:?}");
}

#[test]
fn the_screen_ends_with_control_c() {
    let (code, stdout, text) = screen(|terminal, _| terminal.master.write_all(&[3]).unwrap());
    assert_eq!(code, Some(130), "{stdout}");
    assert!(stdout.contains("requests in "), "{stdout}");
    assert!(text.ends_with(LEAVE), "{text:?}");
}

#[test]
fn the_screen_is_left_after_a_signal() {
    let (code, stdout, text) = screen(|_, child| {
        let status = Command::new("kill").arg(child.id().to_string()).status();
        assert!(status.unwrap().success());
    });
    assert_eq!(code, Some(143), "{stdout}");
    assert!(stdout.contains("requests in "), "{stdout}");
    assert!(text.ends_with(LEAVE), "{text:?}");
}

#[test]
fn the_screen_needs_a_terminal() {
    let output = run(&["http://127.0.0.1:1/", "--tui"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
    assert!(output.stderr.contains("--tui"), "{}", output.stderr);
}

#[test]
fn there_is_no_history_to_clear() {
    let output = run(&["--clear-history"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("no history"), "{output:?}");
}
