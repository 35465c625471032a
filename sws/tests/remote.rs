//! What a handler gives to other threads.

#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use common::{Client, config, engines};
use std::{sync::mpsc, thread};
use sws::{
    Answered, Context, Rejection, Remote, Reply, Request, Responder, Response, Server, remote,
};

#[derive(Default)]
struct App {
    found: Vec<u32>,
    waiting: Option<Responder>,
}

/// Lets a thread find something, which then gives the answer on the reactor.
fn search(app: &mut App, _: &Request<'_>, response: Response<'_>) -> Answered {
    let (responder, answered) = response.defer();
    app.waiting = Some(responder);
    let remote = remote::<App>();
    thread::spawn(move || {
        for n in 0..100 {
            remote.invoke(move |app| app.found.push(n)).unwrap();
        }
        remote.invoke(answer)
    });
    answered
}

fn answer(app: &mut App) {
    let expected: Vec<u32> = (0..100).collect();
    let in_order = app.found == expected;
    if let Some(responder) = app.waiting.take() {
        responder.send(in_order.to_string());
    }
}

/// The thread outlives the server.
fn keep(remotes: &mpsc::Sender<Remote<App>>) {
    remotes.send(remote()).unwrap();
}

async fn of_another_state(_: Context<App>) -> Result<&'static str, Rejection> {
    remote::<u8>().invoke(|_| ())?;
    Ok("it was taken")
}

#[test]
fn a_handler_gives_its_reactor_to_other_threads() {
    for engine in engines() {
        let (sender, remotes) = mpsc::channel();
        let server = Server::builder()
            .config(config(engine))
            .state(|_| App::default())
            .get("/search", search)
            .get(
                "/keep",
                move |_: &mut App, _: &Request<'_>, response: Response<'_>| {
                    keep(&sender);
                    response.empty()
                },
            )
            .get("/wrong", of_another_state)
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        assert_eq!(client.get("/search").text(), "true", "{engine}");
        assert_eq!(client.get("/keep").status, 200);
        assert_eq!(client.get("/wrong").status, 500);
        drop(client);
        server.stop().unwrap();
        let remote = remotes.recv().unwrap();
        assert!(remote.invoke(|_| ()).is_err(), "{engine}");
    }
}

#[test]
#[should_panic(expected = "this thread is no reactor")]
fn other_threads_have_none_by_themselves() {
    drop(remote::<()>());
}

/// Parts of a request that are views in a plain handler and owned in one that waits.
#[test]
fn both_kinds_of_handlers_see_the_same() {
    fn plain(_: &mut App, request: &Request<'_>, response: Response<'_>) -> Answered {
        let accept: Vec<&[u8]> = request.header_values("accept").collect();
        let name = request.query_decoded("name");
        let from = request.connection();
        response.text(format!("{name:?} {} {from}", accept.concat().len()))
    }
    async fn waiting(context: Context<App>) -> Reply {
        sws::next::yield_now().await;
        let accept: Vec<&[u8]> = context.header_values("accept").collect();
        let name = context.query_decoded("name");
        let from = context.connection();
        Reply::text(format!("{name:?} {} {from}", accept.concat().len()))
    }
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .state(|_| App::default())
            .get("/plain", plain)
            .get("/waiting", waiting)
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        let [plain, waiting] = ["/plain", "/waiting"].map(|path| {
            client.send(format!(
                "GET {path}?x&name=J%C3%BCrgen+K HTTP/1.1\r\nHost: t\r\nAccept: a/b\r\nACCEPT: c/d\r\n\r\n"
            ));
            client.answer().text().to_owned()
        });
        assert!(plain.starts_with(r#"Some("Jürgen K") 6 "#), "{plain}");
        assert_eq!(plain, waiting, "{engine}");
    }
}
