//! Finds placeholders.

use super::value::{Value, form};
use crate::split::Share;

/// Longest placeholder, with its braces.
const PLACEHOLDER_BYTES_MAX: usize = 128;

/// A request as it is written down: the text that stays, and where something is put in.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub text: Vec<u8>,
    /// By place.
    pub holes: Vec<Hole>,
}

/// A place in a text where something is put in.
#[derive(Debug)]
pub(super) struct Hole {
    /// Bytes of the text before it.
    pub at: usize,
    pub what: What,
}

/// What is put in.
#[derive(Debug)]
pub(super) enum What {
    Value(Value),
    /// Nothing; the body begins here.
    Body,
    /// The length of the body, of at most so many digits.
    Length(usize),
}

impl What {
    /// Bytes of the longest.
    pub(super) fn longest(&self) -> usize {
        match self {
            Self::Value(value) => value.longest(),
            Self::Body => 0,
            Self::Length(digits) => *digits,
        }
    }

    /// Whether it may have more bytes one time than another.
    pub(super) fn varies(&self) -> bool {
        match self {
            Self::Value(value) => value.varies(),
            Self::Body => false,
            Self::Length(_) => true,
        }
    }
}

impl Scanned {
    /// Bytes of the longest request that it may become.
    pub(super) fn longest(&self) -> usize {
        let filled = self.holes.iter().map(|hole| hole.what.longest());
        self.text.len() + filled.sum::<usize>()
    }

    /// Whether something is put in at this place.
    pub(super) fn has_hole(&self, at: usize) -> bool {
        self.holes.binary_search_by_key(&at, |hole| hole.at).is_ok()
    }

    /// Whether it may be longer one time than another.
    pub(super) fn varies(&self) -> bool {
        self.holes.iter().any(|hole| hole.what.varies())
    }
}

/// Takes the placeholders out of a request. Braces that begin none are part of the text.
pub(super) fn scan(request: &[u8], share: Share) -> Result<Scanned, String> {
    let mut scanned = Scanned {
        text: Vec::with_capacity(request.len()),
        holes: Vec::new(),
    };
    let mut rest = request;
    while let Some(at) = memchr::memchr(b'{', rest) {
        let (before, from_brace) = rest.split_at(at);
        scanned.text.extend_from_slice(before);
        let Some(form) = form(&from_brace[1..]) else {
            scanned.text.push(b'{');
            rest = &from_brace[1..];
            continue;
        };
        let line = &from_brace[..from_brace.len().min(PLACEHOLDER_BYTES_MAX)];
        let close = memchr::memchr(b'}', line).ok_or_else(|| {
            let begin = &line[..line.len().min(24)];
            format!("`{}` is not closed", begin.escape_ascii())
        })?;
        let value = str::from_utf8(&line[1..close])
            .ok()
            .and_then(|text| Value::parse(text, share));
        let what = value
            .map(What::Value)
            .ok_or_else(|| format!("`{}`; write {form}", line[..=close].escape_ascii()))?;
        let at = scanned.text.len();
        scanned.holes.push(Hole { at, what });
        rest = &from_brace[close + 1..];
    }
    scanned.text.extend_from_slice(rest);
    Ok(scanned)
}
