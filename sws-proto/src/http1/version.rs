//! Protocol versions of the 1.x line.

/// The version that a request is served as.
///
/// A higher minor version is served as 1.1 (RFC 9110 §2.5), another major version is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0: closes by default, has no chunked coding and no expectations.
    Http10,
    /// HTTP/1.1 and above.
    Http11,
}
