//! So many requests in a time from each client, and no more.

use super::{Flow, Middleware};
use crate::{reply::Reply, request::Request};
use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use sws_proto::http1::list;

const SHARDS: usize = 16;
const KEYS_MAX: usize = 100_000;
/// The most of an IPv6 address that a client can be expected to have for itself alone: what a provider gives to each of its customers at least (RFC 6177).
const PREFIX_BITS: u32 = 64;

/// Refuses clients that ask too often, with 429 and `Retry-After` (RFC 6585, 4).
///
/// Each client has a bucket of tokens: it holds `burst` at most, every request takes one, and it fills up again at the rate that was given. All
/// reactors share the buckets.
///
/// ```
/// use sws::{Router, middleware::RateLimit};
///
/// // Ten a second in the long run, fifty at once after a while of silence.
/// let router: Router<()> = Router::new().middleware(RateLimit::per_second(10).burst(50));
/// ```
///
/// A client is an IP address, or a /64 of IPv6. No field of the request is believed unless [`behind_proxies`](Self::behind_proxies) or
/// [`key`](Self::key) says so.
///
/// # Memory
/// At most 100,000 clients are remembered ([`keys_max`](Self::keys_max)), about 50 bytes each; beyond that those are forgotten that have not been seen
/// for the longest time, roughly, and begin with a full bucket when they come again.
pub struct RateLimit {
    /// Between two tokens, in nanoseconds.
    interval: u64,
    burst: u64,
    keys_max: usize,
    key: Key,
    hasher: RandomState,
    began: Instant,
    shards: Box<[Mutex<Shard>; SHARDS]>,
}

enum Key {
    /// Whoever has opened the connection.
    Peer,
    /// Who stands so many places from the right in `X-Forwarded-For`.
    Forwarded(usize),
    /// A hash of anything.
    Custom(Box<CustomKey>),
}

type CustomKey = dyn Fn(&RandomState, &Request<'_>) -> u64 + Send + Sync;

/// Two generations of buckets: when the younger is full it becomes the older, which is forgotten.
///
/// A bucket is the time at which it will be full again, in nanoseconds since the beginning. Its key is a hash with a secret: that two
/// clients share one by chance happens about once in 10^9 full tables.
#[derive(Default)]
struct Shard {
    young: HashMap<u64, u64>,
    old: HashMap<u64, u64>,
}

impl RateLimit {
    /// So many requests a second in the long run; 0 is taken as 1. Until [`burst`](Self::burst) says otherwise the same number may come
    /// at once.
    pub fn per_second(requests: u32) -> Self {
        Self::per(Duration::from_secs(1), requests)
    }

    /// So many requests a minute in the long run; as [`per_second`](Self::per_second).
    ///
    /// ```
    /// use sws::{Router, middleware::RateLimit};
    ///
    /// let log_in: Router<()> = Router::new().middleware(RateLimit::per_minute(6).burst(3));
    /// ```
    pub fn per_minute(requests: u32) -> Self {
        Self::per(Duration::from_secs(60), requests)
    }

    fn per(time: Duration, requests: u32) -> Self {
        let requests = u64::from(requests.max(1));
        Self {
            interval: (time.as_nanos() as u64 / requests).max(1),
            burst: requests,
            keys_max: KEYS_MAX,
            key: Key::Peer,
            hasher: RandomState::new(),
            began: Instant::now(),
            shards: Box::default(),
        }
    }

    /// So many requests at once after a while of silence; 0 is taken as 1.
    #[must_use]
    pub fn burst(mut self, requests: u32) -> Self {
        self.burst = u64::from(requests.max(1));
        self
    }

    /// Remembers so many clients at most.
    ///
    /// ```
    /// use sws::{Router, middleware::RateLimit};
    ///
    /// let router: Router<()> = Router::new().middleware(RateLimit::per_second(5).keys_max(1_000_000));
    /// ```
    #[must_use]
    pub fn keys_max(mut self, keys: usize) -> Self {
        self.keys_max = keys;
        self
    }

    /// For servers that are reached through proxies alone, so many in a row: takes as the client's address the one that the first of them
    /// saw, the `proxies`-th from the right in `X-Forwarded-For`. What stands further left the client may have written
    /// itself. Without that many addresses, or if it is none, the connection's counts.
    ///
    /// ```
    /// use sws::{Router, middleware::RateLimit};
    ///
    /// let router: Router<()> = Router::new().middleware(RateLimit::per_second(10).behind_proxies(1));
    /// ```
    #[must_use]
    pub fn behind_proxies(mut self, proxies: usize) -> Self {
        self.key = match proxies {
            0 => Key::Peer,
            _ => Key::Forwarded(proxies),
        };
        self
    }

    /// Gives a bucket to each value that `key` returns, instead of to each address; `None` is a value like any other. Only its hash is kept.
    ///
    /// ```
    /// use sws::{Router, middleware::{RateLimit, User}};
    ///
    /// // Behind a `BasicAuth`, which leaves the user.
    /// let limit = RateLimit::per_second(5).key(|request| request.extension::<User>().map(|user| user.name().to_owned()));
    /// let router: Router<()> = Router::new().middleware(limit);
    /// ```
    #[must_use]
    pub fn key<K: Hash>(mut self, key: impl Fn(&Request<'_>) -> K + Send + Sync + 'static) -> Self {
        self.key = Key::Custom(Box::new(move |hasher, request| {
            hasher.hash_one(key(request))
        }));
        self
    }

    fn hash(&self, request: &Request<'_>) -> u64 {
        // Those who have gone already share a bucket, or they would go without a limit.
        let peer = || {
            let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            request.peer().map_or(unknown, |peer| peer.ip())
        };
        let address = match &self.key {
            Key::Custom(key) => return key(&self.hasher, request),
            Key::Peer => peer(),
            Key::Forwarded(proxies) => forwarded(request, *proxies).unwrap_or_else(peer),
        };
        self.hasher.hash_one(client_of(address))
    }

    /// Takes a token at a time in nanoseconds since the beginning.
    ///
    /// # Errors
    /// Nanoseconds until there is one.
    fn take(&self, key: u64, now: u64) -> Result<(), u64> {
        // The upper bits: a map uses the lower ones.
        let shard = &self.shards[(key >> 32) as usize % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shard.find(key).unwrap_or(0);
        let full_at = before.max(now) + self.interval;
        let wait = (full_at - now).saturating_sub(self.interval.saturating_mul(self.burst));
        let taken = wait == 0;
        // Who is refused is remembered as well: being forgotten must not be what persistence earns.
        shard.put(
            key,
            if taken { full_at } else { before },
            self.keys_max / SHARDS / 2,
        );
        if taken { Ok(()) } else { Err(wait) }
    }
}

impl Shard {
    fn find(&self, key: u64) -> Option<u64> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    fn put(&mut self, key: u64, full_at: u64, keys_max: usize) {
        if self.young.len() >= keys_max.max(1) && !self.young.contains_key(&key) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, full_at);
    }
}

/// What of an address stands for one client.
fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let prefix = v6.to_bits() >> (128 - PREFIX_BITS) << (128 - PREFIX_BITS);
            Ipv6Addr::from_bits(prefix).into()
        }
        v4 => v4,
    }
}

/// The address that stands `place` places from the right in the lines of `X-Forwarded-For`, counted from 1.
fn forwarded(request: &Request<'_>, place: usize) -> Option<IpAddr> {
    let lines = request.header_values("x-forwarded-for");
    let members: Vec<&[u8]> = lines.flat_map(list::members).collect();
    let member = members.get(members.len().checked_sub(place)?)?;
    let text = std::str::from_utf8(member).ok()?;
    // Some proxies add the port, or write an address of version 6 in brackets.
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    address.or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

impl<S> Middleware<S> for RateLimit {
    fn before(&self, _: &mut S, request: &mut Request<'_>) -> Flow {
        let now = self.began.elapsed().as_nanos() as u64;
        match self.take(self.hash(request), now) {
            Ok(()) => Flow::Continue,
            Err(nanoseconds) => {
                let seconds = nanoseconds.div_ceil(1_000_000_000);
                let reply = Reply::text("too many requests\n").status(429);
                Flow::Answer(reply.header("Retry-After", seconds.to_string()))
            }
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("interval", &Duration::from_nanos(self.interval))
            .field("burst", &self.burst)
            .field("keys_max", &self.keys_max)
            .finish_non_exhaustive()
    }
}
