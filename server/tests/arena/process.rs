//! The program as a person or a script meets it.

use std::{io::Write, net::TcpListener, thread, time::Duration};

use crate::support::{ENGINES, Server, command, run};
use sws_server::testdata::Generation;

#[test]
fn help_is_complete() {
    let (code, stdout, _) = run(command().arg("--help"));
    assert_eq!(code, Some(0));
    for part in [
        "--port",
        "--host",
        "--reactors",
        "--engine",
        "--data-dir",
        "--gzip-level",
        "--debug-counters",
        "PORT",
        "DATA_DIR",
        "SWS_ENGINE",
        "SWS_REACTORS",
        "Examples:",
        "Exit codes:",
        "seccomp",
    ] {
        assert!(stdout.contains(part), "{part} is not in:\n{stdout}");
    }
}

#[test]
fn misuse_ends_with_2() {
    for arguments in [
        &["--port", "http"][..],
        &["--engine", "kqueue"],
        &["--reactors", "0"],
        &["--headers-max", "100000"],
        &["--no-such-option"],
    ] {
        let (code, _, stderr) = run(command().args(arguments));
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(!stderr.is_empty());
    }
    let (code, _, stderr) = run(command().env("PORT", "eighty"));
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("eighty"), "{stderr}");
}

#[test]
fn a_taken_port_ends_with_1_and_says_so() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    for engine in ENGINES {
        let (code, _, stderr) =
            run(command().args(["--host", "127.0.0.1", "--engine", engine, "--port", &port]));
        assert_eq!(code, Some(1), "{stderr}");
        assert!(
            stderr.contains(&port) && stderr.contains("in use"),
            "{stderr}"
        );
        assert!(stderr.contains("ss -ltnp"), "{stderr}");
    }
}

#[test]
fn the_start_up_line_names_engine_and_reactors() {
    let data = crate::support::data_dir(Generation::Ints);
    for engine in ENGINES {
        let server = Server::start(engine, data.path(), &[]);
        let log = server.log();
        assert_eq!(log.len(), 1, "{log:#?}");
        assert!(log[0].contains(engine), "{}", log[0]);
        assert!(log[0].contains("2 reactors"), "{}", log[0]);
    }
}

#[test]
fn the_environment_configures_like_the_command_line() {
    let data = crate::support::data_dir(Generation::Ints);
    let mut child = command();
    child.env("PORT", "70000").env("DATA_DIR", data.path());
    let (code, ..) = run(&mut child);
    assert_eq!(code, Some(2));
    // The option wins over the variable.
    let (code, _, stderr) =
        run(command()
            .env("SWS_ENGINE", "wrong")
            .args(["--engine", "epoll", "--headers-max", "0"]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("headers_max"), "{stderr}");
}

#[test]
fn counters_are_served_when_asked_for() {
    let data = crate::support::data_dir(Generation::Ints);
    for engine in ENGINES {
        let server = Server::start(engine, data.path(), &["--debug-counters"]);
        for _ in 0..5 {
            assert_eq!(server.get("/pipeline").text(), "ok");
        }
        let counters = server.get("/debug/counters").json();
        assert!(counters["requests"].as_u64().unwrap() >= 5, "{counters}");
        assert!(counters["accepted"].as_u64().unwrap() >= 1, "{counters}");
    }
}

#[test]
fn a_stop_lets_an_upload_under_way_end() {
    let data = crate::support::data_dir(Generation::Ints);
    for engine in ENGINES {
        for arguments in [&[][..], &["--debug-counters"]] {
            let server = Server::start(engine, data.path(), arguments);
            let mut stream = server.connect();
            stream
                .write_all(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc")
                .unwrap();
            // The head has to be there before the signal, which takes another way.
            thread::sleep(Duration::from_millis(100));
            server.terminate();
            thread::sleep(Duration::from_millis(100));
            stream.write_all(b"def").unwrap();
            let answer = server.read_to_close(stream);
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.ends_with("\r\n\r\n6"), "{answer}");
            assert_eq!(server.ended().code(), Some(0), "{engine}");
        }
    }
}
