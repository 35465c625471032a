//! `/ws`: what the arena asks of an echo server, and what RFC 6455 does.

mod closing;
mod control;
mod echo;
mod frame;
mod handshake;
mod library;
mod socket;

use super::Area;

pub(super) use closing::CHECKS as CLOSING;
pub(super) use control::CHECKS as CONTROL;
pub(super) use echo::CHECKS as ECHO;
pub(super) use handshake::CHECKS as HANDSHAKE;
pub(super) use library::CHECKS as LIBRARY;

const AREAS: &[Area] = &[Area::EchoWs];
const PATH: &str = "/ws";
