//! Finds placeholders.

use super::{
    Setup,
    feed::Feed,
    value::{Value, form},
};
use std::sync::Arc;

/// Longest placeholder, with its braces.
const PLACEHOLDER_BYTES_MAX: usize = 128;
/// Feeds that one request may use.
pub(super) const FEEDS_MAX: usize = 16;

/// A request as it is written down: the text that stays, and where something is put in.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub text: Vec<u8>,
    /// By place.
    pub holes: Vec<Hole>,
    /// Those that its cells are of.
    pub feeds: Vec<Arc<Feed>>,
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
    Cell(Cell),
    /// Nothing; the body begins here.
    Body,
    /// The length of the body, of at most so many digits.
    Length(usize),
}

/// A column of the row that a request draws from a feed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// By its place in [`Scanned::feeds`].
    pub feed: usize,
    pub column: usize,
    /// Bytes of the shortest and the longest.
    lengths: (usize, usize),
}

impl What {
    /// Bytes of the longest.
    pub(super) fn longest(&self) -> usize {
        match self {
            Self::Value(value) => value.longest(),
            Self::Cell(cell) => cell.lengths.1,
            Self::Body => 0,
            Self::Length(digits) => *digits,
        }
    }

    /// Whether it may have more bytes one time than another.
    pub(super) fn varies(&self) -> bool {
        match self {
            Self::Value(value) => value.varies(),
            Self::Cell(cell) => cell.lengths.0 < cell.lengths.1,
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
pub(super) fn scan(request: &[u8], setup: &Setup<'_>) -> Result<Scanned, String> {
    let mut scanned = Scanned {
        text: Vec::with_capacity(request.len()),
        ..Scanned::default()
    };
    let mut rest = request;
    while let Some(at) = memchr::memchr(b'{', rest) {
        let (before, from_brace) = rest.split_at(at);
        scanned.text.extend_from_slice(before);
        let found = match scanned.value(from_brace, setup)? {
            None => scanned.cell(from_brace, setup)?,
            found => found,
        };
        let at = scanned.text.len();
        if let Some((what, len)) = found {
            scanned.holes.push(Hole { at, what });
            rest = &from_brace[len..];
        } else {
            scanned.text.push(b'{');
            rest = &from_brace[1..];
        }
    }
    scanned.text.extend_from_slice(rest);
    Ok(scanned)
}

impl Scanned {
    /// The value that a placeholder at this brace stands for, and the length of the placeholder.
    fn value(&self, text: &[u8], setup: &Setup<'_>) -> Result<Option<(What, usize)>, String> {
        let Some(form) = form(&text[1..]) else {
            return Ok(None);
        };
        let line = &text[..text.len().min(PLACEHOLDER_BYTES_MAX)];
        let close = memchr::memchr(b'}', line).ok_or_else(|| {
            let begin = &line[..line.len().min(24)];
            format!("`{}` is not closed", begin.escape_ascii())
        })?;
        let value = str::from_utf8(&line[1..close])
            .ok()
            .and_then(|text| Value::parse(text, setup.share));
        let value =
            value.ok_or_else(|| format!("`{}`; write {form}", line[..=close].escape_ascii()))?;
        Ok(Some((What::Value(value), close + 1)))
    }

    /// The same for `{NAME.column}`. Other text of that shape is refused where there are feeds: it is a slip.
    fn cell(&mut self, text: &[u8], setup: &Setup<'_>) -> Result<Option<(What, usize)>, String> {
        if setup.feeds.is_empty() {
            return Ok(None);
        }
        let line = &text[..text.len().min(PLACEHOLDER_BYTES_MAX)];
        let close = memchr::memchr(b'}', line);
        let inside = close.and_then(|close| str::from_utf8(&line[1..close]).ok());
        let Some((name, column)) = inside.and_then(|inside| inside.split_once('.')) else {
            return Ok(None);
        };
        let Some(feed) = setup.feeds.iter().find(|feed| feed.name() == name) else {
            let is_name = |text: &str| {
                let is_part = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
                !text.is_empty() && text.bytes().all(is_part)
            };
            if !is_name(name) || !is_name(column) {
                return Ok(None);
            }
            let names: Vec<&str> = setup.feeds.iter().map(|feed| feed.name()).collect();
            return Err(format!(
                "`{{{name}.{column}}}`, but --feed gives {}",
                names.join(", ")
            ));
        };
        let column = feed.column(column)?;
        let place = self.feeds.iter().position(|used| Arc::ptr_eq(used, feed));
        let place = place.unwrap_or_else(|| {
            self.feeds.push(feed.clone());
            self.feeds.len() - 1
        });
        if self.feeds.len() > FEEDS_MAX {
            return Err(format!("it uses more than {FEEDS_MAX} feeds"));
        }
        let cell = Cell {
            feed: place,
            column,
            lengths: feed.lengths(column),
        };
        let len = name.len() + self.feeds[place].columns()[column].len() + 3;
        Ok(Some((What::Cell(cell), len)))
    }
}
