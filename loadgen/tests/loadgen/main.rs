//! The real binary against scripted servers that misbehave, over loopback.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod accuracy;
mod answers;
mod arena_output;
mod built;
mod calibrate;
mod checks;
mod command_line;
mod compare;
mod connections;
mod defects;
mod doctor;
mod feeds;
mod files;
mod gates;
mod html;
mod idle;
mod kubernetes;
mod limits;
mod lists;
mod many;
mod merge;
mod people;
mod rate;
mod raw_log;
mod recipes;
mod requests;
mod rotation;
mod route;
mod schema;
mod server;
mod server_side;
mod signals;
mod sweep;
mod terminal;
mod timed;
mod tls;
mod tls_server;
mod together;
mod tool;
mod truth;
mod websocket;
