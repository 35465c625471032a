//! The request templates that the load generator sends byte for byte.

use crate::profiles::Generation;
use crate::rng::Rng;

/// A template file: its name inside `requests/` and its bytes.
pub type Template = (String, Vec<u8>);

/// The pairs of item count and multiplier that `/json/{count}?m=` is asked for.
pub const JSON_PAIRS: [(u32, u32); 7] =
    [(1, 3), (5, 7), (10, 2), (15, 5), (25, 4), (40, 8), (50, 6)];

/// Upload templates of 2026-04: file stem and body size in bytes.
pub const UPLOADS: [(&str, usize); 4] = [
    ("upload-500k", 512_000),
    ("upload-2m", 2_097_152),
    ("upload-10m", 10_485_760),
    ("upload-20m", 20_971_520),
];

/// Every template of one generation.
pub fn templates(generation: Generation, rng: &mut Rng) -> Vec<Template> {
    let mut files = shared();
    files.push(("noise-binary.raw".into(), noise(rng)));
    match generation {
        Generation::March2026 => {
            files.push(get("json-get", "/json", ""));
            files.push(get(
                "json-gzip",
                "/compression",
                "Accept-Encoding: gzip\r\n",
            ));
            files.push(get("db-get", "/db?min=10&max=50", ""));
            files.push(upload("upload", 20_971_520, rng));
            files.push(upload("upload-small", 1_048_576, rng));
        }
        Generation::April2026 => {
            files.extend(json_april());
            files.extend(crud());
            files.extend(hostile(rng));
            files.extend(UPLOADS.map(|(stem, size)| upload(stem, size, rng)));
        }
    }
    files
}

/// CRLF-terminated, with `Host` and nothing that the arena does not send.
fn get(stem: &str, target: &str, headers: &str) -> Template {
    request(stem, "GET", target, headers, b"")
}

fn request(stem: &str, method: &str, target: &str, headers: &str, body: &[u8]) -> Template {
    let mut bytes =
        format!("{method} {target} HTTP/1.1\r\nHost: localhost:8080\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    (format!("{stem}.raw"), bytes)
}

fn shared() -> Vec<Template> {
    let sum = "/baseline11?a=13&b=42";
    vec![
        get("get", sum, ""),
        request("post_cl", "POST", sum, "Content-Length: 2\r\n", b"20"),
        request(
            "post_chunked",
            "POST",
            sum,
            "Transfer-Encoding: chunked\r\n",
            b"2\r\n20\r\n0\r\n\r\n",
        ),
        get("pipeline", "/pipeline", ""),
        get("noise-badpath", "/this/path/does/not/exist", ""),
        request(
            "noise-badcl",
            "POST",
            "/baseline11",
            "Content-Length: 999\r\n",
            b"",
        ),
    ]
}

/// 256 bytes that cannot begin an HTTP request: the first one is no token
/// character, and no line end follows that could complete a head.
fn noise(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = rng.bytes(256);
    for byte in &mut bytes {
        if matches!(byte, b'\r' | b'\n') {
            *byte |= 0x80;
        }
    }
    bytes[0] = 0x8a;
    bytes
}

fn upload(stem: &str, size: usize, rng: &mut Rng) -> Template {
    request(
        stem,
        "POST",
        "/upload",
        &format!("Content-Length: {size}\r\n"),
        &rng.bytes(size),
    )
}

fn json_april() -> Vec<Template> {
    let both = "Accept-Encoding: gzip, br\r\n";
    let mut files = vec![
        get("json-get", "/json/50?m=1", ""),
        get("json-get-gzip", "/json/50?m=1", both),
        get("async-db-get", "/async-db?min=10&max=50&limit=50", ""),
    ];
    for (count, m) in JSON_PAIRS {
        let target = format!("/json/{count}?m={m}");
        files.push(get(&format!("json-{count}"), &target, ""));
        files.push(get(&format!("json-gzip-{count}"), &target, both));
    }
    for limit in [5, 10, 20, 35, 50] {
        let target = format!("/async-db?min=10&max=50&limit={limit}");
        files.push(get(&format!("async-db-{limit}"), &target, ""));
    }
    files
}

fn crud() -> Vec<Template> {
    let json =
        |length: u32| format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
    let mut files = vec![
        get("crud-list-rand-1", "/crud/items?category=office&page={RAND:1:10}&limit=10", ""),
        // The declared length is that of the body after the generator has put
        // a six-digit number in place of the placeholder.
        request(
            "crud-create-1",
            "POST",
            "/crud/items",
            &json(78),
            br#"{"id":{SEQ:100001},"name":"New Product","category":"test","price":150,"quantity":30}"#,
        ),
    ];
    for number in 1..=15 {
        files.push(get(
            &format!("crud-get-{number}"),
            "/crud/items/{RAND:1:50000}",
            "",
        ));
    }
    for number in 1..=3 {
        files.push(request(
            &format!("crud-update-{number}"),
            "PUT",
            "/crud/items/{RAND:1:50000}",
            &json(70),
            br#"{"name":"Updated Product","category":"test","price":200,"quantity":25}"#,
        ));
    }
    files
}

/// Requests that are wrong in one way each.
fn hostile(rng: &mut Rng) -> Vec<Template> {
    let host = "Host: localhost:8080\r\n";
    let line = "GET /baseline11?a=1&b=1 HTTP/1.1\r\n";
    let raw = |stem: &str, bytes: Vec<u8>| (format!("noise-{stem}.raw"), bytes);
    let mut junk = format!("{line}{host}X-Junk: ").into_bytes();
    junk.extend(
        rng.bytes(64)
            .into_iter()
            .map(|byte| if byte < 0x20 { byte | 0x80 } else { byte }),
    );
    junk.extend_from_slice(b"\r\nContent-Type: text/\0plain\r\nX-Bad\r\n: value\r\n\r\n");
    vec![
        raw("badheader", junk),
        raw(
            "bare-cr",
            format!("GET /baseline11?a=1&b=1 HTTP/1.1\r{host}\r\n").into_bytes(),
        ),
        raw("double-crlf", format!("{line}{host}\r\nX-After: should-not-be-here\r\n\r\n").into()),
        raw("empty-header", format!("{line}{host}:\r\nX-Empty:\r\n\r\n").into()),
        raw("huge-header", format!("{line}{host}X-Huge: {}\r\n\r\n", rng.text(8192)).into()),
        raw(
            "null-byte",
            format!("GET /base\0line11?a=1&b=1 HTTP/1.1\r\n{host}\r\n").into_bytes(),
        ),
        raw(
            "obs-fold",
            format!(
                "{line}{host}X-Split: start\r\n \tcontinued-value\r\nContent-Type: text/plain\r\n\r\n"
            )
            .into(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(generation: Generation, name: &str) -> usize {
        templates(generation, &mut Rng::new(1))
            .iter()
            .find(|(file, _)| file == name)
            .map(|(_, bytes)| bytes.len())
            .unwrap_or_else(|| panic!("no template {name}"))
    }

    #[test]
    fn march_templates_have_the_arenas_sizes() {
        let wanted = [
            ("get.raw", 60),
            ("post_cl.raw", 82),
            ("post_chunked.raw", 101),
            ("pipeline.raw", 48),
            ("noise-badpath.raw", 64),
            ("noise-badcl.raw", 72),
            ("noise-binary.raw", 256),
            ("json-get.raw", 44),
            ("json-gzip.raw", 74),
            ("db-get.raw", 56),
            ("upload-small.raw", 1_048_648),
        ];
        for (name, bytes) in wanted {
            assert_eq!(size(Generation::March2026, name), bytes, "{name}");
        }
    }

    #[test]
    fn april_templates_have_the_arenas_sizes() {
        let wanted = [
            ("json-1.raw", 50),
            ("json-50.raw", 51),
            ("json-gzip-5.raw", 77),
            ("json-gzip-50.raw", 78),
            ("json-get-gzip.raw", 78),
            ("async-db-5.raw", 70),
            ("async-db-get.raw", 71),
            ("upload-500k.raw", 512_071),
            ("upload-2m.raw", 2_097_224),
            ("upload-10m.raw", 10_485_833),
            ("upload-20m.raw", 20_971_593),
            ("crud-create-1.raw", 187),
            ("crud-update-3.raw", 187),
            ("crud-get-15.raw", 65),
            ("crud-list-rand-1.raw", 92),
            ("noise-bare-cr.raw", 57),
            ("noise-double-crlf.raw", 89),
            ("noise-empty-header.raw", 71),
            ("noise-huge-header.raw", 8260),
            ("noise-null-byte.raw", 59),
            ("noise-obs-fold.raw", 119),
            ("noise-badheader.raw", 175),
        ];
        for (name, bytes) in wanted {
            assert_eq!(size(Generation::April2026, name), bytes, "{name}");
        }
    }

    #[test]
    fn noise_cannot_be_a_request() {
        let bytes = noise(&mut Rng::new(9));
        assert!(!bytes[0].is_ascii());
        assert!(!bytes.contains(&b'\n') && !bytes.contains(&b'\r'));
    }
}
