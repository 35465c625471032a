//! What holds for all templates.

use super::{Draw, Feed, Setup, Template};
use crate::{rng::Rng, split::Share};
use proptest::{collection::vec, prelude::*};
use std::{fs, sync::Arc};

/// Cells of every length from 0 to 40, none of which may change where anything ends.
fn feed() -> Arc<Feed> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let rows: String = (0..=40)
        .map(|len| format!("\"{}\"\n", "{,:".repeat(14).get(..len).unwrap()))
        .collect();
    fs::write(file.path(), format!("cell\n{rows}")).unwrap();
    let flag = format!("f={},rand", file.path().display()).parse().unwrap();
    Arc::new(Feed::read(&flag, Share::WHOLE).unwrap())
}

/// Placeholders of one width, without the time, which nothing repeats.
fn of_one_width() -> impl Strategy<Value = String> {
    prop_oneof![
        (0u64..1000, 0u64..1_000_000)
            .prop_map(|(min, more)| format!("{{RAND:{min}:{}}}", min + more)),
        (0u64..1000, 0u64..1_000_000, 0..30u32).prop_map(|(min, more, s)| format!(
            "{{ZIPF:{min}:{}:{}}}",
            min + more,
            f64::from(s) / 10.0
        )),
        any::<u32>().prop_map(|start| format!("{{SEQ:{start}}}")),
        (1..50u32).prop_map(|length| format!("{{HEX:{length}}}")),
        Just("{UUID}".to_owned()),
    ]
}

fn of_any_width() -> impl Strategy<Value = String> {
    prop_oneof![
        of_one_width(),
        (0u64..1000, 0u64..1_000_000)
            .prop_map(|(min, more)| format!("{{RANDJ:{min}:{}}}", min + more)),
        Just("{CONN}".to_owned()),
        Just("{f.cell}".to_owned()),
    ]
}

/// Text and placeholders. Braces are in it that begin none, and so are empty lines if it is for a body.
fn text(what: &'static str, placeholder: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let part = prop_oneof![what.prop_map(|text| text), placeholder];
    vec(part, 0..6).prop_map(|parts| parts.concat()).boxed()
}

/// A request whose declared length, if it has one, is most likely wrong.
fn request(placeholder: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let field = text("[a-z{}:]{0,12}", placeholder.clone());
    let body = text("[a-z{}\r\n]{0,40}", placeholder);
    (
        vec(field, 0..4),
        0..6usize,
        proptest::option::of(0..2000u32),
        body,
    )
        .prop_map(|(values, place, declared, body)| {
            let mut fields: Vec<String> = values
                .iter()
                .map(|value| format!("X-A: {value}\r\n"))
                .collect();
            if let Some(length) = declared {
                fields.insert(
                    place.min(fields.len()),
                    format!("Content-Length: {length}\r\n"),
                );
            }
            format!("POST /x HTTP/1.1\r\n{}\r\n{body}", fields.concat())
        })
}

fn rendered(
    request: &str,
    feeds: &[Arc<Feed>],
    fix_length: bool,
    count: usize,
    seed: u64,
) -> (Template, Vec<u8>) {
    let setup = Setup {
        fix_length,
        feeds,
        ..Setup::of_depth(1)
    };
    let template = Template::new("t".into(), request.as_bytes(), &setup).unwrap();
    let mut out = Vec::new();
    let mut draw = Draw {
        rng: &mut Rng::new(seed, 3),
        connection: 77,
    };
    for _ in 0..count {
        template.render(&mut draw, &mut out);
    }
    (template, out)
}

/// The length of the first of some requests, as another parser than ours understands it.
fn first_len(requests: &[u8]) -> usize {
    let mut fields = [httparse::EMPTY_HEADER; 16];
    let mut head = httparse::Request::new(&mut fields);
    let head_len = head.parse(requests).unwrap().unwrap();
    let lengths: Vec<usize> = head
        .headers
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("content-length"))
        .map(|field| str::from_utf8(field.value).unwrap().parse().unwrap())
        .collect();
    assert!(lengths.len() < 2);
    head_len + lengths.first().unwrap_or(&0)
}

proptest! {
    #[test]
    fn corrected_requests_follow_each_other_without_a_gap(
        request in request(of_any_width().boxed()), seed: u64,
    ) {
        const COUNT: usize = 8;
        let feeds = [feed()];
        let (template, all) = rendered(&request, &feeds, true, COUNT, seed);
        let mut rest = all.as_slice();
        for _ in 0..COUNT {
            let len = first_len(rest);
            prop_assert!(len <= rest.len() && len <= template.request_len());
            rest = &rest[len..];
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes(request in request(of_any_width().boxed()), seed: u64) {
        let feeds = [feed()];
        let (first, bytes) = rendered(&request, &feeds, true, 4, seed);
        prop_assert_eq!(&bytes, &rendered(&request, &feeds, true, 4, seed).1);
        prop_assert!(bytes.len() <= 4 * first.request_len());
    }

    #[test]
    fn without_correction_only_placeholders_change(request in request(of_one_width().boxed()), seed: u64) {
        let (template, bytes) = rendered(&request, &[], false, 2, seed);
        prop_assert_eq!(bytes.len(), 2 * template.request_len());
        // What is outside of placeholders is found again, in order and at the same distances.
        let text = template.parts.text.as_slice();
        let fixed = if template.is_static() { request.as_bytes() } else { text };
        let mut at = 0;
        let mut from = 0;
        for hole in &template.parts.holes {
            let part = &fixed[from..hole.at];
            prop_assert_eq!(&bytes[at..at + part.len()], part);
            at += part.len() + hole.what.longest();
            from = hole.at;
        }
        prop_assert_eq!(&bytes[at..template.request_len()], &fixed[from..]);
    }
}
