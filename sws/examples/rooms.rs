//! Rooms in which players gather until a countdown has run down; then two teams fight, and everybody is told how it ended.
//!
//! All state is on one reactor, without a lock: a tick hook looks after the countdowns, WebSockets bring the players' commands,
//! a worker computes the battle, a topic pushes to the players, and a deferred answer tells whoever asked for the outcome.
//!
//! `cargo run --release -p sws --example rooms`, then in several terminals
//!
//! ```text
//! websocat 'ws://localhost:8080/rooms/7/play?name=ann&attack=5'     # say "ready" not to wait for the countdown
//! websocat 'ws://localhost:8080/rooms/7/play?name=bob&attack=4'
//! curl localhost:8080/rooms                                         # who is where
//! curl localhost:8080/rooms/7/outcome                               # answered when the battle is over
//! ```

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    time::{Duration, Instant},
};
use sws::{
    Answered, Config, ConnId, DeferredEvent, Rejection, Request, Responder, Response, Server, next,
    ws::{Closed, Message, Socket, Topic, WebSocket},
};

const COUNTDOWN: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(50);
const PLAYERS_MAX: usize = 100;
const TEAMS: [&str; 2] = ["blue", "red"];

#[derive(Default)]
struct Game {
    rooms: BTreeMap<u32, Room>,
    battles: u64,
    told: u64,
}

struct Room {
    /// When the battle begins; `None` once it has.
    begins: Option<Instant>,
    players: Vec<Player>,
    push: Topic,
    /// Who waits for the outcome.
    waiting: Vec<Responder>,
}

#[derive(Clone, Serialize)]
struct Player {
    name: String,
    team: &'static str,
    attack: u32,
    health: u32,
    ready: bool,
}

#[derive(Clone, Serialize)]
struct Outcome {
    room: u32,
    winner: &'static str,
    rounds: u32,
    players: Vec<Player>,
}

/// What a WebSocket is about.
struct Seat {
    room: u32,
    name: String,
    attack: u32,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    attack: u32,
}

impl Room {
    fn new() -> Self {
        Self {
            begins: Some(Instant::now() + COUNTDOWN),
            players: Vec::new(),
            push: Topic::new(),
            waiting: Vec::new(),
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.begins.is_some_and(|begins| begins <= now)
    }
}

/// Takes a player in, or says why not.
fn sit_down(game: &mut Game, request: &Request<'_>) -> Result<Seat, Rejection> {
    let room = request.param_as("room")?;
    let Entry { name, attack } = request.query_as()?;
    if !(1..=10).contains(&attack) {
        return Err(Rejection::bad_request("attack: not between 1 and 10"));
    }
    if let Some(room) = game.rooms.get(&room) {
        if room.begins.is_none() {
            return Err(Rejection::new(409, "the battle has begun"));
        }
        if room.players.len() == PLAYERS_MAX || room.players.iter().any(|p| p.name == name) {
            return Err(Rejection::new(409, "the room is full or the name taken"));
        }
    }
    Ok(Seat { room, name, attack })
}

impl WebSocket<Game> for Seat {
    fn open(&mut self, game: &mut Game, socket: &mut Socket<'_>) {
        let room = game.rooms.entry(self.room).or_insert_with(Room::new);
        let team = TEAMS[room.players.len() % 2];
        room.players.push(Player {
            name: self.name.clone(),
            team,
            attack: self.attack,
            health: 100,
            ready: false,
        });
        socket.join(&room.push);
        room.push.send(&format!("{} joins {team}", self.name));
    }

    fn message(&mut self, game: &mut Game, socket: &mut Socket<'_>, message: Message<'_>) {
        let Some(room) = game.rooms.get_mut(&self.room) else {
            return socket.send("the battle is over");
        };
        match message {
            Message::Text("ready") => {
                for player in room.players.iter_mut().filter(|p| p.name == self.name) {
                    player.ready = true;
                }
                let enough = room.players.len() > 1 && room.players.iter().all(|p| p.ready);
                if enough && room.begins.is_some() {
                    room.begins = Some(Instant::now());
                }
                room.push.send(&format!("{} is ready", self.name));
            }
            _ => socket.send("say \"ready\""),
        }
    }

    fn close(&mut self, game: &mut Game, _: ConnId, _: &Closed) {
        let Some(room) = game.rooms.get_mut(&self.room) else {
            return;
        };
        if room.begins.is_none() {
            return; // Who has left fights on.
        }
        room.players.retain(|player| player.name != self.name);
        room.push.send(&format!("{} has left", self.name));
        if room.players.is_empty()
            && let Some(room) = game.rooms.remove(&self.room)
        {
            for responder in room.waiting {
                responder.send(Rejection::not_found());
            }
        }
    }
}

/// Runs on the reactor, so it only looks; the battles themselves are the workers' business.
fn look_after_countdowns(game: &mut Game) {
    let now = Instant::now();
    for (number, room) in game.rooms.iter_mut().filter(|(_, room)| room.is_due(now)) {
        let (number, players) = (*number, room.players.clone());
        // The task takes the outcome from the worker back to the reactor. If there can be no more tasks the next tick tries again.
        if next::go(fight(number, players)).is_ok() {
            room.begins = None;
        }
    }
}

async fn fight(number: u32, players: Vec<Player>) {
    let fought = next::submit(move || simulate(number, players)).await;
    sws::state::<Game>().with(|game| match fought {
        Ok(outcome) => settle(game, outcome),
        // The workers' queue is full, or the server is stopping.
        Err(_) => {
            if let Some(room) = game.rooms.get_mut(&number) {
                room.begins = Some(Instant::now() + TICK);
            }
        }
    });
}

/// What a room costs besides its players while it fights.
const fn future_bytes<F: Fn(u32, Vec<Player>) -> Fut, Fut>(_: &F) -> usize {
    size_of::<Fut>()
}

const _: () = assert!(future_bytes(&fight) <= 128);

/// Runs on a worker: it may take as long as it likes.
fn simulate(room: u32, mut players: Vec<Player>) -> Outcome {
    let mut dice = u64::from(room);
    let mut roll = |sides: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) as usize % sides
    };
    let mut rounds = 0;
    loop {
        let alive = |team| {
            players
                .iter()
                .filter(move |p| p.team == team && p.health > 0)
        };
        let [blue, red] = TEAMS.map(|team| alive(team).count());
        if blue == 0 || red == 0 {
            let winner = if blue > 0 { TEAMS[0] } else { TEAMS[1] };
            return Outcome {
                room,
                winner,
                rounds,
                players,
            };
        }
        let attacker = rounds as usize % TEAMS.len();
        let attack: u32 = alive(TEAMS[attacker]).map(|player| player.attack).sum();
        let target = roll(if attacker == 0 { red } else { blue });
        let enemies = players.iter_mut();
        let mut enemies = enemies.filter(|p| p.team != TEAMS[attacker] && p.health > 0);
        if let Some(enemy) = enemies.nth(target) {
            enemy.health = enemy.health.saturating_sub(attack + roll(6) as u32);
        }
        rounds += 1;
    }
}

/// Tells everybody, and frees the room.
fn settle(game: &mut Game, outcome: Outcome) {
    game.battles += 1;
    let Some(room) = game.rooms.remove(&outcome.room) else {
        return;
    };
    match serde_json::to_string(&outcome) {
        Ok(text) => room.push.send(&text),
        Err(error) => eprintln!("room {}: {error}", outcome.room),
    }
    for responder in room.waiting {
        responder.send(sws::Json(outcome.clone()));
    }
}

/// Answers when the battle is over.
fn outcome(
    game: &mut Game,
    request: &Request<'_>,
    response: Response<'_>,
) -> Result<Answered, Rejection> {
    let number: u32 = request.param_as("room")?;
    let room = game
        .rooms
        .get_mut(&number)
        .ok_or_else(Rejection::not_found)?;
    let (responder, answered) = response.defer();
    room.waiting.push(responder);
    Ok(answered)
}

fn rooms(game: &mut Game, _: &Request<'_>, response: Response<'_>) -> Answered {
    let players = game.rooms.iter();
    let players: BTreeMap<_, _> = players
        .map(|(number, room)| (number, &room.players))
        .collect();
    response.json(&serde_json::json!({
        "battles": game.battles,
        "told": game.told,
        "rooms": players,
    }))
}

/// Sees every deferred answer before it is sent.
fn count_outcomes_told(game: &mut Game, event: &DeferredEvent<'_>) {
    game.told += u64::from(event.reply().status_code() == 200);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    Server::builder()
        .config(Config {
            port,
            // All rooms are on one thread; the computing is not.
            reactors: NonZeroUsize::new(1),
            workers: 2,
            ..Config::default()
        })
        .state(|_reactor| Game::default())
        .get("/rooms", rooms)
        .get("/rooms/{room}/outcome", outcome)
        .ws("/rooms/{room}/play", sit_down)
        .every(TICK, look_after_countdowns)
        .on_deferred(count_outcomes_told)
        .run()?;
    Ok(())
}
