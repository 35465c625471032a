//! The conformance table, by section of RFC 6455.

pub(crate) mod closing;
pub(crate) mod control;
pub(crate) mod fragments;
pub(crate) mod framing;
pub(crate) mod limits;
pub(crate) mod utf8;

use crate::table::Case;

pub(crate) fn all() -> Vec<Case> {
    let groups = [
        framing::cases(),
        fragments::cases(),
        control::cases(),
        closing::cases(),
        utf8::cases(),
        limits::cases(),
    ];
    groups.into_iter().flatten().collect()
}
