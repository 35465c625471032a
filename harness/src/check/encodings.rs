//! Content codings: undoing them, and what a request allows.

use super::fault::{Fault, Verdict};
use super::reply::Reply;
use std::io::{Read as _, Write as _};

/// No answer of any profile is larger when unpacked.
const UNPACKED_MAX: u64 = 64 << 20;

/// The coding of an answer in lower case; `identity` where it has none.
pub(super) fn coding(reply: &Reply) -> String {
    reply
        .header("content-encoding")
        .unwrap_or("identity")
        .to_ascii_lowercase()
}

/// The same answer with its coding undone.
pub(super) fn unpacked(reply: &Reply) -> Result<Reply, Fault> {
    let coding = coding(reply);
    let body = match coding.as_str() {
        "identity" => Ok(reply.body.clone()),
        "gzip" | "x-gzip" => gunzip(&reply.body),
        "br" => unbrotli(&reply.body),
        other => Err(format!("its coding is {other:?}")),
    };
    let body = body.map_err(|why| {
        reply.fault(
            format!("the {coding} body cannot be unpacked: {why}"),
            "a valid stream",
        )
    })?;
    let mut plain = reply.clone();
    plain
        .headers
        .retain(|(name, _)| !name.eq_ignore_ascii_case("content-encoding"));
    plain.body = body;
    Ok(plain)
}

/// Exactly one gzip member; the decoder verifies its checksum and length.
fn gunzip(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut decoder = flate2::bufread::GzDecoder::new(packed);
    let mut plain = Vec::new();
    let mut limited = decoder.by_ref().take(UNPACKED_MAX);
    limited
        .read_to_end(&mut plain)
        .map_err(|error| error.to_string())?;
    let rest = decoder.into_inner().len();
    if rest > 0 {
        return Err(format!("{rest} bytes follow the end of the gzip stream"));
    }
    Ok(plain)
}

fn unbrotli(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let mut reader = brotli_decompressor::Decompressor::new(packed, 4096);
    let mut limited = reader.by_ref().take(UNPACKED_MAX);
    std::io::copy(&mut limited, &mut plain).map_err(|error| error.to_string())?;
    plain.flush().map_err(|error| error.to_string())?;
    Ok(plain)
}

/// The answer's coding must be one of these.
pub(super) fn expect_coding(reply: &Reply, allowed: &[&str]) -> Verdict {
    let found = coding(reply);
    if allowed.contains(&found.as_str()) {
        return Ok(());
    }
    let says = if found == "identity" {
        "the answer is not compressed although the request asks for it".into()
    } else {
        format!("the answer is coded as {found}, which the request does not allow")
    };
    Err(reply.fault(says, format!("Content-Encoding {}", allowed.join(" or "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(coding: &str, body: Vec<u8>) -> Reply {
        Reply {
            sent: "GET /x".into(),
            status: 200,
            headers: vec![("Content-Encoding".into(), coding.into())],
            body,
            head_bytes: None,
        }
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn codings_are_undone() {
        assert_eq!(
            unpacked(&packed("GZIP", gzip(b"hello"))).unwrap().body,
            b"hello"
        );
        // "hello" as an uncompressed brotli meta-block and an empty last one.
        let brotli = [0x0b, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03];
        assert_eq!(
            unpacked(&packed("br", brotli.to_vec())).unwrap().body,
            b"hello"
        );
    }

    #[test]
    fn broken_streams_are_faults() {
        let mut extra = gzip(b"hello");
        extra.push(0);
        assert!(unpacked(&packed("gzip", extra)).is_err());
        let mut short = gzip(b"hello");
        short.pop();
        assert!(unpacked(&packed("gzip", short)).is_err());
        assert!(unpacked(&packed("gzip", b"hello".to_vec())).is_err());
        assert!(unpacked(&packed("deflate", b"hello".to_vec())).is_err());
    }

    #[test]
    fn what_is_allowed_depends_on_the_request() {
        let reply = packed("gzip", gzip(b"x"));
        assert!(expect_coding(&reply, &["gzip", "br"]).is_ok());
        let fault = expect_coding(&reply, &["identity"])
            .unwrap_err()
            .to_string();
        assert!(fault.contains("does not allow"), "{fault}");
    }
}
