//! Bodies of all sizes and framings are counted as they arrive.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::support::{Server, exchange, on_both_engines};
use sws_server::testdata::Generation;

/// Reads one head, byte by byte so that nothing after it is lost.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn bodies_with_a_length_are_counted() {
    on_both_engines(Generation::Ints, |server| {
        let large: Vec<u8> = (0..20_u32 << 20)
            .map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3])
            .collect();
        for size in [0, 1, 17, 512_000, 2_097_152, 10_485_760, 20_971_520] {
            let reply = server.post("/upload", &large[..size]);
            assert_eq!(
                (reply.status, reply.text()),
                (200, size.to_string().as_str())
            );
            assert_eq!(reply.field("content-type"), Some("text/plain"));
        }
    });
}

#[test]
fn the_count_is_of_bytes_and_not_of_the_declared_length() {
    on_both_engines(Generation::Ints, |server| {
        let mut stream = server.connect();
        stream
            .write_all(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nshort")
            .unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = server.read_to_close(stream);
        assert!(!answer.contains("200 OK"), "{answer}");
        assert_eq!(server.post("/upload", b"after").text(), "5");
    });
}

#[test]
fn chunked_bodies_are_counted() {
    on_both_engines(Generation::Ints, |server| {
        let mut stream = server.connect();
        stream
            .write_all(b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut total = 0;
        for size in (1..=400).map(|i| i * 37) {
            write!(stream, "{size:x}\r\n").unwrap();
            stream.write_all(&vec![b'\r'; size]).unwrap();
            stream.write_all(b"\r\n").unwrap();
            total += size;
        }
        stream.write_all(b"0\r\nTrailer: ignored\r\n\r\n").unwrap();
        let answer = server.read_to_close(stream);
        assert!(answer.ends_with(&format!("\r\n\r\n{total}")), "{answer}");
    });
}

#[test]
fn fragments_are_counted_wherever_they_break() {
    on_both_engines(Generation::Ints, |server| {
        let answer = exchange(
            server,
            &[
                b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Enc",
                b"oding: chunked\r\nConnection: close\r\n\r",
                b"\n0",
                b"a\r\n01234",
                b"56789\r",
                b"\n5\r\nabcde\r\n0\r",
                b"\n\r\n",
            ],
        );
        assert!(answer.ends_with("\r\n\r\n15"), "{answer}");
    });
}

#[test]
fn expect_100_continue_is_answered_before_the_body() {
    on_both_engines(Generation::Ints, |server| {
        let mut stream = server.connect();
        stream
            .write_all(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
            .unwrap();
        let interim = read_head(&mut stream);
        assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"hello").unwrap();
        let answer = server.read_to_close(stream);
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n5"),
            "{answer}"
        );
    });
}

#[test]
fn a_connection_goes_on_after_an_upload() {
    on_both_engines(Generation::Ints, |server| {
        let answer = exchange(
            server,
            &[
                b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcPOST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab",
                b"cdGET /pipeline HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            ],
        );
        let bodies: Vec<&str> = answer
            .split("HTTP/1.1 200 OK\r\n")
            .skip(1)
            .map(|answer| answer.split_once("\r\n\r\n").unwrap().1)
            .collect();
        assert_eq!(bodies, ["3", "4", "ok"]);
    });
}

#[test]
fn uploads_side_by_side_do_not_mix() {
    on_both_engines(Generation::Ints, |server| {
        let mut streams: Vec<TcpStream> = (0..8).map(|_| server.connect()).collect();
        for (i, stream) in streams.iter_mut().enumerate() {
            let size = 300_000 + i;
            write!(stream, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n").unwrap();
        }
        for _ in 0..3 {
            for stream in &mut streams {
                stream.write_all(&[7; 100_000]).unwrap();
            }
        }
        for (i, mut stream) in streams.into_iter().enumerate() {
            stream.write_all(&vec![7; i]).unwrap();
            let answer = server.read_to_close(stream);
            assert!(
                answer.ends_with(&format!("\r\n\r\n{}", 300_000 + i)),
                "{answer}"
            );
        }
    });
}

#[test]
fn bodies_beyond_the_limit_are_refused() {
    let data = crate::support::data_dir(Generation::Ints);
    for engine in crate::support::ENGINES {
        let server = Server::start(engine, data.path(), &["--body-max", "1MiB"]);
        assert_eq!(server.post("/upload", &vec![0; 1 << 20]).text(), "1048576");
        let answer = exchange(
            &server,
            &[b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"],
        );
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(server.stop().success());
    }
}
