//! The service that is soaked: pieces of bytes by every way of answering, and bodies by every way of taking them.

use crate::{BYTES, hash};
use std::{
    io::Write,
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};
use sws::{
    Answered, BodySender, BodySink, BodyStream, Config, Context, Rejection, Reply, Request,
    Responder, Response, Running, Server, next, time::sleep,
};

/// Ways of answering with a piece: `/{way}/{start}/{len}`.
pub const WAYS: [&str; 9] = [
    "plain", "slow", "worker", "deferred", "shared", "stream", "sized", "threaded", "layered",
];
/// Paths that answer with the body.
pub const ECHOES: [&str; 3] = ["/echo", "/echo-slow", "/layered/echo"];
/// Paths that answer with the body's length and hash.
pub const DIGESTS: [&str; 4] = ["/digest", "/digest-read", "/digest-slowly", "/digest-later"];
/// Paths that answer without reading.
pub const EARLY: [&str; 3] = ["/early", "/early-slow", "/early-deferred"];

const TYPE: &str = "application/octet-stream";

/// Length and hash of what came.
struct Digest(usize, u64);

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
        self.1 = hash(bytes, self.1);
    }

    fn text(&self) -> String {
        format!("{} {:x}", self.0, self.1)
    }
}

impl BodySink<()> for Digest {
    fn chunk(&mut self, _: &mut (), bytes: &[u8]) {
        self.add(bytes);
    }

    fn end(self: Box<Self>, _: &mut (), response: Response<'_>) -> Answered {
        response.text(self.text())
    }
}

/// Does nothing to an answer but to see it.
struct Layer;

impl sws::middleware::Middleware<()> for Layer {
    fn after(&self, (): &mut (), _: &Request<'_>, reply: &mut Reply) {
        reply.set_header("X-Seen", "yes");
    }
}

fn find(start: Option<&str>, len: Option<&str>) -> Option<&'static [u8]> {
    let (start, len): (usize, usize) = (start?.parse().ok()?, len?.parse().ok()?);
    BYTES.get(start..start + len)
}

fn piece(request: &Request<'_>) -> Result<&'static [u8], Rejection> {
    find(request.param("start"), request.param("len")).ok_or_else(Rejection::not_found)
}

fn kept_piece(context: &Context<()>) -> Result<&'static [u8], Rejection> {
    find(context.param("start"), context.param("len")).ok_or_else(Rejection::not_found)
}

/// Up to some milliseconds, which depend on what is asked for.
async fn a_while(bytes: &[u8]) {
    match bytes.len() % 4 {
        0 => {}
        1 => next::yield_now().await,
        n => sleep(Duration::from_micros(n as u64 * 700)).await,
    }
}

fn plain(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Result<Answered, Rejection> {
    Ok(response.body(TYPE, piece(request)?))
}

async fn slow(context: Context<()>) -> Result<Reply, Rejection> {
    let bytes = kept_piece(&context)?;
    a_while(bytes).await;
    Ok(Reply::bytes(TYPE, bytes))
}

async fn shared(context: Context<()>) -> Result<Reply, Rejection> {
    Ok(Reply::shared(TYPE, kept_piece(&context)?.into()))
}

async fn worker(context: Context<()>) -> Result<Reply, Rejection> {
    let bytes = kept_piece(&context)?;
    let copy = next::submit(move || bytes.to_vec()).await?;
    Ok(Reply::bytes(TYPE, copy))
}

async fn write(mut sender: BodySender, bytes: &'static [u8]) {
    for piece in bytes.chunks(30_000) {
        a_while(piece).await;
        // The client may have gone, or have asked for the head only.
        if sender.send(piece).await.is_err() {
            return;
        }
    }
    sender.finish();
}

async fn stream(context: Context<()>) -> Result<Reply, Rejection> {
    let bytes = kept_piece(&context)?;
    let (reply, sender) = Reply::stream(TYPE);
    drop(next::go(write(sender, bytes))?);
    Ok(reply)
}

async fn sized(context: Context<()>) -> Result<Reply, Rejection> {
    let bytes = kept_piece(&context)?;
    let (reply, sender) = Reply::stream_sized(TYPE, bytes.len() as u64);
    drop(next::go(write(sender, bytes))?);
    Ok(reply)
}

/// A stream that another thread writes.
async fn threaded(context: Context<()>) -> Result<Reply, Rejection> {
    let bytes = kept_piece(&context)?;
    let (reply, mut sender) = Reply::stream(TYPE);
    let work = next::submit_async(move || async move {
        for piece in bytes.chunks(50_000) {
            if sender.send(piece).await.is_err() {
                return;
            }
        }
        sender.finish();
    });
    drop(next::go(work)?);
    Ok(reply)
}

/// A thread that answers what it is given, until there is nobody to give it anything.
fn answering() -> impl Fn(Responder, Reply) + Send + Sync + 'static {
    let (sender, receiver) = mpsc::channel::<(Responder, Reply)>();
    thread::spawn(move || {
        for (responder, reply) in receiver {
            thread::yield_now();
            responder.send(reply);
        }
    });
    let sender = Mutex::new(sender);
    move |responder, reply| {
        let taken = sender.lock().unwrap().send((responder, reply));
        assert!(taken.is_ok());
    }
}

fn echo(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Answered {
    response.write("text/plain", |out| out.write_all(request.body()))
}

async fn echo_slow(context: Context<()>) -> Vec<u8> {
    a_while(context.body()).await;
    context.body().to_vec()
}

async fn digest_read(_: Context<()>, mut body: BodyStream) -> Result<String, sws::BodyError> {
    let mut digest = Digest(0, 0);
    while let Some(piece) = body.next().await {
        digest.add(&piece?);
    }
    Ok(digest.text())
}

async fn digest_slowly(_: Context<()>, mut body: BodyStream) -> Result<String, sws::BodyError> {
    let mut digest = Digest(0, 0);
    while let Some(piece) = body.next().await {
        let piece = piece?;
        a_while(&piece).await;
        digest.add(&piece);
    }
    Ok(digest.text())
}

async fn digest_later(_: Context<()>, mut body: BodyStream) -> Result<String, sws::BodyError> {
    sleep(Duration::from_millis(3)).await;
    let mut digest = Digest(0, 0);
    while let Some(piece) = body.next().await {
        digest.add(&piece?);
    }
    sleep(Duration::from_millis(1)).await;
    Ok(digest.text())
}

pub fn serve(config: Config) -> Running {
    let deferred = answering();
    let layered = sws::Router::new()
        .middleware(Layer)
        .get("/{start}/{len}", plain)
        .post("/echo", echo);
    Server::builder()
        .config(Config {
            workers: 2,
            // Some clients send their FIN behind their last request and wait for its answer.
            half_close: true,
            ..config
        })
        .nest("/layered", layered)
        .get("/plain/{start}/{len}", plain)
        .get("/slow/{start}/{len}", slow)
        .get("/worker/{start}/{len}", worker)
        .get("/shared/{start}/{len}", shared)
        .get("/stream/{start}/{len}", stream)
        .get("/sized/{start}/{len}", sized)
        .get("/threaded/{start}/{len}", threaded)
        .get(
            "/deferred/{start}/{len}",
            move |_: &mut (), request: &Request<'_>, response: Response<'_>| {
                let bytes = piece(request)?;
                let (responder, answered) = response.defer();
                deferred(responder, Reply::bytes(TYPE, bytes));
                Ok::<_, Rejection>(answered)
            },
        )
        .post("/echo", echo)
        .post("/echo-slow", echo_slow)
        .post_stream("/digest", |_: &mut (), _: &Request<'_>| Digest(0, 0))
        .post("/digest-read", digest_read)
        .post("/digest-slowly", digest_slowly)
        .post("/digest-later", digest_later)
        .post("/early", |_: Context<()>, _: BodyStream| async { "early" })
        .post(
            "/early-slow",
            |_: Context<()>, mut body: BodyStream| async move {
                let first = body.next().await;
                sleep(Duration::from_millis(2)).await;
                drop(first);
                "early"
            },
        )
        .post_stream("/early-deferred", |_: &mut (), _: &Request<'_>| Early)
        .start()
        .unwrap()
}

/// Takes a body and answers later.
struct Early;

impl BodySink<()> for Early {
    fn chunk(&mut self, (): &mut (), _: &[u8]) {}

    fn end(self: Box<Self>, (): &mut (), response: Response<'_>) -> Answered {
        let (responder, answered) = response.defer();
        let answer = next::go(async move {
            next::yield_now().await;
            responder.send("early");
        });
        drop(answer);
        answered
    }
}
