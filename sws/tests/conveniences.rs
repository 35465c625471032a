//! Short forms: an address, a body collected from its stream, a rejection from middleware, a stop from a handler.

mod common;

use common::{Client, config, engines};
use sws::{
    Answered, BodyStream, Context, Flow, Rejection, Request, Response, Router, Server,
    middleware::Middleware,
};

struct Closed;

impl Middleware<()> for Closed {
    fn before(&self, (): &mut (), _: &mut Request<'_>) -> Flow {
        Rejection::new(451, "not here").into()
    }
}

async fn collect(_: Context<()>, mut body: BodyStream) -> Result<String, Rejection> {
    let body = body.collect(10).await?;
    Ok(body.len().to_string())
}

fn stop(_: &mut (), _: &Request<'_>, response: Response<'_>) -> Answered {
    sws::stopper().stop();
    response.text("stopping")
}

#[test]
fn short_forms() {
    for engine in engines() {
        let server = Server::builder()
            .config(config(engine))
            .listen(([127, 0, 0, 1], 0))
            .post("/collect", collect)
            .post("/stop", stop)
            .nest("/closed", Router::new().middleware(Closed))
            .start()
            .unwrap();
        let mut client = Client::new(server.addr());
        let mut post = |path: &str, body: &str| {
            client.send(format!(
                "POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ));
            let answer = client.answer();
            (answer.status, answer.text().to_owned())
        };
        assert_eq!(post("/collect", "0123456789"), (200, "10".to_owned()));
        assert_eq!(post("/collect", "0123456789a").0, 413);
        assert_eq!(post("/closed/x", ""), (451, "not here\n".to_owned()));
        assert_eq!(post("/stop", ""), (200, "stopping".to_owned()));
        drop(client);
        server.wait().unwrap();
    }
}
