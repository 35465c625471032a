//! Content negotiation and gzip bodies, unpacked by another implementation.

use std::io::Read;

use crate::support::{Reply, Server, on_both_engines};
use flate2::read::GzDecoder;
use sws_server::testdata::Generation;

fn unpack(reply: &Reply) -> Vec<u8> {
    assert_eq!(reply.field("content-encoding"), Some("gzip"));
    assert_eq!(reply.field("content-type"), Some("application/json"));
    assert_eq!(reply.field("vary"), Some("Accept-Encoding"));
    let mut plain = Vec::new();
    GzDecoder::new(reply.body.as_slice())
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

fn accepting(server: &Server, target: &str, accept: &str) -> Reply {
    server.get_with(target, &[("Accept-Encoding", accept)])
}

#[test]
fn packed_and_plain_bodies_are_the_same() {
    on_both_engines(Generation::Ints, |server| {
        for target in [
            "/json",
            "/json/50?m=6",
            "/json/25?m=4",
            "/json/1",
            "/json/0",
            "/compression",
        ] {
            let plain = server.get(target);
            assert_eq!(plain.field("content-encoding"), None);
            let packed = accepting(server, target, "gzip, br");
            assert_eq!(unpack(&packed), plain.body, "{target}");
        }
    });
}

#[test]
fn answers_are_made_for_each_request() {
    on_both_engines(Generation::Ints, |server| {
        // Interleaved sizes and factors: nothing of one answer may reach another.
        for round in 0..20 {
            let (count, factor) = (round * 7 % 51, round + 1);
            let target = format!("/json/{count}?m={factor}");
            let packed = accepting(server, &target, "gzip");
            assert_eq!(unpack(&packed), server.get(&target).body, "{target}");
        }
    });
}

#[test]
fn the_large_body_is_small_when_packed() {
    on_both_engines(Generation::Floats, |server| {
        let packed = accepting(server, "/compression", "gzip");
        assert!(packed.body.len() < 500_000, "{}", packed.body.len());
        let plain: serde_json::Value = serde_json::from_slice(&unpack(&packed)).unwrap();
        assert_eq!(plain["count"], 6000);
        let items = plain["items"].as_array().unwrap();
        assert_eq!(items.len(), 6000);
        assert!(items.iter().all(|item| item["total"].is_number()));
        assert_eq!(server.get("/compression").json(), plain);
    });
}

#[test]
fn weights_decide_whether_to_compress() {
    on_both_engines(Generation::Ints, |server| {
        for (accept, packed) in [
            ("gzip", true),
            ("GZip", true),
            ("br;q=1, gzip;q=0.8", true),
            ("*", true),
            ("gzip;q=0.001", true),
            ("identity;q=0, gzip", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *;q=1", false),
            ("br", false),
            ("identity", false),
            ("*;q=0, identity", false),
            ("", false),
        ] {
            let reply = accepting(server, "/json/9", accept);
            assert_eq!(reply.status, 200, "{accept:?}");
            assert_eq!(
                reply.field("content-encoding").is_some(),
                packed,
                "{accept:?}"
            );
        }
        let both = server.get_with(
            "/json/9",
            &[("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")],
        );
        unpack(&both);
    });
}

#[test]
fn a_higher_level_packs_smaller() {
    let data = crate::support::data_dir(Generation::Ints);
    let size = |level: &str| {
        let server = Server::start("epoll", data.path(), &["--gzip-level", level]);
        let reply = accepting(&server, "/json/50", "gzip");
        assert_eq!(unpack(&reply), server.get("/json/50").body);
        reply.body.len()
    };
    assert!(size("9") < size("1"));
}
