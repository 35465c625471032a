//! Properties of all requests, tried on many random ones.

use std::mem::MaybeUninit;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sws_proto::http1::date::HttpDate;
use sws_proto::http1::negotiate::{self, Coding};
use sws_proto::http1::{BodyDecoder, Framing, Limits, ParseError, head, query, response};

use crate::driver::{End, Retry, run, run_cut};
use crate::reference;

/// Pieces of requests, well-formed and not, that make the parser take every one of its branches.
const FRAGMENTS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\n",
    b"POST /a?b=c HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.0\r\n",
    b"CONNECT h:1 HTTP/1.1\r\n",
    b"PUT http://h/p HTTP/1.2\r\n",
    b"GET ",
    b"/",
    b" HTTP/1.1",
    b" HTTP/1.2\r\n",
    b"HTTP/2.0",
    b"\r\n",
    b"\r\n\r\n",
    b"\r",
    b"\n",
    b" ",
    b"\t",
    b":",
    b"\0",
    b"\x80",
    b"Host: h\r\n",
    b"Host: [::1]:80\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive, x\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 33554433\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: x\r\n",
    b"X: y\r\n",
    b"abc",
    b"0\r\n\r\n",
    b"3\r\nabc\r\n",
    b"3;x=\"y\"\r\nabc\r\n",
    b"ffffffffffffffff\r\n",
    b"0\r\nT: u\r\n\r\n",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    vec(select(FRAGMENTS), 1..24).prop_map(|fragments| fragments.concat())
}

/// Heads without framing and without their last line.
const LINES: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: h\r\n",
    b"POST /a?b=c HTTP/1.1\r\nHost: localhost:8080\r\nX-Y:  z \r\n",
    b"PUT http://h:1/p HTTP/1.3\r\nhost:\r\nConnection: close\r\n",
    b"DELETE /long/path/with/parts HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\n",
];

/// A well-formed stream of requests of all framings.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let line = select(LINES);
    let body = prop_oneof![
        Just(b"\r\n".to_vec()),
        vec(any::<u8>(), 0..40).prop_map(|body| {
            let head = format!("Content-Length: {}\r\n\r\n", body.len());
            [head.into_bytes(), body].concat()
        }),
        vec(vec(any::<u8>(), 1..20), 0..5).prop_map(|chunks| {
            let head = b"Transfer-Encoding: chunked\r\n\r\n".to_vec();
            [head, encode_chunks(&chunks, &[])].concat()
        }),
    ];
    vec((line, body), 1..4).prop_map(|requests| {
        let requests = requests.into_iter();
        requests
            .flat_map(|(line, body)| [line, &body].concat())
            .collect()
    })
}

/// Well-formed requests with a few bytes changed, removed or inserted.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let nasty = prop_oneof![
        select(&b"\r\n \t:;,=#?*/\0\x0b\x7f\x80\xff0129afGHhx-+\"[]@%"[..]),
        any::<u8>()
    ];
    (stream(), vec((any::<Index>(), 0..3_u8, nasty), 0..4)).prop_map(|(mut input, changes)| {
        for (place, kind, byte) in changes {
            if input.is_empty() {
                break;
            }
            let at = place.index(input.len());
            match kind {
                0 => input[at] = byte,
                1 => input.insert(at, byte),
                _ => drop(input.remove(at)),
            }
        }
        input
    })
}

fn inputs() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![soup(), stream(), damaged(), vec(any::<u8>(), 0..200)]
}

fn limits() -> impl Strategy<Value = Limits> {
    prop_oneof![
        Just(Limits::default()),
        (0..120_usize, 0..6_usize, 0..40_usize, 0..40_u64).prop_map(
            |(head_bytes_max, headers_max, target_bytes_max, body_bytes_max)| Limits {
                head_bytes_max,
                headers_max,
                target_bytes_max,
                body_bytes_max,
            }
        ),
    ]
}

fn encode_chunks(chunks: &[Vec<u8>], extensions: &[&str]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (at, chunk) in chunks.iter().enumerate() {
        let extension = extensions.get(at % extensions.len().max(1)).unwrap_or(&"");
        encoded.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
        encoded.extend_from_slice(chunk);
        encoded.extend_from_slice(b"\r\n");
    }
    encoded.extend_from_slice(b"0\r\n\r\n");
    encoded
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn cuts_change_nothing(
        input in inputs(),
        cuts in vec(any::<Index>(), 0..12),
        limits in limits(),
    ) {
        let whole = run([&input[..]], &limits, Retry::Always);
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        for retry in [Retry::Always, Retry::WhenPossible] {
            prop_assert_eq!(&whole, &run_cut(&input, &cuts, &limits, retry));
        }
        prop_assert_eq!(&whole, &run(input.chunks(1), &limits, Retry::Always));
    }

    #[test]
    fn lines_are_read_as_a_naive_reader_reads_them(input in inputs()) {
        let limits = Limits::default();
        let mut slots = [const { MaybeUninit::uninit() }; 64];
        let naive = reference::read(&input);
        match head::parse(&input, &mut slots, &limits) {
            Ok(Some((head, length))) => {
                let naive = naive.expect("accepted what the naive reader refuses");
                prop_assert_eq!(length, naive.length);
                prop_assert_eq!(head.method.as_str(), &naive.method);
                prop_assert!(head.query.is_none_or(|query| naive.target.ends_with(query)));
                let headers: Vec<(String, Vec<u8>)> = head
                    .headers
                    .iter()
                    .map(|header| (header.name.to_owned(), header.value.to_owned()))
                    .collect();
                prop_assert_eq!(headers, naive.headers);
                prop_assert_eq!(head.version == sws_proto::http1::Version::Http10, naive.minor == 0);
            }
            Ok(None) => prop_assert_eq!(naive, None),
            // Of what the naive reader accepts, only the meaning may be refused.
            Err(error) => prop_assert!(naive.is_none() || !matches!(
                error,
                ParseError::BadRequestLine | ParseError::BadVersion | ParseError::BadLineEnd
                    | ParseError::BadHeaderName | ParseError::BadHeaderValue
                    | ParseError::UnsupportedVersion | ParseError::HeadTooLarge
                    | ParseError::TooManyHeaders | ParseError::TargetTooLong
            ), "refused {} with: {error}", input.escape_ascii()),
        }
    }

    #[test]
    fn chunks_come_back_as_they_were(
        chunks in vec(vec(any::<u8>(), 1..300), 0..8),
        extensions in vec(select(&["", ";a", " ;a=b", ";a=\"b;c\"", "\t;\ta"]), 1..3),
        cuts in vec(any::<Index>(), 0..20),
        following in vec(any::<u8>(), 0..9),
    ) {
        let mut decoder = BodyDecoder::new(Framing::Chunked, 1 << 20);
        let encoded = encode_chunks(&chunks, &extensions);
        let body_end = encoded.len();
        let input = [encoded, following].concat();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        ends.push(input.len());
        ends.sort_unstable();
        let (mut at, mut body) = (0, Vec::new());
        for end in ends {
            while at < end && !decoder.is_done() {
                let decoded = decoder.decode(&input[at..end]).expect("well-formed");
                prop_assert!(decoded.consumed > 0);
                body.extend_from_slice(decoded.data);
                at += decoded.consumed;
            }
        }
        prop_assert!(decoder.is_done());
        prop_assert_eq!(at, body_end, "bytes of the next request were taken");
        prop_assert_eq!(body, chunks.concat());
    }

    #[test]
    fn well_formed_streams_are_accepted_to_their_end(input in stream()) {
        let transcript = run([&input[..]], &Limits::default(), Retry::Always);
        prop_assert_eq!(transcript.end, End::InHead(0));
    }

    #[test]
    fn lengths_are_what_the_standard_library_reads(digits in "[0-9]{1,22}") {
        let input = format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {digits}\r\n\r\n");
        let limits = Limits { body_bytes_max: u64::MAX, ..Limits::default() };
        let mut slots = [const { MaybeUninit::uninit() }; 4];
        let parsed = head::parse(input.as_bytes(), &mut slots, &limits);
        let found = parsed.map(|head| head.map(|(head, _)| head.framing));
        let expected = match digits.parse() {
            Ok(length) => Ok(Some(Framing::Length(length))),
            Err(_) => Err(ParseError::BadContentLength),
        };
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn dates_of_any_order_are_right(seconds in vec(0..253_402_300_800_u64, 1..20)) {
        let mut date = HttpDate::new(0);
        for unix_seconds in seconds {
            date.update(unix_seconds);
            let text = std::str::from_utf8(date.as_bytes()).expect("ASCII");
            prop_assert_eq!(read_date(text), Some(unix_seconds), "{}", text);
        }
    }

    #[test]
    fn the_chosen_coding_is_the_best_acceptable_one(
        members in vec((select(&["gzip", "x-gzip", "br", "zstd", "identity", "*", "foo"]), 0..=1000_u32), 0..6),
        spaced in any::<bool>(),
    ) {
        let separator = if spaced { " \t, ,\t" } else { "," };
        let value = members
            .iter()
            .map(|(name, weight)| format!("{name};q={}.{:03}", weight / 1000, weight % 1000))
            .collect::<Vec<_>>()
            .join(separator);
        let offered = [Coding::Brotli, Coding::Gzip];
        let chosen = negotiate::choose([value.as_bytes()].into_iter(), &offered);
        prop_assert_eq!(chosen, choose_naively(&members, &offered), "{}", value);
        for coding in offered {
            let accepted = negotiate::accepts([value.as_bytes()].into_iter(), coding);
            prop_assert_eq!(accepted, weight_of(&members, coding).unwrap_or(0) > 0, "{}", value);
        }
    }

    #[test]
    fn encoded_text_comes_back(text in any::<String>(), lower in any::<bool>()) {
        let encoded: String = text.bytes().map(|byte| match byte {
            b' ' if lower => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte if lower => format!("%{byte:02x}"),
            byte => format!("%{byte:02X}"),
        }).collect();
        prop_assert_eq!(query::decode(&encoded), text);
    }

    #[test]
    fn escapes_are_decoded_as_a_naive_reader_decodes_them(text in "[%+a-gA-G0-9/\u{e9}]{0,40}") {
        prop_assert_eq!(query::decode(&text), decode_naively(&text, true));
        prop_assert_eq!(query::decode_path(&text), decode_naively(&text, false));
    }

    #[test]
    fn pairs_are_the_parts_of_the_query(query in "[&=a-c%?]{0,30}") {
        let mut rest = query.as_str();
        for (name, value) in query::pairs(&query) {
            rest = rest.trim_start_matches('&');
            rest = rest.strip_prefix(name).expect("the name comes first");
            rest = rest.strip_prefix('=').unwrap_or(rest);
            rest = rest.strip_prefix(value).expect("its value follows");
            prop_assert!(!name.contains(['&', '=']) && !value.contains('&'));
            prop_assert!(rest.is_empty() || rest.starts_with('&'));
        }
        prop_assert_eq!(rest.trim_start_matches('&'), "");
    }

    #[test]
    fn written_heads_can_be_read(
        status in 100..600_u16,
        fields in vec(("[a-z][a-z-]{0,20}", "[!-~]{0,20}"), 0..8),
        length in any::<u64>(),
        reserved in any::<bool>(),
    ) {
        let mut out = Vec::new();
        response::begin(&mut out, status);
        for (name, value) in &fields {
            prop_assert_eq!(response::try_header(&mut out, name, value), Ok(()));
        }
        if reserved {
            let mark = response::reserve_content_length(&mut out);
            mark.patch(&mut out, length);
        } else {
            response::content_length(&mut out, length);
        }
        response::end(&mut out);
        let mut slots = [httparse::EMPTY_HEADER; 9];
        let mut read = httparse::Response::new(&mut slots);
        prop_assert_eq!(read.parse(&out), Ok(httparse::Status::Complete(out.len())));
        prop_assert_eq!(read.code, Some(status));
        prop_assert_eq!(read.reason, Some(response::reason(status)));
        prop_assert_eq!(read.headers.len(), fields.len() + 1);
        for (read, (name, value)) in read.headers.iter().zip(&fields) {
            prop_assert_eq!(read.name, name);
            prop_assert_eq!(read.value, value.as_bytes());
        }
        let last = read.headers[fields.len()];
        prop_assert_eq!(last.name, "Content-Length");
        let length = length.to_string();
        prop_assert_eq!(last.value, length.as_bytes());
    }
}

/// Decodes escapes by looking at three characters at every place.
fn decode_naively(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes
            .get(at + 1..at + 3)
            .filter(|digits| bytes[at] == b'%' && digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (escaped, bytes[at]) {
            (Some(byte), _) => decoded.push(byte),
            (None, b'+') if plus_is_space => decoded.push(b' '),
            (None, byte) => decoded.push(byte),
        }
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Seconds of an IMF-fixdate, counted year by year and month by month; its weekday must be right.
fn read_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (weekday, rest) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = rest.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year: u64 = year.parse().ok()?;
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let leaps = (1970..year).filter(|year| leap(*year)).count() as u64;
    let lengths = [
        31,
        if leap(year) { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let days = (year - 1970) * 365
        + leaps
        + lengths[..month].iter().sum::<u64>()
        + day.parse::<u64>().ok()?
        - 1;
    let mut seconds = 0;
    for part in time.split(':') {
        seconds = seconds * 60 + part.parse::<u64>().ok()?;
    }
    (WEEKDAYS[(days % 7) as usize] == weekday && text.len() == 29)
        .then_some(days * 86_400 + seconds)
}

fn weight_of(members: &[(&str, u32)], coding: Coding) -> Option<u32> {
    let own = |name: &str| name.strip_prefix("x-").unwrap_or(name) == coding.name();
    let find = |wanted: &dyn Fn(&str) -> bool| {
        members
            .iter()
            .find(|(name, _)| wanted(name))
            .map(|(_, weight)| *weight)
    };
    find(&own).or_else(|| find(&|name| name == "*"))
}

/// Lists everything acceptable with its weight, then takes the best.
fn choose_naively(members: &[(&str, u32)], offered: &[Coding]) -> Option<Coding> {
    let mut acceptable: Vec<(u32, Coding)> = offered
        .iter()
        .filter_map(|coding| Some((weight_of(members, *coding)?, *coding)))
        .filter(|(weight, _)| *weight > 0)
        .collect();
    let own = members
        .iter()
        .find(|(name, _)| *name == "identity")
        .map(|(_, weight)| *weight);
    match (own, weight_of(members, Coding::Identity)) {
        (Some(0), _) | (None, Some(0)) => {}
        (Some(weight), _) => acceptable.push((weight, Coding::Identity)),
        (None, _) => acceptable.push((0, Coding::Identity)),
    }
    // Sorting is stable, so the order of the offer decides among equals.
    acceptable.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    acceptable.first().map(|(_, coding)| *coding)
}
