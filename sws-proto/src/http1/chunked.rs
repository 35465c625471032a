//! The chunked transfer coding (RFC 9112 §7.1), one byte of framing at a time.
//!
//! Chunk extensions and trailers are checked for syntax, bounded and dropped: nothing here
//! understands one, and §7.1.1 and §7.1.2 allow a recipient to ignore them.

use super::ParseError;
use super::body::Decoded;
use super::token::{is_tchar, is_value_byte};

/// Bytes of chunk extensions and of trailers, each counted over a whole body.
pub const OVERHEAD_BYTES_MAX: u16 = 8 * 1024;

/// Digits of a chunk size, leading zeros included; 16 of them always fit in 64 bits.
const SIZE_DIGITS_MAX: u8 = 16;

/// Where in the coding the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a chunk size, after this many digits.
    Size(u8),
    /// In whitespace after a chunk size; only an extension may follow it.
    SizeSpace,
    /// After the `;` of an extension, before its name.
    ExtensionStart,
    /// In an extension. Its value may be quoted, but a quoted string holds no CR or LF either, so
    /// the end of the line is the end of the extensions without interpreting them.
    Extension,
    /// After the CR of a size line.
    SizeLf,
    /// In chunk data.
    Data,
    /// After chunk data.
    DataCr,
    /// After the CR that ends chunk data.
    DataLf,
    /// At the start of a trailer line or of the final empty line.
    LineStart,
    /// In the name of a trailer.
    TrailerName,
    /// In the value of a trailer.
    TrailerValue,
    /// After the CR of a trailer line.
    TrailerLf,
    /// After the CR of the final empty line.
    EndLf,
    /// After the body.
    Done,
}

/// Decodes one body in the chunked coding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChunkedDecoder {
    /// Bytes of the current chunk that are still to come, or its size so far.
    chunk: u64,
    /// Bytes that the body may still grow by.
    budget: u64,
    /// Bytes of extensions, later of trailers, seen so far.
    overhead: u16,
    state: State,
}

impl ChunkedDecoder {
    pub(crate) const fn new(body_bytes_max: u64) -> Self {
        Self {
            chunk: 0,
            budget: body_bytes_max,
            overhead: 0,
            state: State::Size(0),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Decodes up to and including one run of data and the framing around it.
    pub(crate) fn decode<'b>(&mut self, bytes: &'b [u8]) -> Result<Decoded<'b>, ParseError> {
        let before = self.framing(bytes)?;
        let rest = bytes.get(before..).unwrap_or_default();
        if self.state != State::Data || rest.is_empty() {
            return Ok(self.decoded(before, &[]));
        }
        let (data, rest) = match usize::try_from(self.chunk) {
            Ok(chunk) => rest.split_at_checked(chunk).unwrap_or((rest, &[])),
            Err(_) => (rest, &[][..]),
        };
        self.chunk -= data.len() as u64;
        if self.chunk == 0 {
            self.state = State::DataCr;
        }
        // What is wrong with the framing behind the data is the next call's error: data that came
        // before a fault is handed out, whether or not the fault has arrived yet.
        let behind_data = *self;
        let after = self.framing(rest).unwrap_or_else(|_| {
            *self = behind_data;
            0
        });
        Ok(self.decoded(before + data.len() + after, data))
    }

    fn decoded<'b>(&self, consumed: usize, data: &'b [u8]) -> Decoded<'b> {
        Decoded {
            consumed,
            data,
            done: self.is_done(),
        }
    }

    /// Consumes framing until data or the end of the body; returns how many bytes that took.
    fn framing(&mut self, bytes: &[u8]) -> Result<usize, ParseError> {
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(self.state, State::Data | State::Done) {
                return Ok(at);
            }
            self.state = self.step(*byte)?;
        }
        Ok(bytes.len())
    }

    fn step(&mut self, byte: u8) -> Result<State, ParseError> {
        match (self.state, byte) {
            (State::Size(digits), _) => self.size(digits, byte),
            (State::SizeSpace | State::ExtensionStart, b' ' | b'\t') => self.extension(self.state),
            (State::SizeSpace, b';') => self.extension(State::ExtensionStart),
            (State::ExtensionStart, _) if is_tchar(byte) => self.extension(State::Extension),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, _) if is_value_byte(byte) => self.extension(State::Extension),
            (State::SizeLf, b'\n') => self.chunk_begins(),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size(0)),
            (State::LineStart, b'\r') => Ok(State::EndLf),
            (State::EndLf, b'\n') => Ok(State::Done),
            (State::LineStart | State::TrailerName, _) if is_tchar(byte) => {
                self.trailer(State::TrailerName)
            }
            (State::TrailerName, b':') => self.trailer(State::TrailerValue),
            (State::TrailerValue, b'\r') => self.trailer(State::TrailerLf),
            (State::TrailerValue, _) if is_value_byte(byte) => self.trailer(State::TrailerValue),
            (State::TrailerLf, b'\n') => self.trailer(State::LineStart),
            (
                State::LineStart
                | State::TrailerName
                | State::TrailerValue
                | State::TrailerLf
                | State::EndLf,
                _,
            ) => Err(ParseError::BadTrailer),
            _ => Err(ParseError::BadChunk),
        }
    }

    fn size(&mut self, digits: u8, byte: u8) -> Result<State, ParseError> {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            // A size has at least one digit.
            _ if digits == 0 => return Err(ParseError::BadChunk),
            b'\r' => return Ok(State::SizeLf),
            b';' => return self.extension(State::ExtensionStart),
            b' ' | b'\t' => return self.extension(State::SizeSpace),
            _ => return Err(ParseError::BadChunk),
        };
        if digits == SIZE_DIGITS_MAX {
            return Err(ParseError::BadChunk);
        }
        self.chunk = self.chunk << 4 | u64::from(value);
        Ok(State::Size(digits + 1))
    }

    fn chunk_begins(&mut self) -> Result<State, ParseError> {
        if self.chunk == 0 {
            self.overhead = 0;
            return Ok(State::LineStart);
        }
        self.budget = self
            .budget
            .checked_sub(self.chunk)
            .ok_or(ParseError::BodyTooLarge)?;
        Ok(State::Data)
    }

    fn extension(&mut self, next: State) -> Result<State, ParseError> {
        self.count(next, ParseError::ExtensionsTooLarge)
    }

    fn trailer(&mut self, next: State) -> Result<State, ParseError> {
        self.count(next, ParseError::TrailersTooLarge)
    }

    fn count(&mut self, next: State, excess: ParseError) -> Result<State, ParseError> {
        if self.overhead == OVERHEAD_BYTES_MAX {
            return Err(excess);
        }
        self.overhead += 1;
        Ok(next)
    }
}
