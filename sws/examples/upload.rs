//! Bodies of any length that nobody holds whole: they are counted and hashed as they arrive.
//!
//! `cargo run --release -p sws --example upload`, then
//!
//! ```text
//! head -c 1G /dev/zero | curl -T - localhost:8080/sum
//! head -c 1M /dev/urandom | curl -T - localhost:8080/slowly      # read no faster than 1 MB/s
//! ```

use serde::Serialize;
use std::time::Duration;
use sws::{
    Answered, BodySink, BodyStream, Config, Context, Json, Rejection, Request, Response, Server,
    time,
};

/// What `/slowly` takes in a second.
const BYTES_PER_SECOND: u32 = 1_000_000;

/// Bytes and their FNV-1a hash.
struct Sum {
    bytes: u64,
    hash: u64,
}

#[derive(Serialize)]
struct Report {
    bytes: u64,
    fnv1a: String,
}

impl Sum {
    fn new() -> Self {
        Self {
            bytes: 0,
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn report(&self) -> Report {
        Report {
            bytes: self.bytes,
            fnv1a: format!("{:016x}", self.hash),
        }
    }
}

/// The cheapest way: pieces where they lie in the receive buffer, without a task and without a copy.
impl BodySink<()> for Sum {
    fn chunk(&mut self, (): &mut (), bytes: &[u8]) {
        self.add(bytes);
    }

    fn end(self: Box<Self>, (): &mut (), response: Response<'_>) -> Answered {
        response.json(&self.report())
    }
}

fn sum(_: &mut (), _: &Request<'_>) -> Sum {
    Sum::new()
}

/// The way that may wait between pieces. The client is read no faster than this goes on.
async fn slowly(_: Context<()>, mut body: BodyStream) -> Result<Json<Report>, Rejection> {
    let mut sum = Sum::new();
    while let Some(piece) = body.next().await {
        let piece = piece?;
        sum.add(&piece);
        time::sleep(Duration::from_secs(1) * piece.len() as u32 / BYTES_PER_SECOND).await;
    }
    Ok(Json(sum.report()))
}

/// What a request costs while it waits in [`slowly`]. A large value that is held across an `await` would show here.
const fn future_bytes<F, Fut>(_: &F) -> usize
where
    F: Fn(Context<()>, BodyStream) -> Fut,
{
    size_of::<Fut>()
}

const _: () = assert!(future_bytes(&slowly) <= 256);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    Server::builder()
        .config(Config {
            port,
            body_bytes_max: 1 << 40,
            ..Config::default()
        })
        .put_stream("/sum", sum)
        .post_stream("/sum", sum)
        .put("/slowly", slowly)
        .post("/slowly", slowly)
        .run()?;
    Ok(())
}
