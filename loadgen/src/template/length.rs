//! Lets Content-Length say how long the body is.

use super::{
    scan::{Hole, Scanned, What},
    value::digits,
};
use std::ops::Range;

/// What the head of a request says about its body.
#[derive(Debug, Default)]
struct Framing {
    /// Begin of the body; none if the head does not end.
    body: Option<usize>,
    /// Values of Content-Length.
    lengths: Vec<Range<usize>>,
    is_chunked: bool,
}

/// Corrects Content-Length if that is asked for, or if the body varies in length and there is such a field.
pub(super) fn fix(mut request: Scanned, asked: bool) -> Result<Scanned, String> {
    let framing = framing(&request);
    check_cells(&request, framing.body)?;
    let Some(body) = framing.body else {
        return Ok(request);
    };
    let in_body = |hole: &&Hole| hole.at >= body;
    let varies = request
        .holes
        .iter()
        .filter(in_body)
        .any(|hole| hole.what.varies());
    if varies && framing.is_chunked {
        return Err(
            "values of different length in a chunked body would make the sizes of its chunks wrong; use Content-Length, \
             or placeholders of fixed width such as {RAND:min:max}"
                .into(),
        );
    }
    let wanted = asked || varies && !framing.lengths.is_empty();
    if framing.is_chunked || !wanted {
        return Ok(request);
    }
    let filled = request.holes.iter().filter(in_body);
    let longest = request.text.len() - body + filled.map(|hole| hole.what.longest()).sum::<usize>();
    let field = match framing.lengths.as_slice() {
        [] if longest == 0 => return Ok(request),
        [] => insert_field(&mut request, body),
        [field] => field.clone(),
        _ => return Err("it has more than one Content-Length, so neither can be corrected".into()),
    };
    if request
        .holes
        .iter()
        .any(|hole| (field.start..=field.end).contains(&hole.at))
    {
        return Err(
            "its Content-Length is a placeholder; write a number, which will be corrected".into(),
        );
    }
    let width = digits(longest as u64);
    if varies {
        replace(&mut request, field.clone(), b"");
        let body = framing_body(&request);
        let hole = |at, what| Hole { at, what };
        let place = |holes: &[Hole], at| holes.partition_point(|hole| hole.at < at);
        let before = place(&request.holes, field.start);
        request
            .holes
            .insert(before, hole(field.start, What::Length(width)));
        let before = place(&request.holes, body);
        request.holes.insert(before, hole(body, What::Body));
    } else {
        replace(&mut request, field, longest.to_string().as_bytes());
    }
    Ok(request)
}

/// Data must not change where the head ends, or where the parts of its first line do (RFC 9112 §2.2, §3).
fn check_cells(request: &Scanned, body: Option<usize>) -> Result<(), String> {
    let line_end = memchr::memchr(b'\n', &request.text).unwrap_or(usize::MAX);
    let is_in_head = |hole: &&Hole| body.is_none_or(|body| hole.at < body);
    for hole in request.holes.iter().filter(is_in_head) {
        let What::Cell(cell) = hole.what else {
            continue;
        };
        let feed = &request.feeds[cell.feed];
        if hole.at <= line_end {
            let what =
                "spaces and control characters cannot stand in a request line; percent-encode them";
            feed.demand(cell.column, |b| b > b' ' && b != 0x7f, what)?;
        } else {
            let what =
                "line breaks and other control characters cannot stand in the head of a request";
            feed.demand(cell.column, |b| b == b'\t' || b >= b' ' && b != 0x7f, what)?;
        }
    }
    Ok(())
}

fn framing_body(request: &Scanned) -> usize {
    framing(request).body.unwrap_or(request.text.len())
}

/// Adds an empty Content-Length as the last field; returns where its value goes.
fn insert_field(request: &mut Scanned, body: usize) -> Range<usize> {
    // The empty line before the body may end like RFC 9112 §2.2 tolerates.
    let empty_line = if request.text[..body].ends_with(b"\r\n") {
        2
    } else {
        1
    };
    let at = body - empty_line;
    let name = b"Content-Length: ";
    let end = &b"\r\n"[2 - empty_line..];
    replace(request, at..at, &[name, end].concat());
    let value = at + name.len();
    value..value
}

/// Puts other text into the place of some.
fn replace(request: &mut Scanned, old: Range<usize>, new: &[u8]) {
    for hole in &mut request.holes {
        if hole.at > old.start {
            hole.at = hole.at - old.len() + new.len();
        }
    }
    request.text.splice(old, new.iter().copied());
}

/// Reads a head as far as its body's length depends on it.
fn framing(request: &Scanned) -> Framing {
    let mut framing = Framing::default();
    let mut at = 0;
    for line in request.text.split_inclusive(|byte| *byte == b'\n') {
        let start = at;
        at += line.len();
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        if content.is_empty() && line.ends_with(b"\n") && !request.has_hole(start) {
            framing.body = Some(at);
            return framing;
        }
        let Some(colon) = memchr::memchr(b':', content) else {
            continue;
        };
        let (name, value) = (&content[..colon], content[colon + 1..].trim_ascii_start());
        let begin = start + content.len() - value.len();
        if name.eq_ignore_ascii_case(b"content-length") {
            framing
                .lengths
                .push(begin..begin + value.trim_ascii_end().len());
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            framing.is_chunked |= value
                .trim_ascii_end()
                .to_ascii_lowercase()
                .ends_with(b"chunked");
        }
    }
    framing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{Setup, scan::scan};

    /// What becomes of a request: its text with `<n>` for a length of n digits, `|` for the begin of a body that
    /// varies, and `?` for a value.
    fn fixed(request: &str, asked: bool) -> Result<String, String> {
        let fixed = fix(scan(request.as_bytes(), &Setup::of_depth(1))?, asked)?;
        let mut text = String::from_utf8(fixed.text).unwrap();
        for hole in fixed.holes.iter().rev() {
            let mark = match &hole.what {
                What::Value(_) | What::Cell(_) => "?".to_owned(),
                What::Body => "|".to_owned(),
                What::Length(digits) => format!("<{digits}>"),
            };
            text.insert_str(hole.at, &mark);
        }
        Ok(text)
    }

    #[test]
    fn nothing_is_touched_unless_it_has_to_be() {
        for request in [
            "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
            "POST / HTTP/1.1\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\nabc",
            "POST / HTTP/1.1\r\n\r\nabc",
            "POST / HTTP/1.1\r\nContent-Length: 9",
            "",
        ] {
            assert_eq!(fixed(request, false).as_deref(), Ok(request));
        }
        let chunked =
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
        assert_eq!(fixed(chunked, true).as_deref(), Ok(chunked));
        let get = "GET /{RANDJ:1:10} HTTP/1.1\r\n\r\n";
        assert_eq!(fixed(get, true).unwrap(), "GET /? HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn a_body_of_one_length_is_counted_once() {
        for (request, expected) in [
            (
                "P / HTTP/1.1\r\ncontent-length:  9 \r\nA: b\r\n\r\nabc",
                "P / HTTP/1.1\r\ncontent-length:  3 \r\nA: b\r\n\r\nabc",
            ),
            (
                "P / HTTP/1.1\nContent-Length:9\n\n{RAND:1:5000}",
                "P / HTTP/1.1\nContent-Length:4\n\n?",
            ),
            (
                "P / HTTP/1.1\r\nA: b\r\n\r\n0123456789",
                "P / HTTP/1.1\r\nA: b\r\nContent-Length: 10\r\n\r\n0123456789",
            ),
            (
                "P / HTTP/1.1\n\nxy",
                "P / HTTP/1.1\nContent-Length: 2\n\nxy",
            ),
            (
                "P / HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
                "P / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            ),
        ] {
            assert_eq!(fixed(request, true).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_body_that_varies_gets_its_length_each_time() {
        let request =
            "P /{SEQ:1} HTTP/1.1\r\nContent-Length: 5\r\nA: {CONN}\r\n\r\n{RANDJ:1:100}, {SEQ:1}";
        let expected = "P /? HTTP/1.1\r\nContent-Length: <1>\r\nA: ?\r\n\r\n|?, ?";
        assert_eq!(fixed(request, false).as_deref(), Ok(expected));
        let request = "P / HTTP/1.1\r\n\r\n12345{RANDJ:1:1000000}";
        assert_eq!(fixed(request, false).unwrap(), "P / HTTP/1.1\r\n\r\n12345?");
        let expected = "P / HTTP/1.1\r\nContent-Length: <2>\r\n\r\n|12345?";
        assert_eq!(fixed(request, true).as_deref(), Ok(expected));
    }

    #[test]
    fn a_line_that_is_a_placeholder_ends_no_head() {
        let request = "P / HTTP/1.1\r\n{UUID}\r\nContent-Length: 7\r\n\r\nabc";
        let expected = "P / HTTP/1.1\r\n?\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(fixed(request, true).as_deref(), Ok(expected));
    }

    #[test]
    fn what_cannot_be_corrected_is_refused() {
        for (request, asked, part) in [
            (
                "P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{RANDJ:1:10}\r\n0\r\n\r\n",
                false,
                "chunks",
            ),
            (
                "P / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n{RANDJ:1:10}",
                false,
                "more than one",
            ),
            (
                "P / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
                true,
                "more than one",
            ),
            (
                "P / HTTP/1.1\r\nContent-Length: {RAND:1:9}\r\n\r\nx",
                true,
                "is a placeholder",
            ),
            (
                "P / HTTP/1.1\r\nContent-Length: 1{RAND:1:9}\r\n\r\nx",
                true,
                "is a placeholder",
            ),
        ] {
            let error = fixed(request, asked).unwrap_err();
            assert!(error.contains(part), "{request}: {error}");
        }
    }
}
