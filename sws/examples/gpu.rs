//! Work on a device that computes by itself, such as a GPU: one worker keeps many kernels in flight.
//!
//! `cargo run --release -p sws --example gpu`, then
//!
//! ```text
//! curl localhost:8080/infer/7                                        # takes 100 ms
//! time seq 20 | xargs -P 20 -I{} curl -s localhost:8080/infer/{}     # takes little more
//! curl localhost:8080/device                                         # how many were in flight at most
//! ```

use serde::Serialize;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use sws::{Answered, Config, Context, Json, Rejection, Request, Response, Server, next};

/// A simulated device: like a real one it takes a kernel, returns at once, and can be asked whether it is done.
#[derive(Default)]
struct Device {
    in_flight: AtomicUsize,
    in_flight_max: AtomicUsize,
}

struct Kernel<'a> {
    device: &'a Device,
    input: u64,
    done_at: Instant,
}

impl Device {
    fn launch(&self, input: u64) -> Kernel<'_> {
        let in_flight = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.in_flight_max.fetch_max(in_flight, Relaxed);
        Kernel {
            device: self,
            input,
            done_at: Instant::now() + Duration::from_millis(100),
        }
    }
}

impl Kernel<'_> {
    /// What `cuStreamQuery` is to a real device.
    fn is_done(&self) -> bool {
        Instant::now() >= self.done_at
    }

    fn output(&self) -> u64 {
        self.input.wrapping_mul(self.input)
    }
}

impl Drop for Kernel<'_> {
    fn drop(&mut self) {
        self.device.in_flight.fetch_sub(1, Relaxed);
    }
}

struct App {
    device: Arc<Device>,
}

#[derive(Serialize)]
struct Output {
    input: u64,
    output: u64,
}

async fn infer(context: Context<App>) -> Result<Json<Output>, Rejection> {
    let input: u64 = context.param_as("input")?;
    let device = context.with(|app| Arc::clone(&app.device));
    let output = next::submit_async(move || async move {
        let kernel = device.launch(input);
        // Gives the worker back until the kernel is done. Without it the worker would stand still for 100 ms.
        next::worker_yield(|| kernel.is_done()).await;
        kernel.output()
    })
    .await?;
    Ok(Json(Output { input, output }))
}

fn device(app: &mut App, _: &Request<'_>, response: Response<'_>) -> Answered {
    response.text(format!(
        "{} in flight, {} at most\n",
        app.device.in_flight.load(Relaxed),
        app.device.in_flight_max.load(Relaxed)
    ))
}

/// What a request costs while it waits in [`infer`].
const fn future_bytes<F: Fn(Context<App>) -> Fut, Fut>(_: &F) -> usize {
    size_of::<Fut>()
}

const _: () = assert!(future_bytes(&infer) <= 128);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let shared = Arc::new(Device::default());
    Server::builder()
        .config(Config {
            port,
            // A device's driver is asynchronous already: one worker is enough.
            workers: 1,
            ..Config::default()
        })
        .state(move |_reactor| App {
            device: Arc::clone(&shared),
        })
        .get("/infer/{input}", infer)
        .get("/device", device)
        .run()?;
    Ok(())
}
