//! A REST service: notes that are made, read, changed and deleted, as JSON.
//!
//! `cargo run --release -p sws --example rest`, then
//!
//! ```text
//! curl -i localhost:8080/notes -d '{"text": "buy milk"}' -H 'Content-Type: application/json'
//! curl -i localhost:8080/notes
//! curl -i localhost:8080/notes?done=false
//! curl -i -X PUT localhost:8080/notes/1 -d '{"text": "buy milk", "done": true}' -H 'Content-Type: application/json'
//! curl -i -X DELETE localhost:8080/notes/1
//! curl -i localhost:8080/notes/one         # 400: not a number
//! curl -i localhost:8080/notes/1           # 404: not there any more
//! curl -i -X PATCH localhost:8080/notes/1  # 405, and which methods there are
//! ```

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, num::NonZeroUsize};
use sws::{Answered, Config, Rejection, Request, Response, Router, Server};

const TEXT_CHARS_MAX: usize = 200;

#[derive(Serialize)]
struct Note {
    id: u64,
    #[serde(flatten)]
    content: Content,
}

/// What a client may set.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    text: String,
    #[serde(default)]
    done: bool,
}

#[derive(Deserialize)]
struct Filter {
    done: Option<bool>,
}

#[derive(Default)]
struct Notes {
    notes: BTreeMap<u64, Note>,
    last_id: u64,
}

/// The body, if it makes sense. Each `?` in this file ends a request with a status and a line that says why.
fn content(request: &Request<'_>) -> Result<Content, Rejection> {
    let content: Content = request.json()?;
    match content.text.chars().count() {
        1..=TEXT_CHARS_MAX => Ok(content),
        count => Err(Rejection::new(
            422,
            format!("text: {count} characters are not between 1 and {TEXT_CHARS_MAX}"),
        )),
    }
}

fn list(
    notes: &mut Notes,
    request: &Request<'_>,
    response: Response<'_>,
) -> Result<Answered, Rejection> {
    let Filter { done } = request.query_as()?;
    let wanted = |note: &&Note| done.is_none_or(|done| note.content.done == done);
    let found: Vec<&Note> = notes.notes.values().filter(wanted).collect();
    Ok(response.json(&found))
}

fn create(
    notes: &mut Notes,
    request: &Request<'_>,
    response: Response<'_>,
) -> Result<Answered, Rejection> {
    let content = content(request)?;
    notes.last_id += 1;
    let id = notes.last_id;
    let note = notes.notes.entry(id).or_insert(Note { id, content });
    Ok(response
        .status(201)
        .header("Location", format!("/notes/{id}"))
        .json(note))
}

fn read(
    notes: &mut Notes,
    request: &Request<'_>,
    response: Response<'_>,
) -> Result<Answered, Rejection> {
    let id: u64 = request.param_as("id")?;
    let note = notes.notes.get(&id).ok_or_else(Rejection::not_found)?;
    Ok(response.json(note))
}

fn replace(
    notes: &mut Notes,
    request: &Request<'_>,
    response: Response<'_>,
) -> Result<Answered, Rejection> {
    let id: u64 = request.param_as("id")?;
    let note = notes.notes.get_mut(&id).ok_or_else(Rejection::not_found)?;
    note.content = content(request)?;
    Ok(response.json(note))
}

fn delete(
    notes: &mut Notes,
    request: &Request<'_>,
    response: Response<'_>,
) -> Result<Answered, Rejection> {
    let id: u64 = request.param_as("id")?;
    notes.notes.remove(&id).ok_or_else(Rejection::not_found)?;
    Ok(response.status(204).empty())
}

fn routes() -> Router<Notes> {
    Router::new()
        .get("/", list)
        .post("/", create)
        .get("/{id}", read)
        .put("/{id}", replace)
        .delete("/{id}", delete)
        .body_limit(4096)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    Server::builder()
        .config(Config {
            port,
            // Each reactor has a state of its own: as the notes are kept in it, there may be one only.
            reactors: NonZeroUsize::new(1),
            ..Config::default()
        })
        .state(|_reactor| Notes::default())
        .nest("/notes", routes())
        .run()?;
    Ok(())
}
