//! HTTP/1.1 and WebSocket as bytes in, bytes out.
//!
//! The crate holds no sockets, reads no clock and starts no threads: a caller brings the bytes of a
//! connection and takes away heads, body slices and answers. Parsing allocates nothing; writing
//! appends to the caller's buffer.
//!
//! One HTTP request goes through it in this order:
//!
//! 1. [`http1::head::parse`] on the bytes received so far, until it returns a [`http1::Head`];
//! 2. [`http1::body::BodyDecoder::decode`] on the bytes after the head, until it reports `done`;
//! 3. [`http1::response`] to append the answer;
//! 4. back to 1 with the bytes that the body left over, unless the head said to close.
//!
//! Every [`http1::ParseError`] is final: the caller answers with its status and closes, because
//! after it the position of the next request in the stream is unknown.
//!
//! [`ws`] says what comes after a request that upgrades to WebSocket.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod http1;
pub mod ws;
