//! An answer, whichever client read it, and the assertions about it.

use super::fault::{Fault, Verdict, shown};
use serde_json::Value;

/// A complete answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// What was asked, for messages.
    pub(super) sent: String,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    /// As it came: content codings are not undone.
    pub(super) body: Vec<u8>,
    /// Bytes of the head, where the client can know it.
    pub(super) head_bytes: Option<usize>,
}

impl Reply {
    /// The first value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// A summary for messages.
    pub(super) fn got(&self) -> String {
        let mut text = format!("status {}", self.status);
        for name in ["content-type", "content-encoding"] {
            if let Some(value) = self.header(name) {
                text += &format!(", {name} {value}");
            }
        }
        format!("{text}, body {}", shown(&self.body))
    }

    pub(super) fn fault(&self, says: impl Into<String>, expected: impl Into<String>) -> Fault {
        Fault::new(says, self.sent.clone(), expected, self.got())
    }

    pub(super) fn expect_status(&self, status: u16) -> Verdict {
        if self.status == status {
            return Ok(());
        }
        let says = format!("the status is {} instead of {status}", self.status);
        Err(self.fault(says, format!("status {status}")))
    }

    /// 400 to 499.
    pub(super) fn expect_client_error(&self) -> Verdict {
        if (400..500).contains(&self.status) {
            return Ok(());
        }
        let says = format!("a wrong request was answered with {}", self.status);
        Err(self.fault(says, "a status from 400 to 499"))
    }

    /// The media type, with or without parameters.
    pub(super) fn expect_type(&self, wanted: &str) -> Verdict {
        let found = self.header("content-type").unwrap_or_default();
        let media_type = found.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case(wanted) {
            return Ok(());
        }
        Err(self.fault(
            format!("the Content-Type is {found:?} instead of {wanted}"),
            format!("Content-Type: {wanted}"),
        ))
    }

    /// The media type and nothing else.
    pub(super) fn expect_exact_type(&self, wanted: &str) -> Verdict {
        let found = self.header("content-type").unwrap_or_default();
        if found == wanted {
            return Ok(());
        }
        Err(self.fault(
            format!("the Content-Type is {found:?} instead of exactly {wanted}"),
            format!("Content-Type: {wanted}"),
        ))
    }

    pub(super) fn expect_uncompressed(&self) -> Verdict {
        match self.header("content-encoding") {
            None => Ok(()),
            // Allowed by RFC 9110 8.4.1 in spirit, and it changes nothing.
            Some(coding) if coding.eq_ignore_ascii_case("identity") => Ok(()),
            Some(coding) => Err(self.fault(
                format!(
                    "the answer is compressed ({coding}) although the request did not ask for it"
                ),
                "no Content-Encoding",
            )),
        }
    }

    /// The body as text without the one line end that the arena tolerates.
    pub(super) fn text(&self) -> &[u8] {
        let body = self.body.strip_suffix(b"\n").unwrap_or(&self.body);
        body.strip_suffix(b"\r").unwrap_or(body)
    }

    /// 200, plain text, and this text; `says` names the fault of a wrong text.
    pub(super) fn expect_text(&self, wanted: &str, says: &str) -> Verdict {
        self.expect_status(200)?;
        self.expect_type("text/plain")?;
        self.expect_uncompressed()?;
        if self.text() == wanted.as_bytes() {
            return Ok(());
        }
        let got = String::from_utf8_lossy(self.text()).into_owned();
        let says = match (wanted.parse::<i64>(), got.trim().parse::<i64>()) {
            (Ok(wanted), Ok(got)) if (got - wanted).abs() == 1 => format!("{says} (off by one)"),
            _ => says.to_owned(),
        };
        Err(self.fault(says, format!("body `{wanted}`")))
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, Fault> {
        serde_json::from_slice(&self.body)
            .map_err(|error| self.fault(format!("the body is not JSON: {error}"), "a JSON object"))
    }

    /// The arena's generator hangs on heads of 1024 bytes or more and on more
    /// than 16 fields.
    pub(super) fn expect_small_head(&self) -> Verdict {
        let bytes = self.head_bytes.unwrap_or(0);
        if bytes < 1024 && self.headers.len() <= 16 {
            return Ok(());
        }
        let says = format!(
            "the response head has {bytes} bytes and {} fields, more than the arena's generator reads",
            self.headers.len()
        );
        Err(self.fault(says, "fewer than 1024 bytes and at most 16 fields"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: &str) -> Reply {
        Reply {
            sent: "GET /x".into(),
            status: 200,
            headers: vec![("Content-Type".into(), "text/plain; charset=utf-8".into())],
            body: body.into(),
            head_bytes: Some(40),
        }
    }

    #[test]
    fn parameters_and_one_line_end_are_tolerated() {
        assert!(reply("55\n").expect_text("55", "wrong").is_ok());
        assert!(reply("55\n\n").expect_text("55", "wrong").is_err());
        assert!(reply("55").expect_exact_type("text/plain").is_err());
    }

    #[test]
    fn off_by_one_is_named() {
        let fault = reply("56")
            .expect_text("55", "the sum is wrong")
            .unwrap_err();
        assert!(
            fault
                .to_string()
                .starts_with("the sum is wrong (off by one)")
        );
    }

    #[test]
    fn the_status_is_looked_at_before_the_body() {
        let mut wrong = reply("55");
        wrong.status = 500;
        let fault = wrong.expect_text("55", "the sum is wrong").unwrap_err();
        assert!(fault.to_string().contains("status is 500 instead of 200"));
    }

    #[test]
    fn unasked_compression_is_a_fault() {
        let mut packed = reply("55");
        packed
            .headers
            .push(("Content-Encoding".into(), "gzip".into()));
        assert!(packed.expect_uncompressed().is_err());
    }
}
