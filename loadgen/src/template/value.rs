//! What stands in the place of a placeholder.

use super::zipf::Zipf;
use crate::{clock, rng::Rng, split::Share};
use std::sync::atomic::{AtomicU64, Ordering};

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";
const HEX_LEN_MAX: u64 = 65_536;
const UUID_LEN: usize = 36;
/// Until the year 2286.
const MILLISECONDS_LEN: usize = 13;

/// What values are drawn from.
#[derive(Debug)]
pub(crate) struct Draw<'r> {
    pub rng: &'r mut Rng,
    /// Number of the connection in the whole run.
    pub connection: u32,
}

/// A kind of value.
#[derive(Debug)]
pub(super) enum Value {
    Random {
        min: u64,
        max: u64,
        /// Digits; a smaller number is padded with zeros. `None` writes it as it is.
        width: Option<usize>,
    },
    Zipf {
        min: u64,
        ranks: Zipf,
        width: usize,
    },
    /// The next number; all threads draw from it, and the processes in turn.
    Sequence {
        next: AtomicU64,
        step: u64,
        width: usize,
    },
    Uuid,
    Hex(usize),
    /// Milliseconds since 1970.
    Now,
    Connection,
    /// The number of this process.
    Worker(Share),
}

/// How each placeholder is written, by its name.
const FORMS: [(&str, &str); 9] = [
    ("RAND:", "{RAND:min:max} with min <= max"),
    ("RANDJ:", "{RANDJ:min:max} with min <= max"),
    (
        "ZIPF:",
        "{ZIPF:min:max:exponent} with min <= max, an exponent from 0 to 100, and at most 2^53 numbers",
    ),
    ("SEQ:", "{SEQ:start}"),
    ("HEX:", "{HEX:digits} with 1 to 65536 digits"),
    ("UUID}", "{UUID}"),
    ("NOW}", "{NOW}"),
    ("CONN}", "{CONN}"),
    ("WORKER}", "{WORKER}"),
];

/// How the placeholder is written that this text, behind a brace, begins; `None` if it begins none.
pub(super) fn form(text: &[u8]) -> Option<&'static str> {
    FORMS
        .iter()
        .find_map(|(name, form)| text.starts_with(name.as_bytes()).then_some(*form))
}

impl Value {
    /// Reads the text between the braces.
    pub(super) fn parse(text: &str, share: Share) -> Option<Self> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        match name {
            "RAND" | "RANDJ" => {
                let (min, max) = range(rest)?;
                let is_padded = name == "RAND" || digits(min) == digits(max);
                let width = is_padded.then(|| digits(max));
                Some(Self::Random { min, max, width })
            }
            "ZIPF" => {
                let (numbers, exponent) = rest.rsplit_once(':')?;
                let (min, max) = range(numbers)?;
                let ranks = Zipf::new((max - min).checked_add(1)?, exponent.parse().ok()?)?;
                let width = digits(max);
                Some(Self::Zipf { min, ranks, width })
            }
            "SEQ" => {
                let start = number(rest)?;
                Some(Self::Sequence {
                    next: AtomicU64::new(start.wrapping_add(share.index.into())),
                    step: share.of.into(),
                    width: digits(start),
                })
            }
            "HEX" => {
                let length = number(rest).filter(|length| (1..=HEX_LEN_MAX).contains(length))?;
                Some(Self::Hex(length as usize))
            }
            "UUID" => Some(Self::Uuid),
            "NOW" => Some(Self::Now),
            "CONN" => Some(Self::Connection),
            "WORKER" => Some(Self::Worker(share)),
            _ => None,
        }
    }

    /// Whether some of its values are longer than others.
    pub(super) fn varies(&self) -> bool {
        match self {
            Self::Random { width, .. } => width.is_none(),
            Self::Worker(share) => share.of > 10,
            Self::Connection => true,
            _ => false,
        }
    }

    /// Bytes of the longest.
    pub(super) fn longest(&self) -> usize {
        match self {
            Self::Random { max, .. } => digits(*max),
            Self::Zipf { width, .. } | Self::Sequence { width, .. } | Self::Hex(width) => *width,
            Self::Uuid => UUID_LEN,
            Self::Now => MILLISECONDS_LEN,
            Self::Connection => digits(u32::MAX.into()),
            Self::Worker(share) => digits(share.index.into()),
        }
    }

    /// Appends a value.
    pub(super) fn write(&self, draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Random { min, max, width } => {
                let value = draw.rng.between(*min, *max);
                padded(out, value, width.unwrap_or_else(|| digits(value)));
            }
            Self::Zipf { min, ranks, width } => {
                padded(out, min + ranks.draw(draw.rng) - 1, *width);
            }
            Self::Sequence { next, step, width } => {
                padded(out, next.fetch_add(*step, Ordering::Relaxed), *width);
            }
            Self::Uuid => uuid(draw.rng, out),
            Self::Hex(length) => hex(draw.rng, *length, out),
            Self::Now => {
                let milliseconds = clock::unix(clock::now()) / 1_000_000;
                padded(out, milliseconds, MILLISECONDS_LEN);
            }
            Self::Connection => plain(out, draw.connection.into()),
            Self::Worker(share) => plain(out, share.index.into()),
        }
    }
}

fn range(text: &str) -> Option<(u64, u64)> {
    let (min, max) = text.split_once(':')?;
    let (min, max) = (number(min)?, number(max)?);
    (min <= max).then_some((min, max))
}

fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// How many decimal digits a number has.
pub(super) fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Appends a number without leading zeros.
fn plain(out: &mut Vec<u8>, value: u64) {
    padded(out, value, digits(value));
}

/// Appends the low digits of a number.
pub(super) fn padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let start = out.len();
    out.resize(start + width, b'0');
    overwrite(&mut out[start..], value);
}

/// Writes the low digits of a number over what is there.
pub(super) fn overwrite(digits: &mut [u8], mut value: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn hex(rng: &mut Rng, length: usize, out: &mut Vec<u8>) {
    let mut left = length;
    while left > 0 {
        let mut bits = rng.bits();
        for _ in 0..left.min(16) {
            out.push(HEX_DIGITS[(bits >> 60) as usize]);
            bits <<= 4;
        }
        left -= left.min(16);
    }
}

/// RFC 9562 §5.4: version 4, all other bits random.
fn uuid(rng: &mut Rng, out: &mut Vec<u8>) {
    let random = u128::from(rng.bits()) << 64 | u128::from(rng.bits());
    let bits = random & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    for number in 0..32 {
        if matches!(number, 8 | 12 | 16 | 20) {
            out.push(b'-');
        }
        let nibble = (bits >> (124 - 4 * number)) & 0xf;
        out.push(HEX_DIGITS[nibble as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn drawn(text: &str, count: usize) -> Vec<String> {
        let value = Value::parse(text, Share::WHOLE).unwrap();
        let mut rng = Rng::new(1, 1);
        let texts = (0..count).map(|_| {
            let mut out = Vec::new();
            let mut draw = Draw {
                rng: &mut rng,
                connection: 12,
            };
            value.write(&mut draw, &mut out);
            assert!(out.len() <= value.longest(), "{text}");
            assert!(value.varies() || out.len() == value.longest(), "{text}");
            String::from_utf8(out).unwrap()
        });
        texts.collect()
    }

    #[test]
    fn numbers_are_spread_evenly() {
        for text in ["RAND:5:104", "RANDJ:5:104", "ZIPF:5:104:0"] {
            let mut counts = [0u32; 105];
            for number in drawn(text, 20_000) {
                assert!(text.starts_with("RANDJ") || number.len() == 3, "{number}");
                let value: usize = number.parse().unwrap();
                assert!(!text.starts_with("RANDJ") || number == value.to_string());
                counts[value] += 1;
            }
            // The mean is 200 and the standard deviation 14; the seed is fixed.
            assert!(counts[5..].iter().all(|count| (130..270).contains(count)));
            assert_eq!(counts[..5], [0; 5]);
        }
    }

    #[test]
    fn the_first_number_is_the_most_frequent() {
        let numbers = drawn("ZIPF:100:199:1", 10_000);
        let count = |number: &str| numbers.iter().filter(|seen| *seen == number).count();
        // 1 / H(100) is 19.3 %.
        assert!((1_750..2_100).contains(&count("100")), "{}", count("100"));
        assert!((800..1_100).contains(&count("101")), "{}", count("101"));
        assert!(count("100") > 50 * count("199"));
    }

    #[test]
    fn identifiers_are_version_4_and_differ() {
        let all = drawn("UUID", 1000);
        for id in &all {
            let parts: Vec<&str> = id.split('-').collect();
            assert_eq!(
                parts.iter().map(|part| part.len()).collect::<Vec<_>>(),
                [8, 4, 4, 4, 12]
            );
            assert!(
                parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']),
                "{id}"
            );
            let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            assert!(parts.concat().bytes().all(is_hex), "{id}");
        }
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 1000);
    }

    #[test]
    fn hex_digits_are_as_many_as_asked_for() {
        for length in [1, 15, 16, 17, 33] {
            let all = drawn(&format!("HEX:{length}"), 200);
            let digits: HashSet<char> = all.iter().flat_map(|text| text.chars()).collect();
            assert_eq!(digits.len(), 16);
            assert!(all.iter().all(|text| text.len() == length));
        }
    }

    #[test]
    fn the_rest_says_what_is() {
        assert_eq!(drawn("CONN", 1), ["12"]);
        assert_eq!(drawn("WORKER", 1), ["0"]);
        let seconds = drawn("NOW", 1)[0].parse::<u64>().unwrap() / 1000;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        assert!(now.unwrap().as_secs() - seconds < 600);
        assert!(
            Value::parse("WORKER", Share { index: 3, of: 11 })
                .unwrap()
                .varies()
        );
        assert!(!Value::parse("RANDJ:10:99", Share::WHOLE).unwrap().varies());
        assert!(Value::parse("RANDJ:9:99", Share::WHOLE).unwrap().varies());
    }
}
