//! Requests made from flags.

use crate::{args::Requests, error::Failure};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fs;

/// What requests have in common that are made from flags: all but the target.
#[derive(Debug)]
pub(crate) struct Form {
    method: String,
    /// In place of the target's.
    host: Option<String>,
    fields: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Form {
    /// Checks the flags and reads the body.
    pub(crate) fn new(flags: &Requests) -> Result<Self, Failure> {
        let body = body(flags)?;
        let mut form = Self {
            method: method(flags, body.is_some())?,
            host: None,
            fields: Vec::new(),
            body,
        };
        for field in &flags.headers {
            form.add_field(field)
                .map_err(|why| Failure::Usage(format!("-H '{}': {why}", field.escape_default())))?;
        }
        if let Some(media) = &flags.content_type {
            form.add("Content-Type", media, "-T")?;
        }
        if let Some(credentials) = &flags.auth {
            if !credentials.contains(':') {
                return Err(Failure::Usage("-a: write it as user:password".into()));
            }
            let basic = format!("Basic {}", STANDARD.encode(credentials));
            form.add("Authorization", &basic, "-a")?;
        }
        Ok(form)
    }

    /// A field of `-H`.
    fn add_field(&mut self, field: &str) -> Result<(), String> {
        let (name, value) = field.split_once(':').ok_or("write it as 'Name: value'")?;
        let value = value.trim_matches([' ', '\t']);
        if !is_token(name) {
            return Err(format!(
                "`{}` is no name of a field; write it as 'Name: value'",
                name.escape_default()
            ));
        }
        if !is_value(value) {
            return Err("its value has a line break or another control character".into());
        }
        if name.eq_ignore_ascii_case("host") {
            if self.host.replace(value.into()).is_some() {
                return Err("a request has one Host".into());
            }
            return Ok(());
        }
        if name.eq_ignore_ascii_case("content-length")
            || name.eq_ignore_ascii_case("transfer-encoding")
        {
            return Err(
                "the body is sent with the Content-Length that it has; write other requests into a file for --raw"
                    .into(),
            );
        }
        self.fields.push((name.into(), value.into()));
        Ok(())
    }

    /// A field of a flag of its own.
    fn add(&mut self, name: &str, value: &str, flag: &str) -> Result<(), Failure> {
        if self
            .fields
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            return Err(Failure::Usage(format!("{flag}: -H gives a {name} as well")));
        }
        if !is_value(value) {
            return Err(Failure::Usage(format!(
                "{flag}: it has a line break or another control character"
            )));
        }
        self.fields.push((name.into(), value.into()));
        Ok(())
    }

    /// The request, without a length: where there is a body, Content-Length is still to be corrected.
    pub(crate) fn request(&self, authority: &str, path: &str) -> Vec<u8> {
        let host = self.host.as_deref().unwrap_or(authority);
        let mut head = format!("{} {path} HTTP/1.1\r\nHost: {host}\r\n", self.method);
        for (name, value) in &self.fields {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if self.body.is_some() || expects_body(&self.method) {
            head.push_str("Content-Length: 0\r\n");
        }
        let mut request = (head + "\r\n").into_bytes();
        request.extend_from_slice(self.body.as_deref().unwrap_or_default());
        request
    }
}

/// What stands before the fields that every opening handshake of WebSocket has.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// The request line and fields.
    pub head: Vec<u8>,
    /// Subprotocols that are offered in it.
    pub protocols: Vec<String>,
}

impl Form {
    /// The begin of an opening handshake (RFC 6455 §4.1).
    pub(crate) fn handshake(&self, authority: &str, path: &str) -> Result<Handshake, Failure> {
        const OWN: [&str; 6] = [
            "connection",
            "upgrade",
            "sec-websocket-key",
            "sec-websocket-version",
            "sec-websocket-accept",
            "sec-websocket-extensions",
        ];
        let mut protocols = Vec::new();
        for (name, value) in &self.fields {
            if OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                return Err(Failure::Usage(format!(
                    "-H '{name}': the opening handshake of WebSocket has its own, or none"
                )));
            }
            if name.eq_ignore_ascii_case("sec-websocket-protocol") {
                protocols.extend(value.split(',').map(|one| one.trim().to_owned()));
            }
        }
        let mut head = self.request(authority, path);
        // What ends the head comes behind the other fields.
        head.truncate(head.len() - b"\r\n".len());
        Ok(Handshake { head, protocols })
    }
}

fn body(flags: &Requests) -> Result<Option<Vec<u8>>, Failure> {
    let read = |flag: &str, path: &std::path::Path| {
        fs::read(path).map(Some).map_err(|error| {
            Failure::Usage(format!("{flag}: cannot read {}: {error}", path.display()))
        })
    };
    match (&flags.body, &flags.body_file) {
        (None, None) => Ok(None),
        (None, Some(path)) => read("-D", path),
        (Some(text), _) => match text.strip_prefix('@') {
            Some(path) => read("-B", path.as_ref()),
            None => Ok(Some(text.clone().into_bytes())),
        },
    }
}

fn method(flags: &Requests, has_body: bool) -> Result<String, Failure> {
    let Some(method) = &flags.method else {
        return Ok(if has_body { "POST" } else { "GET" }.into());
    };
    let refused = |why: &str| {
        Err(Failure::Usage(format!(
            "-m {}: {why}",
            method.escape_default()
        )))
    };
    if !is_token(method) {
        return refused("that is no method; write one like PUT");
    }
    if method == "CONNECT" {
        return refused("it takes no path; write the request into a file for --raw");
    }
    Ok(method.clone())
}

/// RFC 9110 §8.6: these methods give a meaning to a body, so the lack of one is said.
fn expects_body(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH")
}

/// RFC 9110 §5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_part)
}

/// RFC 9110 §5.5.
pub(super) fn is_value(text: &str) -> bool {
    text.bytes().all(|b| b == b'\t' || b >= 0x20 && b != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::Parser;

    fn form(flags: &[&str]) -> Result<Form, String> {
        let words = [&["loadgen", "http://h"], flags].concat();
        let args = Args::try_parse_from(words).map_err(|error| error.to_string())?;
        Form::new(&args.request).map_err(|failure| failure.to_string())
    }

    fn request(flags: &[&str]) -> String {
        let request = form(flags).unwrap().request("h:81", "/p?q");
        String::from_utf8(request).unwrap()
    }

    #[test]
    fn flags_become_a_request() {
        assert_eq!(request(&[]), "GET /p?q HTTP/1.1\r\nHost: h:81\r\n\r\n");
        assert_eq!(
            request(&[
                "-m",
                "PUT",
                "-H",
                "host:  other ",
                "-H",
                "A: b: c",
                "-H",
                "A:",
                "-T",
                "x/y",
                "-a",
                "Aladdin:open sesame"
            ]),
            "PUT /p?q HTTP/1.1\r\nHost: other\r\nA: b: c\r\nA: \r\nContent-Type: x/y\r\n\
             Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(
            request(&["-B", "abc"]),
            "POST /p?q HTTP/1.1\r\nHost: h:81\r\nContent-Length: 0\r\n\r\nabc"
        );
        assert!(request(&["-B", "", "-m", "GET"]).contains("Content-Length"));
        assert!(!request(&["-m", "DELETE"]).contains("Content-Length"));
    }

    #[test]
    fn bodies_may_come_from_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), b"\0\xff").unwrap();
        let path = file.path().to_str().unwrap();
        for flags in [["-D", path], ["-B", &format!("@{path}")]] {
            let request = form(&flags).unwrap().request("h", "/");
            assert!(request.ends_with(b"\r\n\r\n\0\xff"));
        }
    }

    #[test]
    fn what_makes_no_request_is_refused_by_name() {
        for (flags, part) in [
            (&["-H", "Accept"][..], "-H 'Accept': write it as"),
            (&["-H", ": x"], "no name"),
            (&["-H", "A b: x"], "`A b`"),
            (&["-H", "A: x\r\nB: y"], "line break"),
            (&["-H", "Host: x", "-H", "HOST: y"], "one Host"),
            (&["-H", "content-length: 5"], "--raw"),
            (&["-H", "Transfer-Encoding: chunked"], "--raw"),
            (&["-T", "a", "-H", "content-type: b"], "-T: -H gives"),
            (&["-T", "a\n"], "-T: it has a line break"),
            (&["-a", "user"], "user:password"),
            (&["-a", "u:p", "-H", "Authorization: x"], "-a: -H gives"),
            (&["-m", "GE T"], "-m GE T"),
            (&["-m", ""], "no method"),
            (&["-m", "CONNECT"], "--raw"),
            (&["-B", "@/no/such/body"], "-B: cannot read /no/such/body"),
            (&["-D", "/no/such/body"], "-D: cannot read /no/such/body"),
            (&["-B", "x", "-D", "y"], "--body-file"),
            (&["--raw", "x", "-H", "A: b"], "--raw"),
            (&["--ws", "-m", "PUT"], "--ws"),
            (&["--ws", "--raw", "x", "-H", "A: b"], "--raw"),
        ] {
            let error = form(flags).unwrap_err();
            assert!(error.contains(part), "{flags:?}: {error}");
        }
    }
}
