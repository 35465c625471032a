//! Tables of handshakes.
