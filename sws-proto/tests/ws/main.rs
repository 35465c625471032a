//! The WebSocket code as a connection uses it: tables of streams by section of RFC 6455, properties
//! of all streams, and handshakes.

mod cases;
mod conformance;
mod driver;
mod handshake;
mod properties;
mod reference;
mod table;
