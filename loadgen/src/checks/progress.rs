//! How far the body of the answer under way has been compared.

use super::{Checker, Expected};
use crate::mismatch::{CONTEXT, Difference, Kind, SHOWN, escaped};
use sha2::{Digest, Sha256};

/// Of one connection, for one answer after the other. Bodies are compared as they come and never kept, but for a few
/// bytes to be shown if they are wrong.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    stage: Stage,
    /// Bytes of the body so far.
    seen: u64,
    /// Where the first byte was that is not the expected one.
    differs_at: Option<u64>,
    hasher: Sha256,
    /// The hash, when the body is complete.
    hash: [u8; 32],
    /// Bytes from the first difference on, or the first ones where nothing is expected byte for byte.
    kept: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing has come of the next body.
    #[default]
    Before,
    Passed,
    Compared,
}

impl Progress {
    /// Forgets an answer that was not completed.
    pub(crate) fn reset(&mut self) {
        self.stage = Stage::Before;
    }

    /// Takes the next piece of the body of an answer to `template`.
    pub(super) fn take(&mut self, bytes: &[u8], checker: &mut Checker<'_>, template: u32) {
        if let Some(expected) = self.expected(checker, template) {
            let began = checker.begin();
            self.compare(bytes, expected);
            checker.end(began, bytes.len());
        }
    }

    /// Whether the body, now complete, is the expected one; `None` if it was not compared.
    pub(super) fn finish(&mut self, checker: &mut Checker<'_>, template: u32) -> Option<bool> {
        let expected = self.expected(checker, template);
        self.stage = Stage::Before;
        let expected = expected?;
        if let Some(whole) = &expected.bytes
            && self.differs_at.is_none()
            && self.seen < whole.len() as u64
        {
            self.differs_at = Some(self.seen);
        }
        if expected.sha256.is_some() {
            self.hash = self.hasher.finalize_reset().into();
        }
        Some(
            self.differs_at.is_none()
                && expected.size.is_none_or(|size| size == self.seen)
                && expected.sha256.is_none_or(|hash| hash == self.hash),
        )
    }

    /// What this body must be, if it is one that is compared.
    fn expected<'p>(&mut self, checker: &mut Checker<'p>, template: u32) -> Option<&'p Expected> {
        match self.stage {
            Stage::Passed => None,
            Stage::Compared => checker.expected(template),
            Stage::Before => {
                let expected = checker.choose(template);
                self.stage = match expected {
                    Some(_) => Stage::Compared,
                    None => Stage::Passed,
                };
                self.seen = 0;
                self.differs_at = None;
                self.kept.clear();
                if expected.is_some_and(|expected| expected.sha256.is_some()) {
                    self.hasher.reset();
                }
                expected
            }
        }
    }

    fn compare(&mut self, bytes: &[u8], expected: &Expected) {
        match &expected.bytes {
            None => self.keep(bytes),
            Some(_) if self.differs_at.is_some() => self.keep(bytes),
            Some(whole) => {
                let rest = usize::try_from(self.seen)
                    .ok()
                    .and_then(|seen| whole.get(seen..));
                let rest = rest.unwrap_or_default();
                if !rest.starts_with(bytes) {
                    let same = rest.iter().zip(bytes).take_while(|(a, b)| a == b).count();
                    self.differs_at = Some(self.seen + same as u64);
                    self.keep(&bytes[same..]);
                }
            }
        }
        if expected.sha256.is_some() {
            self.hasher.update(bytes);
        }
        self.seen += bytes.len() as u64;
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = SHOWN - self.kept.len();
        self.kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    /// In what the body that was finished last differs.
    pub(crate) fn difference(&self, expected: &Expected) -> Difference {
        let kept = self.kept.as_slice();
        let mut difference = Difference {
            got: escaped(kept),
            got_bytes: Some(self.seen),
            expected_bytes: expected.size,
            ..Difference::new(Kind::Body)
        };
        if let (Some(whole), Some(at)) = (&expected.bytes, self.differs_at) {
            let at = usize::try_from(at).unwrap_or(whole.len()).min(whole.len());
            let from = at.saturating_sub(CONTEXT);
            let until = at.saturating_add(SHOWN).min(whole.len());
            difference.offset = Some(at as u64);
            difference.shown_from = from as u64;
            difference.expected = escaped(&whole[from..until]);
            // Up to the difference they are the same.
            difference.got = escaped(&[&whole[from..at], kept].concat());
            difference.expected_bytes = Some(whole.len() as u64);
        } else if let Some(size) = expected.size.filter(|size| *size != self.seen) {
            difference.kind = Kind::Size;
            difference.expected = format!("{size} bytes");
        } else if let Some(hash) = &expected.sha256 {
            difference.kind = Kind::Hash;
            difference.expected = hex(hash);
            difference.got_hash = Some(hex(&self.hash));
        }
        difference
    }
}

fn hex(hash: &[u8; 32]) -> String {
    use std::fmt::Write;
    hash.iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
