//! A connection as a client sees it: which answers it carries, and with which bodies, does not
//! depend on how its bytes are cut or on what the cache of heads remembers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sws_fuzz::{Derived, pieces};
use sws_proto::http1::answer::{Answer, AnswerParser, BodySink, HeadCache, RequestKind};

#[derive(Default)]
struct Collect(Vec<u8>);

impl BodySink for Collect {
    fn data(&mut self, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        self.0.extend_from_slice(bytes);
    }
}

/// Answers with their bodies, and whether the stream was in order to its end. Which fault a broken
/// stream has may depend on the cuts: a head in several pieces is judged when it is complete.
type Outcome = (Vec<(Answer, Vec<u8>)>, bool);

fn read(pieces: &[&[u8]], kind: RequestKind, cache: &mut HeadCache) -> Outcome {
    assert_eq!(cache.kind(), kind);
    let mut parser = AnswerParser::new();
    let mut answers = Vec::new();
    let mut sink = Collect::default();
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let before = rest.len();
            match parser.advance(&mut rest, cache, &mut sink) {
                Ok(Some(answer)) => {
                    assert!(rest.len() <= before);
                    answers.push((answer, std::mem::take(&mut sink.0)));
                }
                Ok(None) => {
                    assert!(rest.is_empty(), "asked for more before it took everything");
                    break;
                }
                Err(_) => return (answers, false),
            }
            if rest.is_empty() {
                break;
            }
        }
    }
    match parser.end() {
        Ok(Some(answer)) => {
            answers.push((answer, sink.0));
            (answers, true)
        }
        Ok(None) => (answers, true),
        Err(_) => (answers, false),
    }
}

fuzz_target!(|input: &[u8]| {
    let mut derived = Derived::from(input);
    let kind = match derived.below(4) {
        0 => RequestKind::Head,
        1 => RequestKind::Connect,
        _ => RequestKind::Ordinary,
    };
    let mut cache = HeadCache::new(kind);
    let whole = read(&[input], kind, &mut cache);
    let again = read(&[input], kind, &mut cache);
    assert_eq!(whole, again, "with a warm cache");
    let cuts = derived.cuts(input.len());
    let cut = read(&pieces(input, &cuts), kind, &mut cache);
    assert_eq!(whole, cut, "cut at {cuts:?}");
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    let single = read(&bytes, kind, &mut HeadCache::new(kind));
    assert_eq!(whole, single, "byte by byte");
});
