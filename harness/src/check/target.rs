//! The server under test and what the checks need to know about its start.

use super::fault::Fault;
use super::reply::Reply;
use super::web::{Ask, Web};
use super::wire::Wire;
use crate::rng::Rng;
use std::net::SocketAddr;
use std::path::Path;

/// How thorough the checks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Fewer repetitions and sizes; every kind of check is still made.
    Quick,
    /// Everything.
    Full,
}

/// A running server, with the data that it was started on.
#[derive(Debug)]
pub struct Target<'a> {
    address: SocketAddr,
    web: Web,
    /// The altered data folder of this run.
    pub(super) data: &'a Path,
    /// The request templates of the generation.
    pub(super) requests: &'a Path,
    depth: Depth,
    seed: u64,
}

impl<'a> Target<'a> {
    /// `data` is what the server was started on, `requests` the folder of
    /// templates; `seed` decides every random value.
    pub fn new(
        address: SocketAddr,
        data: &'a Path,
        requests: &'a Path,
        depth: Depth,
        seed: u64,
    ) -> Self {
        Self {
            address,
            web: Web::new(address),
            data,
            requests,
            depth,
            seed,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A random stream for one check.
    pub(super) fn rng(&self, check: &str) -> Rng {
        Rng::stream(self.seed, check)
    }

    /// One of two repeat counts.
    pub(super) fn times(&self, quick: usize, full: usize) -> usize {
        match self.depth {
            Depth::Quick => quick,
            Depth::Full => full,
        }
    }

    /// Asks through the third-party client.
    pub(super) fn ask(&self, ask: &Ask) -> Result<Reply, Fault> {
        self.web.send(ask)
    }

    pub(super) fn get(&self, path: &str) -> Result<Reply, Fault> {
        self.ask(&Ask::get(path))
    }

    /// A plain connection.
    pub(super) fn wire(&self) -> Result<Wire, Fault> {
        Wire::open(self.address)
    }

    /// The text of a data file of this run.
    pub(super) fn data_text(&self, file: &str) -> Result<String, Fault> {
        let path = self.data.join(file);
        std::fs::read_to_string(&path)
            .map_err(|error| Fault::skip(format!("cannot read {}: {error}", path.display())))
    }

    /// The bytes of a request template.
    pub(super) fn template(&self, stem: &str) -> Result<Vec<u8>, Fault> {
        let path = self.requests.join(format!("{stem}.raw"));
        std::fs::read(&path)
            .map_err(|error| Fault::skip(format!("cannot read {}: {error}", path.display())))
    }
}
