//! How the library is meant to be used.
//!
//! The [front page](crate) has the short form. Each chapter stands for itself; all code in them is compiled, and that of
//! [testing] is run.

#[doc = include_str!("handlers.md")]
pub mod handlers {}

#[doc = include_str!("tasks.md")]
pub mod tasks {}

#[doc = include_str!("workers.md")]
pub mod workers {}

#[doc = include_str!("later.md")]
pub mod later {}

#[doc = include_str!("websocket.md")]
pub mod websocket {}

#[doc = include_str!("middleware.md")]
pub mod middleware {}

#[doc = include_str!("memory.md")]
pub mod memory {}

#[doc = include_str!("deployment.md")]
pub mod deployment {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("pitfalls.md")]
pub mod pitfalls {}
