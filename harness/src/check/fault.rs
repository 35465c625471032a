//! What a failed check says.

use std::fmt;

/// Bytes of a body or request that a message shows.
const SHOWN: usize = 160;

/// The outcome of a check.
pub type Verdict = Result<(), Fault>;

/// Why a check did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The server is at fault.
    Wrong(Box<Wrong>),
    /// The check could not be made here, with the reason.
    Skip(String),
}

/// A fault of the server: a sentence that names it, and the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Names the fault.
    pub says: String,
    /// What was sent.
    pub sent: String,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl Fault {
    pub(super) fn new(
        says: impl Into<String>,
        sent: impl Into<String>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Self {
        Self::Wrong(Box::new(Wrong {
            says: says.into(),
            sent: sent.into(),
            expected: expected.into(),
            got: got.into(),
        }))
    }

    pub(super) fn skip(reason: impl Into<String>) -> Self {
        Self::Skip(reason.into())
    }

    /// The same evidence under a sentence that says more about the occasion.
    pub(super) fn because(self, says: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Wrong(mut wrong) => {
                wrong.says = says(&wrong.says);
                Self::Wrong(wrong)
            }
            skip @ Self::Skip(_) => skip,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip(reason) => formatter.write_str(reason),
            Self::Wrong(wrong) => write!(
                formatter,
                "{}\n       sent      {}\n       expected  {}\n       got       {}",
                wrong.says, wrong.sent, wrong.expected, wrong.got
            ),
        }
    }
}

/// Bytes as a message shows them: line ends and other control bytes escaped,
/// cut after a line's worth.
pub(super) fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(SHOWN)];
    let text = cut
        .escape_ascii()
        .to_string()
        .replace("\\'", "'")
        .replace("\\\"", "\"");
    if bytes.len() > SHOWN {
        format!("`{text}` ... ({} bytes)", bytes.len())
    } else {
        format!("`{text}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_sentence_and_evidence() {
        let fault = Fault::new("the sum is wrong", "GET /x", "55", "56");
        let text = fault.to_string();
        assert!(text.starts_with("the sum is wrong\n"));
        assert!(text.contains("sent      GET /x") && text.contains("got       56"));
    }

    #[test]
    fn long_and_binary_bytes_are_shortened_and_escaped() {
        assert_eq!(shown(b"a\r\n\x00\""), "`a\\r\\n\\x00\"`");
        assert!(shown(&[b'x'; 1000]).ends_with("... (1000 bytes)"));
    }
}
