//! Request bodies, as they arrive.

/// How the length of a body is known (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Sized(u64),
    Chunked,
}

/// Bytes of a chunk's size line, and of all trailer fields, that are accepted.
const LINE_BYTES_MAX: usize = 4096;

/// The place within a body.
#[derive(Debug)]
pub(crate) enum Body {
    Sized { left: u64 },
    Chunked { at: At, skipped: usize },
}

/// The place within the chunked coding (RFC 9112 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// In the digits of a size; whether there was one.
    Size {
        size: u64,
        digits: bool,
    },
    /// Behind the digits, before the line's end.
    Extension {
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// At the start of a trailer line.
    Trailer,
    InTrailer,
    TrailerLf,
    LastLf,
    Done,
}

/// The coding is broken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl Body {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::Sized { left: 0 },
            Framing::Sized(left) => Self::Sized { left },
            Framing::Chunked => Self::Chunked {
                at: At::Size {
                    size: 0,
                    digits: false,
                },
                skipped: 0,
            },
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(
            self,
            Self::Sized { left: 0 } | Self::Chunked { at: At::Done, .. }
        )
    }

    /// Takes what belongs to the body off the start of `bytes`, hands content to
    /// `sink`, and says how much it took.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut sink: impl FnMut(&[u8]),
    ) -> Result<usize, Broken> {
        match self {
            Self::Sized { left } => {
                let count = within(*left, bytes.len());
                sink(&bytes[..count]);
                *left -= count as u64;
                Ok(count)
            }
            Self::Chunked { at, skipped } => {
                let mut taken = 0;
                while taken < bytes.len() && *at != At::Done {
                    if let At::Data { left } = at {
                        let count = within(*left, bytes.len() - taken);
                        sink(&bytes[taken..taken + count]);
                        taken += count;
                        *left -= count as u64;
                        if *left == 0 {
                            *at = At::DataCr;
                        }
                        *skipped = 0;
                        continue;
                    }
                    *at = at.after(bytes[taken])?;
                    taken += 1;
                    *skipped += 1;
                    if *skipped > LINE_BYTES_MAX {
                        return Err(Broken);
                    }
                }
                Ok(taken)
            }
        }
    }
}

fn within(left: u64, available: usize) -> usize {
    usize::try_from(left).map_or(available, |left| left.min(available))
}

impl At {
    /// The place behind one byte that is no content.
    fn after(self, byte: u8) -> Result<Self, Broken> {
        Ok(match (self, byte) {
            (Self::Size { size, .. }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = (byte as char).to_digit(16).ok_or(Broken)?;
                Self::Size {
                    size: size.checked_mul(16).ok_or(Broken)? | u64::from(digit),
                    digits: true,
                }
            }
            (Self::Size { size, digits: true } | Self::Extension { size }, b'\r') => {
                Self::SizeLf { size }
            }
            (Self::Size { size, digits: true }, b';' | b' ' | b'\t') => Self::Extension { size },
            (Self::Extension { .. }, b'\n' | 0) => return Err(Broken),
            (Self::Extension { .. }, _) => self,
            (Self::SizeLf { size: 0 }, b'\n') | (Self::TrailerLf, b'\n') => Self::Trailer,
            (Self::SizeLf { size }, b'\n') => Self::Data { left: size },
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::Size {
                size: 0,
                digits: false,
            },
            (Self::Trailer, b'\r') => Self::LastLf,
            (Self::InTrailer, b'\r') => Self::TrailerLf,
            (Self::Trailer | Self::InTrailer, b'\n' | 0) => return Err(Broken),
            (Self::Trailer | Self::InTrailer, _) => Self::InTrailer,
            (Self::LastLf, b'\n') => Self::Done,
            _ => return Err(Broken),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in two parts; the content and what was left over.
    fn decode(bytes: &[u8], cut: usize) -> Result<(Vec<u8>, usize, bool), Broken> {
        let mut body = Body::new(Framing::Chunked);
        let mut content = Vec::new();
        let mut taken = 0;
        for end in [cut, bytes.len()] {
            taken += body.feed(&bytes[taken..end], |part| content.extend_from_slice(part))?;
        }
        Ok((content, bytes.len() - taken, body.is_done()))
    }

    #[test]
    fn chunks_are_joined_wherever_they_are_cut() {
        let bytes = b"1\r\n2\r\n000B;a=b\r\nhello world\r\n0\r\nX: y\r\nZ: \r\n\r\nGET";
        for cut in 0..bytes.len() {
            let decoded = decode(bytes, cut);
            assert_eq!(decoded, Ok((b"2hello world".to_vec(), 3, true)), "{cut}");
        }
    }

    #[test]
    fn broken_codings_are_refused() {
        for bytes in [
            &b"zz\r\n20\r\n0\r\n\r\n"[..],
            b"1\r\n20\r\n0\r\n\r\n",
            b"\r\n",
            b"2\n20",
            b"-2\r\n",
            b"fffffffffffffffff\r\n20",
            b"0\r\n\n",
        ] {
            assert_eq!(decode(bytes, 0), Err(Broken), "{bytes:?}");
        }
        let endless = [b"1;".as_slice(), &[b'x'; LINE_BYTES_MAX]].concat();
        assert_eq!(decode(&endless, 10), Err(Broken));
    }

    #[test]
    fn a_sized_body_ends_where_it_says() {
        let mut body = Body::new(Framing::Sized(3));
        assert_eq!(body.feed(b"ab", |_| ()), Ok(2));
        assert!(!body.is_done());
        assert_eq!(body.feed(b"cde", |_| ()), Ok(1));
        assert!(body.is_done());
    }
}
