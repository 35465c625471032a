//! The opening handshake (RFC 6455 §4): an HTTP/1.1 exchange that ends in frames.

pub mod client;
pub mod server;

mod key;

pub use self::key::{ACCEPT_BYTES, KEY_BYTES, Key};

/// The only version there is (§4.1).
pub const VERSION: &str = "13";
