//! HTTP/1.1 (RFC 9112) with the parts of RFC 9110 that a server needs on every request.

pub mod answer;
pub mod body;
pub mod chunked;
pub mod date;
pub mod framing;
pub mod head;
pub mod list;
pub mod negotiate;
pub mod query;
pub mod response;

mod error;
mod fields;
mod limits;
mod lines;
mod method;
mod status;
mod target;
mod token;
mod version;

pub use self::body::{BodyDecoder, Decoded};
pub use self::error::ParseError;
pub use self::framing::Framing;
pub use self::head::{Head, Header};
pub use self::limits::Limits;
pub use self::method::Method;
pub use self::version::Version;
