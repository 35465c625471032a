//! The reactor and HTTP in a simulated world. See [`crate::engine::sim`].
//!
//! `SWS_SIM_SCRIPTS=n` sets how many random scripts run, `SWS_SIM_SEED=s` runs the one that failed, `SWS_SIM_SHOW=1` shows
//! it. `--profile checked` is fast and looks at every assertion.

mod app;
mod deadlines;
mod ends;
mod scripts;

use self::{
    app::App,
    scripts::{PATIENT, Theme},
};
use super::{Core, Reactor};
use crate::{
    Config, Counters,
    connection::http::Http,
    engine::sim::{
        Kernel, Random, Sim, SimHost, World,
        client::{Ended, Script, Timeouts},
    },
    peers::Peers,
};
use std::{cell::RefCell, rc::Rc, sync::Arc};

/// Scripts in a run whose number nobody has set: some seconds' worth.
const SCRIPTS: u64 = 1500;

/// A world, and what is to run in it.
struct Scene {
    config: Config,
    kernel: Kernel,
    slots: u32,
    reactors: usize,
    clients: Vec<Script>,
    seed: u64,
}

/// Runs a scene to its end and checks what must hold whatever happened.
fn play(scene: Scene) -> (Rc<RefCell<World>>, Counters) {
    let Scene {
        config,
        kernel,
        slots,
        reactors,
        clients,
        seed,
    } = scene;
    let peers = Arc::new(Peers::new(reactors).unwrap());
    let mut timeouts = Timeouts::new(&config);
    if kernel.jumps > 0 {
        // Any turn may be hours after the one before.
        timeouts.slack = u64::MAX / 4;
    }
    let world = Rc::new(RefCell::new(World::new(
        seed,
        kernel.clone(),
        timeouts,
        Arc::clone(&peers),
    )));
    world.borrow_mut().high_water = config.output_high_water_bytes;
    for script in clients {
        world.borrow_mut().add(script);
    }
    let app = App::default();
    let others = app.clone();
    world.borrow_mut().other = Box::new(move |random| others.other(random));
    let (http, _alone) = Http::alone(&config, app::router(), app);
    let host = SimHost(Rc::clone(&world));
    let core = Core::new(&config, http, Arc::clone(&peers), 0, slots, host);
    if seed.is_multiple_of(2) && !kernel.immediate {
        let engine: Sim<true> = Sim(Rc::clone(&world));
        Reactor::new(engine, core).run().unwrap();
    } else {
        let engine: Sim<false> = Sim(Rc::clone(&world));
        Reactor::new(engine, core).run().unwrap();
    }
    let counters = peers.counters();
    check(&mut world.borrow_mut(), &config, &counters);
    assert!(counters.buffer_cache_bytes <= config.buffer_cache_bytes_max as u64);
    (world, counters)
}

fn check(world: &mut World, config: &Config, counters: &Counters) {
    let hurried = config.shutdown_timeout < PATIENT;
    let ended = if world.jumped || (world.stopped_early && hurried) {
        Ended::Jumped
    } else if world.stopped_early {
        Ended::Stopped
    } else {
        Ended::Done
    };
    for (index, client) in world.clients.iter_mut().enumerate() {
        let _mark = Mark("client", index as u64);
        client.check_end(ended);
    }
    assert_eq!(counters.accepted, world.accepted);
    assert_eq!(counters.handed_over, world.handed_out);
    let mine = world.accepted + world.handed_in - world.handed_out;
    if hurried && counters.closed < mine {
        // The rest was closed without being counted.
        return;
    }
    assert_eq!(counters.closed, mine, "connections that were closed");
    assert_eq!(counters.slots_open, 0);
    assert_eq!(counters.connections_buffering, 0);
    assert_eq!(counters.buffers_leased, 0);
    assert_eq!(counters.stale_completions, world.stale);
}

fn random_scene(seed: u64) -> (Scene, Theme) {
    let mut random = Random::new(seed);
    let theme = scripts::theme(&mut random);
    // Small and many, and some that are not.
    let most = if random.one_in(200) { 60 } else { 5 };
    let config = scripts::config(&mut random);
    let clients: Vec<Script> = (0..1 + random.below(most))
        .map(|id| scripts::client(&mut random, theme, &config, id))
        .collect();
    let says_max = clients.iter().map(|client| client.says.len()).max();
    let scene = Scene {
        config,
        kernel: scripts::kernel(&mut random, theme, says_max.unwrap_or(0)),
        slots: 1 + random.below(6) as u32,
        reactors: 1 + usize::from(random.one_in(5)),
        clients,
        seed,
    };
    (scene, theme)
}

/// Says where it failed.
struct Mark(&'static str, u64);

impl Drop for Mark {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}={}", self.0, self.1);
        }
    }
}

fn run(seed: u64) {
    let _repeat = Mark("to repeat this: SWS_SIM_SEED", seed);
    let (scene, theme) = random_scene(seed);
    let late = scene.clients.iter().any(|client| client.late.is_some());
    if std::env::var_os("SWS_SIM_SHOW").is_some() {
        show(&scene);
    }
    let (world, counters) = play(scene);
    let stopped = world.borrow().stopped_early;
    if theme == Theme::Busy && !stopped {
        assert!(!late);
        assert_eq!(counters.timeouts, 0, "nobody was late");
    }
}

fn show(scene: &Scene) {
    println!("{:#?}", scene.kernel);
    for (index, client) in scene.clients.iter().enumerate() {
        println!(
            "{index}: {:?} {:?} window {} waits {} pauses {} says {} ({:?}) expects {:?}",
            client.late,
            client.ends,
            client.window,
            client.waits,
            client.pauses,
            client.says.len(),
            client.requests,
            client.expected
        );
    }
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

#[test]
fn nothing_is_lost_whatever_the_kernel_does() {
    if let Some(seed) = setting("SWS_SIM_SEED") {
        return run(seed);
    }
    let scripts = setting("SWS_SIM_SCRIPTS").unwrap_or(SCRIPTS);
    (0..scripts).for_each(run);
}
