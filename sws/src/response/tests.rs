//! What is written, byte by byte.

use super::*;

fn answer(
    persistence: Persistence,
    head_only: bool,
    give: impl FnOnce(Response<'_>) -> Answered,
) -> String {
    let (mut out, mut fields) = (b"before".to_vec(), b"stale".to_vec());
    let mut outcome = Outcome::new(ConnId::new(0, 1), 1, false);
    let prefix = HeadPrefix::new(784_111_777);
    let _ = give(Response::new(
        &mut out,
        &mut fields,
        &prefix,
        persistence,
        head_only,
        &mut outcome,
    ));
    String::from_utf8(out)
        .unwrap()
        .strip_prefix("before")
        .unwrap()
        .to_owned()
}

const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

#[test]
fn text() {
    let expected =
        format!("HTTP/1.1 200 OK\r\n{DATE}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(
        answer(Persistence::Implied, false, |r| r.text("ok")),
        expected
    );
    assert_eq!(
        answer(Persistence::Implied, true, |r| r.text("ok")),
        expected[..expected.len() - 2]
    );
}

#[test]
fn fields_and_persistence() {
    let text = answer(Persistence::Close, false, |r| {
        r.status(404).header("Vary", "x").text("")
    });
    assert!(
        text.starts_with(&format!(
            "HTTP/1.1 404 Not Found\r\n{DATE}Connection: close\r\nVary: x\r\n"
        )),
        "{text}"
    );
    let text = answer(Persistence::KeepAlive, false, |r| r.text(""));
    assert!(text.contains("\r\nConnection: keep-alive\r\n"), "{text}");
    assert!(!answer(Persistence::Implied, false, |r| r.text("")).contains("Connection"));
}

#[test]
fn produced_bodies_get_their_length() {
    let text = answer(Persistence::Implied, false, |r| r.json(&[1, 20, 300]));
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "[1,20,300]");
    let length = head
        .lines()
        .find_map(|l| l.strip_prefix("Content-Length:"))
        .unwrap();
    assert_eq!(length.trim(), "10");
    let head_alone = answer(Persistence::Implied, true, |r| r.json(&[1, 20, 300]));
    assert_eq!(head_alone, format!("{head}\r\n\r\n"));
}

#[test]
fn a_failed_producer_is_a_500() {
    let text = answer(Persistence::Implied, false, |r| {
        r.write("application/json", |out| {
            out.extend(b"half");
            Err(io::Error::other("no"))
        })
    });
    assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
    assert!(!text.contains("half"));
}

#[test]
fn a_content_type_cannot_split_the_head() {
    let text = answer(Persistence::Implied, false, |r| {
        r.body("text/plain\r\nSet-Cookie: b", "x")
    });
    assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
    assert!(!text.contains("Set-Cookie"), "{text}");
}

#[test]
fn fields_cannot_split_the_head() {
    for (name, value) in [
        ("X", "a\r\nSet-Cookie: b"),
        ("X\r\n", "a"),
        ("Content-Length", "7"),
        ("", "a"),
    ] {
        let text = answer(Persistence::Implied, false, |r| {
            r.header(name, value).text("body")
        });
        assert!(
            text.starts_with("HTTP/1.1 500 "),
            "{name:?} {value:?}: {text}"
        );
        assert!(!text.contains("Set-Cookie"));
    }
}

#[test]
fn a_status_that_has_no_body_gets_none() {
    // What followed the head would be taken for the next answer.
    for status in [204, 205, 304] {
        let answers: [fn(Response<'_>) -> Answered; 3] = [
            |r| r.text("body"),
            |r| r.body("text/plain", "body"),
            |r| r.json("body"),
        ];
        for give in answers {
            let text = answer(Persistence::Implied, false, |r| give(r.status(status)));
            assert!(text.ends_with("\r\n\r\n"), "{text}");
            assert_eq!(
                text.contains("Content-Length: 0\r\n"),
                status == 205,
                "{text}"
            );
            assert_eq!(
                text.matches("Content-Length").count(),
                usize::from(status == 205)
            );
        }
    }
}

#[test]
fn empty_has_a_length_unless_forbidden() {
    assert!(answer(Persistence::Implied, false, |r| r.empty()).contains("Content-Length: 0\r\n"));
    assert!(
        !answer(Persistence::Implied, false, |r| r.status(204).empty()).contains("Content-Length")
    );
}
