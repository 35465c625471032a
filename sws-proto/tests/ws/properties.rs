//! Properties of all streams.
