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
/// At most 100,000 clients are remembered ([`keys_max`](Self::keys_max)), about 40 bytes each; beyond that those are forgotten that have not been seen
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::testing::{field, pass, with_request};

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_then_the_rate() {
        let limit = RateLimit::per_second(10).burst(3);
        let start = 5 * SECOND;
        for _ in 0..3 {
            assert_eq!(limit.take(1, start), Ok(()));
        }
        assert_eq!(limit.take(1, start), Err(SECOND / 10));
        // Being refused costs nothing.
        assert_eq!(limit.take(1, start + 1), Err(SECOND / 10 - 1));
        assert_eq!(limit.take(1, start + SECOND / 10), Ok(()));
        assert!(limit.take(1, start + SECOND / 10).is_err());
        // It does not grow beyond the burst.
        let later = start + 1000 * SECOND;
        let passed = (0..10).filter(|_| limit.take(1, later).is_ok()).count();
        assert_eq!(passed, 3);
        // Others have their own.
        assert_eq!(limit.take(2, later), Ok(()));
    }

    #[test]
    fn in_the_long_run_the_rate_holds() {
        for (rate, burst) in [(1, 1), (7, 2), (1000, 50), (u32::MAX, 1)] {
            let limit = RateLimit::per_second(rate).burst(burst);
            let step = limit.interval / 3 + 1;
            let passed = (0..3000u64)
                .filter(|n| limit.take(9, n * step).is_ok())
                .count() as u64;
            let allowed = 3000 * step / limit.interval + u64::from(burst);
            assert!(
                passed <= allowed + 1 && passed * 10 >= allowed * 9,
                "{rate}: {passed} of {allowed}"
            );
        }
    }

    #[test]
    fn zero_is_taken_as_one_and_the_burst_is_the_rate_unless_said() {
        let limit = RateLimit::per_minute(0).burst(0);
        assert_eq!((limit.interval, limit.burst), (60 * SECOND, 1));
        assert_eq!(limit.take(1, 0), Ok(()));
        assert_eq!(limit.take(1, 0), Err(60 * SECOND));
        let limit = RateLimit::per_second(4);
        assert_eq!((0..9).filter(|_| limit.take(1, 0).is_ok()).count(), 4);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_are_forgotten() {
        let limit = RateLimit::per_minute(1).keys_max(1600);
        let key = |n: u64| limit.hasher.hash_one(n);
        for n in 0..50_000 {
            let _ = limit.take(key(n), 0);
            // One that comes all the time is not forgotten, refused or not.
            assert_eq!(limit.take(u64::MAX, 0).is_ok(), n == 0, "{n}");
        }
        let held: usize = limit
            .shards
            .iter()
            .map(|shard| {
                let shard = shard.lock().unwrap();
                shard.young.len() + shard.old.len()
            })
            .sum();
        assert!((800..=1600 + SHARDS).contains(&held), "{held}");
        assert_eq!(limit.take(key(1), 0), Ok(()));
        assert!(limit.take(key(49_999), 0).is_err());
        let none = RateLimit::per_second(1).keys_max(0);
        assert_eq!(none.take(1, 0), Ok(()));
        assert!(none.take(1, 0).is_err());
    }

    #[test]
    fn all_threads_share_the_buckets() {
        let limit = RateLimit::per_minute(1).burst(1000);
        let passed: usize = std::thread::scope(|scope| {
            let count = || {
                (0..2000u64)
                    .filter(|n| limit.take(n % 2, 0).is_ok())
                    .count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(passed, 2000);
    }

    #[test]
    fn clients_are_addresses_or_prefixes() {
        let client = |text: &str| client_of(text.parse().unwrap()).to_string();
        assert_eq!(client("192.0.2.1"), "192.0.2.1");
        assert_eq!(client("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(client("2001:db8:1:3::"), "2001:db8:1:3::");
    }

    #[test]
    fn forwarded_addresses_are_counted_from_the_right() {
        let address = |lines: &[&str], place| {
            let lines: String = lines
                .iter()
                .map(|l| format!("\nX-Forwarded-For: {l}"))
                .collect();
            let found = with_request(&format!("GET / HTTP/1.1{lines}"), |r| forwarded(r, place));
            found.map(|ip| ip.to_string())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(address(&["1.1.1.1, 2.2.2.2"], 1), some("2.2.2.2"));
        assert_eq!(address(&["1.1.1.1, 2.2.2.2"], 2), some("1.1.1.1"));
        assert_eq!(address(&["1.1.1.1, 2.2.2.2"], 3), None);
        assert_eq!(address(&["1.1.1.1", "2.2.2.2,3.3.3.3"], 2), some("2.2.2.2"));
        assert_eq!(address(&["1.1.1.1:80"], 1), some("1.1.1.1"));
        assert_eq!(address(&["2001:db8::1"], 1), some("2001:db8::1"));
        assert_eq!(address(&["[2001:db8::1]"], 1), some("2001:db8::1"));
        assert_eq!(address(&["[2001:db8::1]:80"], 1), some("2001:db8::1"));
        for bad in ["unknown", "_x", "1.1.1", "[1.1.1.1", ""] {
            assert_eq!(address(&[bad], 1), None, "{bad}");
        }
        assert_eq!(address(&[], 1), None);
    }

    fn statuses(limit: &RateLimit, more: &[&str]) -> Vec<u16> {
        let ask = |more: &&str| {
            let (reached, reply) =
                pass(limit, &format!("GET / HTTP/1.1{more}"), |_| Reply::empty());
            assert_eq!(reached, reply.status_code() == 200);
            reply.status_code()
        };
        more.iter().map(ask).collect()
    }

    #[test]
    fn forwarded_for_is_believed_only_if_told() {
        let from = |n| format!("\nX-Forwarded-For: 9.9.9.9, 10.0.0.{n}");
        let (a, b) = (from(1), from(2));
        let both = [&*a, &*b, &*a, &*b];
        // Who has gone has no address, but has a bucket.
        assert_eq!(
            statuses(&RateLimit::per_minute(1), &both),
            [200, 429, 429, 429]
        );
        let told = RateLimit::per_minute(1).behind_proxies(1);
        assert_eq!(statuses(&told, &both), [200, 200, 429, 429]);
        let two = RateLimit::per_minute(1).behind_proxies(2);
        assert_eq!(statuses(&two, &both), [200, 429, 429, 429]);
        assert_eq!(
            statuses(&told.behind_proxies(0), &[&a, &b, &a]),
            [200, 429, 429]
        );
    }

    #[test]
    fn any_key_will_do() {
        let limit = RateLimit::per_minute(1)
            .key(|request| request.header_str("x-api-key").map(str::to_owned));
        let (a, b) = ("\nX-Api-Key: a", "\nX-Api-Key: b");
        assert_eq!(
            statuses(&limit, &[a, b, "", a, b, ""]),
            [200, 200, 200, 429, 429, 429]
        );
    }

    #[test]
    fn who_is_refused_is_told_when_to_come_back() {
        let limit = RateLimit::per_minute(2).burst(1);
        assert_eq!(statuses(&limit, &[""]), [200]);
        let (_, reply) = pass(&limit, "GET / HTTP/1.1", |_| Reply::empty());
        assert_eq!(reply.status_code(), 429);
        let seconds: u64 = field(&reply, "Retry-After").unwrap().parse().unwrap();
        assert!((1..=30).contains(&seconds), "{seconds}");
    }
}
