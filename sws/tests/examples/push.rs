//! Examples that push over WebSockets.

use crate::{process::Example, socket::request};

#[test]
fn chat() {
    let example = Example::start("chat");
    let page = example.get("/");
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("new WebSocket("));
    let mut ann = example.socket("/chat?name=ann");
    assert_eq!(ann.hear(), "-- ann is here");
    let mut bob = example.socket("/chat?name=bob+b%C3%A4r");
    for guest in [&mut ann, &mut bob] {
        assert_eq!(guest.hear(), "-- bob bär is here");
    }
    ann.say("grüß dich");
    bob.say("hello");
    // Each hears all, in whatever order: the two may be on different reactors.
    let heard = [&mut ann, &mut bob].map(|guest| [guest.hear(), guest.hear()]);
    let both = ["ann: grüß dich", "bob bär: hello"];
    assert!(
        both.iter()
            .all(|text| heard[0].iter().any(|heard| heard == text)),
        "{heard:?}"
    );
    bob.leave();
    assert_eq!(ann.hear(), "-- bob bär has left");
    let mut binary = example.socket("/chat?name=carl");
    assert_eq!(ann.hear(), "-- carl is here");
    assert_eq!(binary.hear(), "-- carl is here");
    binary.send(0x82, b"bytes");
    assert_eq!(binary.closed(), 1003);
    assert_eq!(ann.hear(), "-- carl has left");
    drop(binary);
    example.ask_to_stop();
    assert_eq!(ann.closed(), 1001);
    drop(ann);
    assert!(example.wait().0.success());
}

#[test]
fn chat_refuses() {
    let example = Example::start("chat");
    for (path, status) in [
        ("/chat", 400),
        ("/chat?name=", 400),
        ("/nowhere?name=x", 404),
    ] {
        let mut client = example.client();
        client.send(request(path));
        assert_eq!(client.answer().status, status, "{path}");
    }
    assert_eq!(example.get("/chat?name=x").status, 426);
    example.stop();
}

#[test]
fn rooms() {
    let example = Example::start("rooms");
    let mut ann = example.socket("/rooms/7/play?name=ann&attack=10");
    assert_eq!(ann.hear(), "ann joins blue");
    let mut bob = example.socket("/rooms/7/play?name=bob&attack=1");
    for player in [&mut ann, &mut bob] {
        assert_eq!(player.hear(), "bob joins red");
    }
    // Another room hears nothing of it.
    let mut carl = example.socket("/rooms/8/play?name=carl&attack=1");
    assert_eq!(carl.hear(), "carl joins blue");
    let mut spectator = example.client();
    spectator.send("GET /rooms/7/outcome HTTP/1.1\r\nHost: t\r\n\r\n");
    ann.say("what?");
    assert_eq!(ann.hear(), r#"say "ready""#);
    ann.say("ready");
    assert_eq!(ann.hear(), "ann is ready");
    bob.say("ready");
    assert_eq!(ann.hear(), "bob is ready");
    assert_eq!([bob.hear(), bob.hear()], ["ann is ready", "bob is ready"]);
    let outcome = ann.hear();
    assert!(
        outcome.starts_with(r#"{"room":7,"winner":"blue","rounds":"#),
        "{outcome}"
    );
    assert!(
        outcome.contains(r#""name":"bob","team":"red","attack":1,"health":0"#),
        "{outcome}"
    );
    assert_eq!(bob.hear(), outcome);
    assert_eq!(spectator.answer().text(), outcome);
    ann.say("ready");
    assert_eq!(ann.hear(), "the battle is over");
    let rooms = example.get("/rooms");
    let rooms: serde_json::Value = serde_json::from_slice(&rooms.body).unwrap();
    assert_eq!((&rooms["battles"], &rooms["told"]), (&1.into(), &1.into()));
    assert!(rooms["rooms"]["7"].is_null(), "{rooms}");
    assert_eq!(rooms["rooms"]["8"][0]["name"], "carl");
    assert_eq!(example.get("/rooms/7/outcome").status, 404);
    drop((ann, bob, carl, spectator));
    example.stop();
}

#[test]
fn a_countdown_runs_down_by_itself() {
    let example = Example::start("rooms");
    let mut players =
        ["ann", "bob"].map(|name| example.socket(&format!("/rooms/1/play?name={name}&attack=5")));
    assert_eq!(players[0].hear(), "ann joins blue");
    for player in &mut players {
        assert_eq!(player.hear(), "bob joins red");
    }
    let [first, second] = players.each_mut().map(|player| player.hear());
    assert!(
        first == second && first.starts_with(r#"{"room":1,"winner":""#),
        "{first}"
    );
    drop(players);
    example.stop();
}

#[test]
fn rooms_refuse() {
    let example = Example::start("rooms");
    let mut ann = example.socket("/rooms/7/play?name=ann&attack=10");
    assert_eq!(ann.hear(), "ann joins blue");
    for (path, status) in [
        ("/rooms/7/play?name=ann&attack=1", 409),
        ("/rooms/7/play?name=bob&attack=11", 400),
        ("/rooms/7/play?name=bob", 400),
        ("/rooms/seven/play?name=bob&attack=1", 400),
    ] {
        let mut client = example.client();
        client.send(request(path));
        assert_eq!(client.answer().status, status, "{path}");
    }
    // The last one who leaves takes the room along, and who waits for its outcome is told.
    let mut spectator = example.client();
    spectator.send("GET /rooms/7/outcome HTTP/1.1\r\nHost: t\r\n\r\n");
    ann.say("ready");
    assert_eq!(ann.hear(), "ann is ready");
    ann.leave();
    assert_eq!(spectator.answer().status, 404);
    drop(spectator);
    example.stop();
}
