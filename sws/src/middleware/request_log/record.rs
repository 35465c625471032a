//! What is known of a request when it is over, and ways to write it down.

use crate::Version;
use serde::Serialize;
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime},
};
use sws_proto::http1::date::HttpDate;

/// A request and its answer, for a log. As text ([`Display`](fmt::Display)) it is one line:
///
/// ```text
/// 2026-11-21T09:36:28.123Z 192.0.2.7:51234 GET /items?page=2 200 5120 0.412ms
/// ```
///
/// All texts come from the client, so they may hold anything: what this type writes has escapes for everything that is not a visible
/// character of ASCII or a space.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record<'a> {
    /// When the request's head had been read.
    pub time: SystemTime,
    /// Where the client connected from, if it was still there.
    pub peer: Option<SocketAddr>,
    /// Who it is, if a [`BasicAuth`](crate::middleware::BasicAuth) has found out.
    pub user: Option<&'a str>,
    /// The method, as sent.
    pub method: &'a str,
    /// The path, as sent.
    pub path: &'a str,
    /// What followed the `?`, as sent.
    pub query: Option<&'a str>,
    /// The version that the request was served as.
    pub version: Version,
    /// The answer's status. `None`: there was none that middleware got to see. The client went away before, or
    /// sent a body that was refused, or took too long; or the connection became a WebSocket.
    pub status: Option<u16>,
    /// Bytes of the answer's body, without framing; `None` for a stream whose length is not known before its end.
    pub body_bytes: Option<u64>,
    /// From the request's head to the answer's.
    pub duration: Duration,
    /// The page that the request came from, as the client says.
    pub referer: Option<&'a [u8]>,
    /// The client's name for itself.
    pub user_agent: Option<&'a [u8]>,
}

/// How a [`Record`] is written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// [`Record`]'s own.
    #[default]
    Short,
    /// [`Record::combined`].
    Combined,
    /// [`Record::json`].
    Json,
}

impl<'a> Record<'a> {
    /// In the combined log format of Apache's server and many others:
    ///
    /// ```text
    /// 192.0.2.7 - me [21/Nov/2026:09:36:28 +0000] "GET /items?page=2 HTTP/1.1" 200 5120 "-" "curl/8.5.0"
    /// ```
    pub fn combined(&self) -> impl fmt::Display + use<'_, 'a> {
        Combined(self)
    }

    /// As an object of JSON on one line. What is unknown is left out; bytes that are no UTF-8 are replaced.
    ///
    /// ```text
    /// {"time":"2026-11-21T09:36:28.123Z","peer":"192.0.2.7:51234","method":"GET","path":"/items","query":"page=2","version":"1.1","status":200,"body_bytes":5120,"duration_us":412,"user_agent":"curl/8.5.0"}
    /// ```
    pub fn json(&self) -> impl fmt::Display + use<'_, 'a> {
        Json(self)
    }

    pub(super) fn write(&self, format: LogFormat) -> String {
        match format {
            LogFormat::Short => self.to_string(),
            LogFormat::Combined => self.combined().to_string(),
            LogFormat::Json => self.json().to_string(),
        }
    }

    fn since_epoch(&self) -> Duration {
        let since = self.time.duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or_default()
    }

    fn version(&self) -> &'static str {
        match self.version {
            Version::Http10 => "1.0",
            Version::Http11 => "1.1",
        }
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", Iso(self.since_epoch()))?;
        or_dash(f, self.peer)?;
        write!(f, " {} {}", Escaped(self.method), Escaped(self.path))?;
        if let Some(query) = self.query {
            write!(f, "?{}", Escaped(query))?;
        }
        f.write_str(" ")?;
        or_dash(f, self.status)?;
        f.write_str(" ")?;
        or_dash(f, self.body_bytes)?;
        write!(f, " {:.3}ms", self.duration.as_secs_f64() * 1000.0)
    }
}

struct Combined<'r, 'a>(&'r Record<'a>);

impl fmt::Display for Combined<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        or_dash(f, record.peer.map(|peer| peer.ip()))?;
        f.write_str(" - ")?;
        // A space would end the field.
        match record.user.filter(|user| !user.is_empty()) {
            Some(user) => write!(f, "{}", Escaped(&user.replace(' ', "+")))?,
            None => f.write_str("-")?,
        }
        let date = HttpDate::new(record.since_epoch().as_secs());
        let date = std::str::from_utf8(date.as_bytes()).unwrap_or_default();
        let mut parts = date.split(' ').skip(1);
        let mut part = || parts.next().unwrap_or_default();
        let (day, month, year, time) = (part(), part(), part(), part());
        write!(f, " [{day}/{month}/{year}:{time} +0000] \"")?;
        write!(f, "{} {}", Escaped(record.method), Escaped(record.path))?;
        if let Some(query) = record.query {
            write!(f, "?{}", Escaped(query))?;
        }
        write!(f, " HTTP/{}\" ", record.version())?;
        or_dash(f, record.status)?;
        f.write_str(" ")?;
        or_dash(f, record.body_bytes)?;
        for value in [record.referer, record.user_agent] {
            write!(f, " \"{}\"", Escaped(value.unwrap_or(b"-")))?;
        }
        Ok(())
    }
}

struct Json<'r, 'a>(&'r Record<'a>);

#[derive(Serialize)]
struct Object<'a> {
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<&'a str>,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_bytes: Option<u64>,
    duration_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    referer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
}

impl fmt::Display for Json<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let object = Object {
            time: Iso(record.since_epoch()).to_string(),
            peer: record.peer.map(|peer| peer.to_string()),
            user: record.user,
            method: record.method,
            path: record.path,
            query: record.query,
            version: record.version(),
            status: record.status,
            body_bytes: record.body_bytes,
            duration_us: record.duration.as_micros() as u64,
            referer: record.referer.map(lossy),
            user_agent: record.user_agent.map(lossy),
        };
        let text = serde_json::to_string(&object).map_err(|_| fmt::Error)?;
        f.write_str(&ascii(&text))
    }
}

/// JSON with escapes for what a terminal might act on; within JSON such characters stand in strings alone.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        if matches!(char, ' '..='~') {
            out.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

fn or_dash(f: &mut fmt::Formatter<'_>, value: Option<impl fmt::Display>) -> fmt::Result {
    match value {
        Some(value) => value.fmt(f),
        None => f.write_str("-"),
    }
}

/// Text in which only visible ASCII and spaces stand for themselves, and neither quotes nor backslashes.
struct Escaped<T>(T);

impl<T: AsRef<[u8]>> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for byte in self.0.as_ref() {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                b' '..=b'~' => f.write_char(char::from(*byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

/// A moment, as RFC 3339 writes it.
struct Iso(Duration);

impl fmt::Display for Iso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let date = HttpDate::new(self.0.as_secs());
        let date = std::str::from_utf8(date.as_bytes()).unwrap_or_default();
        let mut parts = date.split(' ').skip(1);
        let mut part = || parts.next().unwrap_or_default();
        let (day, month, year, time) = (part(), part(), part(), part());
        let month = MONTHS.find(month).unwrap_or_default() / 3 + 1;
        let millis = self.0.subsec_millis();
        write!(f, "{year}-{month:02}-{day}T{time}.{millis:03}Z")
    }
}

/// An address without what is of no use in a log.
pub(super) fn canonical(peer: SocketAddr) -> SocketAddr {
    match peer.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, peer.port()),
        IpAddr::V6(_) => peer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record<'static> {
        Record {
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_045),
            peer: Some("192.0.2.7:51234".parse().unwrap()),
            user: Some("me"),
            method: "GET",
            path: "/items",
            query: Some("page=2"),
            version: Version::Http11,
            status: Some(200),
            body_bytes: Some(5120),
            duration: Duration::from_micros(412),
            referer: None,
            user_agent: Some(b"curl/8.5.0"),
        }
    }

    fn unknown() -> Record<'static> {
        Record {
            peer: None,
            user: None,
            query: None,
            version: Version::Http10,
            status: None,
            body_bytes: None,
            user_agent: None,
            ..record()
        }
    }

    #[test]
    fn short() {
        assert_eq!(
            record().to_string(),
            "1994-11-06T08:49:37.045Z 192.0.2.7:51234 GET /items?page=2 200 5120 0.412ms"
        );
        assert_eq!(
            unknown().to_string(),
            "1994-11-06T08:49:37.045Z - GET /items - - 0.412ms"
        );
        assert_eq!(record().write(LogFormat::Short), record().to_string());
    }

    #[test]
    fn combined() {
        assert_eq!(
            record().write(LogFormat::Combined),
            "192.0.2.7 - me [06/Nov/1994:08:49:37 +0000] \"GET /items?page=2 HTTP/1.1\" 200 5120 \"-\" \"curl/8.5.0\""
        );
        assert_eq!(
            unknown().write(LogFormat::Combined),
            "- - - [06/Nov/1994:08:49:37 +0000] \"GET /items HTTP/1.0\" - - \"-\" \"-\""
        );
    }

    #[test]
    fn json() {
        assert_eq!(
            record().write(LogFormat::Json),
            "{\"time\":\"1994-11-06T08:49:37.045Z\",\"peer\":\"192.0.2.7:51234\",\"user\":\"me\",\"method\":\"GET\",\
             \"path\":\"/items\",\"query\":\"page=2\",\"version\":\"1.1\",\"status\":200,\"body_bytes\":5120,\
             \"duration_us\":412,\"user_agent\":\"curl/8.5.0\"}"
        );
        assert_eq!(
            unknown().write(LogFormat::Json),
            "{\"time\":\"1994-11-06T08:49:37.045Z\",\"method\":\"GET\",\"path\":\"/items\",\"version\":\"1.0\",\
             \"duration_us\":412}"
        );
    }

    #[test]
    fn nothing_that_a_terminal_or_a_parser_would_act_on_is_written() {
        let text = "a \"b\" \\ \x1b[2J\r\n\t\u{7f}\u{9b}\u{202e}\u{1f600} é";
        let odd = Record {
            user: Some(text),
            path: text,
            query: Some(text),
            method: text,
            referer: Some(b"\xff\x00\""),
            user_agent: Some(text.as_bytes()),
            ..record()
        };
        for format in [LogFormat::Short, LogFormat::Combined, LogFormat::Json] {
            let line = odd.write(format);
            assert!(line.bytes().all(|b| matches!(b, b' '..=b'~')), "{line}");
        }
        assert!(odd.to_string().contains("GET") == odd.method.contains("GET"));
        let combined = odd.combined().to_string();
        assert!(combined.contains("a \\\"b\\\" \\\\ \\x1b[2J\\x0d\\x0a\\x09\\x7f\\xc2\\x9b"));
        assert!(combined.contains("\"\\xff\\x00\\\"\""));
        // What is escaped in JSON is still what it was.
        let json: serde_json::Value = serde_json::from_str(&odd.json().to_string()).unwrap();
        assert_eq!(json["path"], text);
        assert_eq!(json["user_agent"], text);
        assert_eq!(json["referer"], "\u{fffd}\0\"");
    }

    #[test]
    fn moments() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
        ] {
            assert_eq!(Iso(Duration::from_secs(seconds)).to_string(), text);
        }
        let mut months = (0..12).map(|n| Iso(Duration::from_secs(n * 2_678_400)).to_string());
        assert!(months.all(|text| text[5..7].parse().is_ok_and(|m: u8| (1..=12).contains(&m))));
    }

    #[test]
    fn mapped_addresses_are_shown_as_what_they_are() {
        let show = |text: &str| canonical(text.parse().unwrap()).to_string();
        assert_eq!(show("[::ffff:192.0.2.1]:5"), "192.0.2.1:5");
        assert_eq!(show("[2001:db8::1]:5"), "[2001:db8::1]:5");
        assert_eq!(show("192.0.2.1:5"), "192.0.2.1:5");
    }
}
