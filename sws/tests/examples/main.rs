//! The examples as their readers start them: the real programs, on a port that the kernel chooses.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code"
)]

#[path = "../common/mod.rs"]
mod common;
mod plain;
mod process;
mod push;
mod socket;
