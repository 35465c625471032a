//! A second, naive reading of RFC 9112 heads, to compare the parser with.
//!
//! It wants the whole head, splits it into lines, and looks at one byte after the other. It was
//! written from the grammar, shares no code with the parser, and knows nothing of limits.

/// What the naive reading makes of a head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Naive {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) minor: u8,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) length: usize,
}

/// Reads the lines of a head; `None` if they are malformed or incomplete. Meaning is not judged.
pub(crate) fn read(input: &[u8]) -> Option<Naive> {
    let mut start = 0;
    while input[start..].starts_with(b"\r\n") && start < 8 {
        start += 2;
    }
    let end = start + find(&input[start..], b"\r\n\r\n")?;
    let mut lines = Vec::new();
    let mut rest = &input[start..end];
    while let Some(at) = find(rest, b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    // Every CR and LF that is left over is a bare one.
    if lines
        .iter()
        .any(|line| line.contains(&b'\r') || line.contains(&b'\n'))
    {
        return None;
    }
    let mut parts = lines[0].split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !is_token(method) || target.is_empty() {
        return None;
    }
    if !target.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let minor = match version {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            minor @ b'0'..=b'9',
        ] => minor - b'0',
        _ => return None,
    };
    let headers = lines[1..]
        .iter()
        .map(|line| header(line))
        .collect::<Option<_>>()?;
    Some(Naive {
        method: String::from_utf8(method.to_owned()).ok()?,
        target: String::from_utf8(target.to_owned()).ok()?,
        minor,
        headers,
        length: end + 4,
    })
}

fn header(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) {
        return None;
    }
    if value
        .iter()
        .any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f)
    {
        return None;
    }
    let is_text = |byte: &u8| *byte != b' ' && *byte != b'\t';
    let value = match (
        value.iter().position(is_text),
        value.iter().rposition(is_text),
    ) {
        (Some(first), Some(last)) => value[first..=last].to_owned(),
        _ => Vec::new(),
    };
    Some((String::from_utf8(name.to_owned()).ok()?, value))
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(byte))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
