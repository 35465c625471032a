//! The service that the simulated clients talk to: handlers of every kind, which answer when the script lets them.

use crate::{
    Answered, BodySink, BodyStream, Context, Rejection, Reply, Request, Responder, Response,
    Router,
    engine::sim::{Other, Random, answers::pattern},
    next,
    ws::{Message, Socket, WebSocket},
};
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

/// What waits for the script, as for another thread or a device.
enum Waits {
    /// The answer is the pattern.
    Responder(Responder, usize, usize),
    /// It is dropped.
    Drops(Responder),
    Task(Rc<Gate>),
}

#[derive(Default)]
struct Gate {
    open: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Gate {
    async fn pass(self: Rc<Self>) {
        poll_fn(|cx| {
            self.waker.replace(Some(cx.waker().clone()));
            if self.open.get() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// The state of the service; the script has it, too.
#[derive(Clone, Default)]
pub(super) struct App {
    waits: Rc<RefCell<Vec<Waits>>>,
    /// Never answered.
    never: Rc<RefCell<Vec<Responder>>>,
}

impl App {
    fn wait(&mut self) -> impl Future<Output = ()> + use<> {
        let gate = Rc::new(Gate::default());
        self.waits.borrow_mut().push(Waits::Task(Rc::clone(&gate)));
        gate.pass()
    }

    /// What happens on other threads while the reactor waits.
    pub(super) fn other(&self, random: &mut Random) -> Other {
        let mut waits = self.waits.borrow_mut();
        if waits.is_empty() {
            return Other::Nothing;
        }
        if random.one_in(3) {
            return Other::Later;
        }
        let at = random.below(waits.len());
        let ready = waits.swap_remove(at);
        drop(waits);
        match ready {
            Waits::Responder(responder, id, len) => responder.send(body(id, len)),
            Waits::Drops(responder) => drop(responder),
            Waits::Task(gate) => {
                gate.open.set(true);
                let waker = gate.waker.take();
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        }
        Other::Acted
    }
}

fn body(id: usize, len: usize) -> Reply {
    Reply::bytes("x/y", pattern(id, len))
}

struct Length(usize);

impl BodySink<App> for Length {
    fn chunk(&mut self, _: &mut App, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn end(self: Box<Self>, _: &mut App, response: Response<'_>) -> Answered {
        response.text(self.0.to_string())
    }
}

struct Echo;

impl WebSocket<App> for Echo {
    fn message(&mut self, _: &mut App, socket: &mut Socket<'_>, message: Message<'_>) {
        socket.send(message);
    }
}

fn numbers(request: &Request<'_>) -> (usize, usize) {
    let number = |name| request.param(name).unwrap().parse().unwrap();
    (number("id"), number("len"))
}

/// Answers after a while.
async fn wait(context: Context<App>) -> Reply {
    context.with(App::wait).await;
    let number = |name| context.param_as(name).unwrap();
    body(number("id"), number("len"))
}

/// Answers at once with a body that comes in pieces, after a while each.
async fn pieces(context: Context<App>) -> Reply {
    let number = |name| context.param_as(name).unwrap();
    let (id, len) = (number("id"), number("len"));
    let (reply, mut sender) = Reply::stream_sized("x/y", len as u64);
    let started = next::go(async move {
        let body = pattern(id, len);
        for piece in body.chunks(len.div_ceil(3).max(1)) {
            context.with(App::wait).await;
            if sender.send(piece).await.is_err() {
                return;
            }
        }
        sender.finish();
    });
    started.unwrap();
    reply
}

/// Reads its body as it comes, with pauses.
async fn slow_length(context: Context<App>, mut stream: BodyStream) -> Reply {
    let mut len = 0;
    while let Some(piece) = stream.next().await {
        let Ok(piece) = piece else { break };
        len += piece.len();
        if len.is_multiple_of(3) {
            context.with(App::wait).await;
        }
    }
    Reply::text(len.to_string())
}

pub(super) fn router() -> Router<App> {
    let piece = |_: &mut App, request: &Request<'_>, response: Response<'_>| {
        let (id, len) = numbers(request);
        response.body("x/y", pattern(id, len))
    };
    let echo = |_: &mut App, request: &Request<'_>, response: Response<'_>| {
        response.body("x/y", request.body())
    };
    let later = |app: &mut App, request: &Request<'_>, response: Response<'_>| {
        let ((id, len), (responder, answered)) = (numbers(request), response.defer());
        let waits = Waits::Responder(responder, id, len);
        app.waits.borrow_mut().push(waits);
        answered
    };
    let drops = |app: &mut App, _: &Request<'_>, response: Response<'_>| {
        let (responder, answered) = response.defer();
        app.waits.borrow_mut().push(Waits::Drops(responder));
        answered
    };
    // Its answer comes when the next request is being worked on, and is nobody's.
    let rejects = |app: &mut App, _: &Request<'_>, response: Response<'_>| {
        let (responder, _) = response.defer();
        app.waits
            .borrow_mut()
            .push(Waits::Responder(responder, 0, 10));
        Err::<Answered, _>(Rejection::new(403, "no"))
    };
    let never = |app: &mut App, _: &Request<'_>, response: Response<'_>| {
        let (responder, answered) = response.defer();
        app.never.borrow_mut().push(responder);
        answered
    };
    Router::new()
        .get("/b/{id}/{len}", piece)
        .post("/echo", echo)
        .post_stream("/length", |_: &mut App, _: &Request<'_>| Length(0))
        .get("/later/{id}/{len}", later)
        .get("/drops", drops)
        .get("/never", never)
        .get("/rejects", rejects)
        .get("/wait/{id}/{len}", wait)
        .get("/pieces/{id}/{len}", pieces)
        .post("/slow", slow_length)
        .ws("/ws", |_: &mut App, _: &Request<'_>| Echo)
}
