//! What one request may cost.

/// Bounds on what a peer may send; exceeding one is a [`ParseError`](super::ParseError).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head: empty lines before it, request line, header lines and the closing empty
    /// line. Default 16 KiB; beyond it 431.
    pub head_bytes_max: usize,
    /// Header lines in a head. Default 64; beyond it 431. The caller's slots bound it as well.
    pub headers_max: usize,
    /// Bytes of the request target as sent. Default 8 KiB; beyond it 414.
    pub target_bytes_max: usize,
    /// Bytes of a decoded body. Default 32 MiB; beyond it 413.
    pub body_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 16 * 1024,
            headers_max: 64,
            target_bytes_max: 8 * 1024,
            body_bytes_max: 32 * 1024 * 1024,
        }
    }
}
