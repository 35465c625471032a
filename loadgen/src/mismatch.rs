//! Wrong answers, of which the first few are kept to be shown.

use crate::clock::Nanos;
use std::ops::AddAssign;

/// As many are kept.
pub(crate) const KEPT: usize = 5;
/// Bytes that are shown from the first difference on...
pub(crate) const SHOWN: usize = 48;
/// ...and before it.
pub(crate) const CONTEXT: usize = 16;

/// In what an answer was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Status,
    Header,
    Body,
    Size,
    Hash,
    Echo,
    Malformed,
    Unsolicited,
}

/// Where and when an answer came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Its number in the whole run.
    pub connection: u32,
    pub now: Nanos,
}

/// What was expected and what came, as text that is fit to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub kind: Kind,
    /// The first byte that differs.
    pub offset: Option<u64>,
    /// Which byte both texts begin with.
    pub shown_from: u64,
    pub expected: String,
    pub got: String,
    /// Of bodies and messages.
    pub expected_bytes: Option<u64>,
    pub got_bytes: Option<u64>,
    pub got_hash: Option<String>,
}

/// A wrong answer.
#[derive(Clone, Debug)]
pub(crate) struct Mismatch {
    pub difference: Difference,
    pub template: u32,
    pub connection: u32,
    /// When it came: first of the monotonic clock, in the end since the begin of the window.
    pub at: i64,
}

/// The first wrong answers of a thread, or of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mismatches {
    /// All there were.
    pub count: u64,
    pub kept: Vec<Mismatch>,
}

impl Kind {
    /// What reports call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Header => "header",
            Self::Body => "body",
            Self::Size => "size",
            Self::Hash => "hash",
            Self::Echo => "echo",
            Self::Malformed => "malformed",
            Self::Unsolicited => "unsolicited",
        }
    }
}

impl Difference {
    /// Nothing is known of it yet.
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            offset: None,
            shown_from: 0,
            expected: String::new(),
            got: String::new(),
            expected_bytes: None,
            got_bytes: None,
            got_hash: None,
        }
    }

    /// Of things without an offset.
    pub(crate) fn plain(kind: Kind, expected: String, got: &[u8]) -> Self {
        Self {
            expected,
            got: escaped(&got[..got.len().min(SHOWN)]),
            ..Self::new(kind)
        }
    }

    /// An answer that begins these bytes, if it came as a whole.
    pub(crate) fn status(kind: Kind, right: &str, status: u16, bytes: &[u8]) -> Self {
        Self::plain(kind, format!("a status {right}"), &answer(status, bytes))
    }

    /// The same for one that no request had asked for.
    pub(crate) fn unsolicited(status: u16, bytes: &[u8]) -> Self {
        Self::plain(Kind::Unsolicited, "nothing".into(), &answer(status, bytes))
    }

    /// Something that begins these bytes, or what is left of it.
    pub(crate) fn malformed(why: &str, bytes: &[u8]) -> Self {
        Self::plain(Kind::Malformed, format!("an answer, not a {why}"), bytes)
    }

    /// Of two texts that are there as a whole.
    pub(crate) fn between(kind: Kind, expected: &[u8], got: &[u8]) -> Self {
        let at = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
        let from = at.saturating_sub(CONTEXT);
        let part = |bytes: &[u8]| escaped(&bytes[from..bytes.len().min(at + SHOWN)]);
        Self {
            offset: Some(at as u64),
            shown_from: from as u64,
            expected: part(expected),
            got: part(got),
            expected_bytes: Some(expected.len() as u64),
            got_bytes: Some(got.len() as u64),
            ..Self::new(kind)
        }
    }
}

impl Mismatches {
    /// Counts one, and keeps it if it is one of the first.
    #[cold]
    pub(crate) fn add(&mut self, template: u32, place: Place, what: impl FnOnce() -> Difference) {
        self.count += 1;
        if self.kept.len() < KEPT {
            self.kept.push(Mismatch {
                difference: what(),
                template,
                connection: place.connection,
                at: i64::try_from(place.now).unwrap_or(i64::MAX),
            });
        }
    }

    /// Counts time from `start`, and keeps the first ones of all threads.
    pub(crate) fn settle(&mut self, start: Nanos) {
        let start = i64::try_from(start).unwrap_or(i64::MAX);
        for mismatch in &mut self.kept {
            mismatch.at -= start;
        }
        self.kept.sort_by_key(|mismatch| mismatch.at);
        self.kept.truncate(KEPT);
    }
}

impl AddAssign<&Self> for Mismatches {
    fn add_assign(&mut self, other: &Self) {
        self.count += other.count;
        self.kept.extend_from_slice(&other.kept);
    }
}

/// The begin of an answer, or only its status where the bytes do not begin with it.
fn answer(status: u16, bytes: &[u8]) -> Vec<u8> {
    if bytes.starts_with(b"HTTP/1.") {
        bytes[..bytes.len().min(SHOWN)].to_vec()
    } else {
        format!("status {status}").into_bytes()
    }
}

/// Bytes as text in one line that cannot do anything to a terminal.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'"' | b'\'' => text.push(char::from(*byte)),
            other => text.extend(other.escape_ascii().map(char::from)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_shown_with_what_is_around_them() {
        let long: Vec<u8> = (b'a'..=b'z').cycle().take(300).collect();
        let mut other = long.clone();
        other[100] = b'\n';
        let shown = Difference::between(Kind::Echo, &long, &other);
        assert_eq!((shown.offset, shown.shown_from), (Some(100), 84));
        assert_eq!(shown.expected.len(), CONTEXT + SHOWN);
        assert_eq!(shown.got[..18], format!("{}\\n", escaped(&long[84..100])));
        let shorter = Difference::between(Kind::Echo, b"hello", b"hell");
        assert_eq!((shorter.offset, shorter.got.as_str()), (Some(4), "hell"));
        assert_eq!(escaped(b"{\"a\":'\xe4\\'}"), "{\"a\":'\\xe4\\\\'}");
        let longer = Difference::between(Kind::Echo, b"", b"\x1b[2J");
        assert_eq!((longer.offset, longer.got.as_str()), (Some(0), "\\x1b[2J"));
    }

    #[test]
    fn the_first_of_all_threads_are_kept() {
        let thread = |times: &[u64]| {
            let mut all = Mismatches::default();
            for now in times {
                let place = Place {
                    connection: 1,
                    now: *now,
                };
                all.add(0, place, || Difference::new(Kind::Body));
            }
            all
        };
        let mut sum = thread(&[10, 20, 30, 40, 50, 60, 70]);
        sum += &thread(&[5, 45]);
        sum.settle(20);
        assert_eq!(sum.count, 9);
        let times: Vec<i64> = sum.kept.iter().map(|one| one.at).collect();
        assert_eq!(times, [-15, -10, 0, 10, 20]);
    }
}
