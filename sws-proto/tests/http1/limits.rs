//! Limits hold exactly, and hold alike however the bytes arrive.

use sws_proto::http1::{Limits, ParseError, chunked::OVERHEAD_BYTES_MAX};

use crate::driver::{End, Retry, run};
use crate::splits;

const SMALL: Limits = Limits {
    head_bytes_max: 96,
    headers_max: 3,
    target_bytes_max: 24,
    body_bytes_max: 10,
};

/// What a stream comes to under small limits, checked under every split.
fn end_of(input: &str, limits: &Limits) -> End {
    splits::check_all(input.as_bytes(), limits);
    run([input.as_bytes()], limits, Retry::Always).end
}

fn head_of(bytes: usize) -> String {
    let frame = "GET / HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n".len();
    format!(
        "GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n",
        "x".repeat(bytes - frame)
    )
}

#[test]
fn a_head_may_fill_its_limit() {
    assert_eq!(end_of(&head_of(96), &SMALL), End::InHead(0));
    for bytes in [97, 98, 150, 400] {
        let end = end_of(&head_of(bytes), &SMALL);
        assert_eq!(end, End::Refused(ParseError::HeadTooLarge), "{bytes}");
    }
}

#[test]
fn a_head_that_never_ends_is_refused_at_the_limit() {
    let endless = head_of(200);
    for bytes in 40..96 {
        assert_eq!(end_of(&endless[..bytes], &SMALL), End::InHead(bytes));
    }
    for bytes in 96..110 {
        let end = end_of(&endless[..bytes], &SMALL);
        assert_eq!(end, End::Refused(ParseError::HeadTooLarge), "{bytes}");
    }
}

#[test]
fn empty_lines_count_towards_the_head() {
    let padded = format!("\r\n\r\n{}", head_of(92));
    assert_eq!(end_of(&padded, &SMALL), End::InHead(0));
    let padded = format!("\r\n\r\n{}", head_of(93));
    assert_eq!(
        end_of(&padded, &SMALL),
        End::Refused(ParseError::HeadTooLarge)
    );
}

#[test]
fn a_fault_behind_the_limit_is_not_looked_at() {
    for fault in ["\0", "\n\r", "A b: c\r\n", "A: b\r\nA: b\r\nA: b\r\n"] {
        let mut input = head_of(110);
        input.truncate(100);
        input.push_str(fault);
        assert_eq!(
            end_of(&input, &SMALL),
            End::Refused(ParseError::HeadTooLarge)
        );
    }
}

#[test]
fn a_target_may_fill_its_limit() {
    let target = |bytes: usize| format!("/{}", "x".repeat(bytes - 1));
    let head = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(end_of(&head(&target(24)), &SMALL), End::InHead(0));
    let too_long = End::Refused(ParseError::TargetTooLong);
    for bytes in [25, 26, 60, 200] {
        assert_eq!(end_of(&head(&target(bytes)), &SMALL), too_long, "{bytes}");
    }
    // Also before it has ended, and whatever follows it.
    let long = target(25);
    for input in [
        format!("GET {long}"),
        format!("GET {long}\0"),
        format!("GET {long} "),
        format!("GET {long} HTTP/2.0\r\n\r\n"),
        format!("GET {long} HTTP/1.2\r\n\r\n"),
        format!("GET {long} http"),
        format!("GET {long}\u{e9} HTTP/1.1\r\n\r\n"),
        format!("GET {long} HTTP/1.1\r\n:\r\n\r\n"),
        format!("GET {long} HTTP/1.1\nHost: h\n\n"),
        format!("\r\n\r\nGET {long}"),
    ] {
        assert_eq!(end_of(&input, &SMALL), too_long, "{}", input.escape_debug());
    }
    // A fault within the first bytes comes first.
    assert_eq!(
        end_of(&format!("GET /\0{long} HTTP/1.1\r\n\r\n"), &SMALL),
        End::Refused(ParseError::BadRequestLine)
    );
}

#[test]
fn a_target_limit_above_the_head_limit_is_cut_off_by_it() {
    let limits = Limits {
        target_bytes_max: 1000,
        ..SMALL
    };
    let input = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(200));
    assert_eq!(
        end_of(&input, &limits),
        End::Refused(ParseError::TargetTooLong)
    );
    assert_eq!(ParseError::TargetTooLong.status(), 414);
}

#[test]
fn a_method_that_fills_the_head_is_not_implemented() {
    let input = "M".repeat(120);
    assert_eq!(end_of(&input[..95], &SMALL), End::InHead(95));
    assert_eq!(
        end_of(&input, &SMALL),
        End::Refused(ParseError::MethodTooLong)
    );
    assert_eq!(ParseError::MethodTooLong.status(), 501);
}

#[test]
fn header_lines_are_counted() {
    for version in ["1.0", "1.1", "1.2"] {
        let head = |headers: usize| {
            format!(
                "GET / HTTP/{version}\r\nHost: h\r\n{}\r\n",
                "A: b\r\n".repeat(headers - 1)
            )
        };
        let limits = Limits {
            headers_max: 4,
            ..SMALL
        };
        assert_eq!(end_of(&head(4), &limits), End::InHead(0), "{version}");
        for headers in [5, 6, 9] {
            assert_eq!(
                end_of(&head(headers), &limits),
                End::Refused(ParseError::TooManyHeaders),
                "{version}"
            );
        }
    }
    let none = Limits {
        headers_max: 0,
        ..SMALL
    };
    assert_eq!(end_of("GET / HTTP/1.0\r\n\r\n", &none), End::InHead(0));
    assert_eq!(
        end_of("GET / HTTP/1.2\r\nA: b\r\n\r\n", &none),
        End::Refused(ParseError::TooManyHeaders)
    );
}

#[test]
fn a_newer_minor_version_may_have_as_many_headers_as_the_default_limit() {
    let limits = Limits::default();
    for (headers, end) in [
        (64, End::InHead(0)),
        (65, End::Refused(ParseError::TooManyHeaders)),
    ] {
        let lines = "A: b\r\n".repeat(headers - 1);
        let input = format!("GET / HTTP/1.7\r\nHost: h\r\n{lines}\r\n");
        assert_eq!(run([input.as_bytes()], &limits, Retry::Always).end, end);
    }
}

#[test]
fn a_body_may_fill_its_limit() {
    let post = "POST / HTTP/1.1\r\nHost: h\r\n";
    let with_length =
        |bytes: usize| format!("{post}Content-Length: {bytes}\r\n\r\n{}", "x".repeat(bytes));
    let chunked = |sizes: &[usize]| {
        let chunks: String = sizes
            .iter()
            .map(|size| format!("{size:x}\r\n{}\r\n", "x".repeat(*size)))
            .collect();
        format!("{post}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")
    };
    let too_large = End::Refused(ParseError::BodyTooLarge);
    assert_eq!(end_of(&with_length(10), &SMALL), End::InHead(0));
    assert_eq!(end_of(&with_length(11), &SMALL), too_large);
    assert_eq!(end_of(&chunked(&[10]), &SMALL), End::InHead(0));
    assert_eq!(end_of(&chunked(&[1, 9]), &SMALL), End::InHead(0));
    assert_eq!(end_of(&chunked(&[11]), &SMALL), too_large);
    assert_eq!(end_of(&chunked(&[5, 5, 1]), &SMALL), too_large);
}

#[test]
fn extensions_and_trailers_are_bounded_over_the_whole_body() {
    let max = usize::from(OVERHEAD_BYTES_MAX);
    let limits = Limits::default();
    let run = |body: &str| {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let input = format!("{head}{body}");
        let whole = run([input.as_bytes()], &limits, Retry::Always);
        let bytes = run(input.as_bytes().chunks(7), &limits, Retry::Always);
        splits::assert_same(input.as_bytes(), &whole, &bytes, "sevens");
        whole.end
    };
    // 16 chunks with equal shares, each `;` included.
    let chunk = |extra: usize| format!("1;{}\r\nx\r\n", "a".repeat(max / 16 - 1 + extra));
    let chunks = |extra: usize| chunk(0).repeat(15) + &chunk(extra) + "0\r\n\r\n";
    assert_eq!(run(&chunks(0)), End::InHead(0));
    assert_eq!(
        run(&chunks(1)),
        End::Refused(ParseError::ExtensionsTooLarge)
    );
    assert_eq!(ParseError::ExtensionsTooLarge.status(), 400);
    // Trailers have an allowance of their own.
    let trailer = |bytes: usize| format!("A: {}\r\n", "x".repeat(bytes - 5));
    let last = chunks(0).replace("0\r\n\r\n", "");
    let with = |bytes: usize| {
        let half = trailer(max / 2);
        format!("{last}0\r\n{half}{}\r\n", trailer(max / 2 + bytes))
    };
    assert_eq!(run(&with(0)), End::InHead(0));
    assert_eq!(run(&with(1)), End::Refused(ParseError::TrailersTooLarge));
    assert_eq!(ParseError::TrailersTooLarge.status(), 431);
}
