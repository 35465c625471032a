//! What a client makes of the bytes that it hears: a reader of its own, so that it shares no mistake with the server.

/// A request, as far as its answer depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// `None`: whatever it is.
    pub(crate) body: Option<Body>,
    /// Only the head comes.
    pub(crate) head_only: bool,
}

impl Expected {
    /// Bytes of the answer, or a little more.
    pub(crate) fn size(&self) -> usize {
        let body = match &self.body {
            None => 0,
            Some(Body::Pattern { len, .. }) => *len,
            Some(Body::Text(text)) => text.len(),
            Some(Body::Raw(bytes)) => bytes.len(),
        };
        body + 500
    }
}

/// A body that can be told from every other.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Pattern {
        id: usize,
        len: usize,
    },
    Text(String),
    /// What follows a 101, as it is.
    Raw(Vec<u8>),
}

/// The byte at a place of the body of request `id`.
pub(crate) fn pattern(id: usize, len: usize) -> Vec<u8> {
    let salt = (id as u8).wrapping_mul(29);
    (0..len)
        .map(|at| ((at >> 8) as u8).wrapping_mul(7) ^ (at as u8).wrapping_add(salt))
        .collect()
}

/// Checks answers against what is expected as they come.
#[derive(Debug)]
pub(crate) struct Reader {
    expected: Vec<Expected>,
    /// Complete answers.
    pub(crate) count: usize,
    /// Bytes that have been looked at.
    read: usize,
    /// What is to come of the answer whose head has been read.
    body: Option<Rest>,
    /// A 408 or 503 may come at any time, and is the last.
    pub(crate) may_time_out: bool,
    /// A WebSocket may be closed at any time, and a head take too long.
    pub(crate) may_stop: bool,
    stopped: bool,
}

#[derive(Debug)]
struct Rest {
    /// `None`: any bytes.
    bytes: Option<Vec<u8>>,
    at: usize,
    len: usize,
    raw: bool,
}

impl Reader {
    pub(crate) fn new(expected: Vec<Expected>) -> Self {
        Self {
            expected,
            count: 0,
            read: 0,
            body: None,
            may_time_out: false,
            may_stop: false,
            stopped: false,
        }
    }

    pub(crate) fn has_all(&self) -> bool {
        self.count == self.expected.len()
    }

    /// Whether all of `heard` are whole answers.
    pub(crate) fn is_whole(&self, heard: &[u8]) -> bool {
        self.stopped || (self.read == heard.len() && self.body.is_none())
    }

    /// Reads on; `heard` is all that came since the connection began.
    pub(crate) fn read(&mut self, heard: &[u8]) {
        while !self.stopped {
            if self.body.is_none() && !self.head(&heard[self.read..]) {
                return;
            }
            let number = self.count;
            let Some(rest) = &mut self.body else { return };
            let come = &heard[self.read..];
            let come = &come[..come.len().min(rest.len - rest.at)];
            if let Some(bytes) = &rest.bytes {
                let wanted = &bytes[rest.at..rest.at + come.len()];
                let differs = come.iter().zip(wanted).position(|(a, b)| a != b);
                if let Some(at) = differs.filter(|_| rest.raw && self.may_stop) {
                    // A close frame in place of the next message.
                    let here = self.read + at;
                    let frame = &heard[here.saturating_sub(4)..=here];
                    assert!(frame.contains(&0x88), "no close frame");
                    self.stopped = true;
                    return;
                }
                assert!(come == wanted, "answer {number} has a wrong body");
            }
            self.read += come.len();
            rest.at += come.len();
            if rest.at < rest.len {
                return;
            }
            self.body = None;
            self.count += 1;
        }
    }

    /// Reads a head, if it is complete.
    fn head(&mut self, bytes: &[u8]) -> bool {
        let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else {
            return false;
        };
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let timed_out = ["HTTP/1.1 408", "HTTP/1.1 503"];
        if self.may_time_out && timed_out.iter().any(|status| head.starts_with(status)) {
            return false;
        }
        let number = self.count;
        let Some(expected) = self.expected.get(number) else {
            panic!("an answer to nothing: {head}");
        };
        let late = head.starts_with(timed_out[0]);
        let full = expected.status == 101 && head.starts_with(timed_out[1]);
        if self.may_stop && (late || full) {
            // A head may not take long any more, and no WebSocket is opened.
            self.stopped = true;
            return false;
        }
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        let wanted = expected.status.to_string();
        assert_eq!(status, Some(&*wanted), "answer {number}");
        let len = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let mut len: usize = len.map_or(0, |len| len.parse().unwrap());
        let bytes = match &expected.body {
            None => None,
            Some(Body::Pattern { id, len }) => Some(pattern(*id, *len)),
            Some(Body::Text(text)) => Some(text.clone().into_bytes()),
            Some(Body::Raw(bytes)) => {
                len = bytes.len();
                Some(bytes.clone())
            }
        };
        if let Some(bytes) = &bytes {
            assert_eq!(len, bytes.len(), "length of answer {number}");
        }
        self.read += end + 4;
        self.body = Some(Rest {
            bytes,
            at: 0,
            raw: expected.status == 101,
            len: if expected.head_only { 0 } else { len },
        });
        true
    }
}
