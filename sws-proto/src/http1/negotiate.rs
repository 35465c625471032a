//! Content codings that a peer accepts (RFC 9110 §12.5.3).

use super::list;
use super::token::trim_ows;

/// A content coding (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// No encoding.
    Identity,
    /// `gzip`, also known as `x-gzip`.
    Gzip,
    /// `deflate`: the zlib format (RFC 1950).
    Deflate,
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878).
    Zstd,
}

impl Coding {
    /// The name for a Content-Encoding field.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// RFC 9110 §8.4.1: names are case-insensitive; §8.4.1.3: `x-gzip` is `gzip`.
    fn is_named(self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name().as_bytes())
            || (self == Self::Gzip && name.eq_ignore_ascii_case(b"x-gzip"))
    }
}

/// A weight in thousandths.
type Weight = u16;

const WEIGHT_MAX: Weight = 1000;

/// Whether a peer accepts a content coding, given the values of its Accept-Encoding fields.
///
/// Without any such field every coding is acceptable (RFC 9110 §12.5.3), which is what this
/// reports for `identity` alone: a peer that says nothing about codings may know none.
#[must_use]
pub fn accepts<'v>(values: impl Iterator<Item = &'v [u8]> + Clone, coding: Coding) -> bool {
    match weights(values, coding) {
        Weights {
            own: Some(weight), ..
        } => weight > 0,
        Weights {
            any: Some(weight), ..
        } => weight > 0,
        _ => coding == Coding::Identity,
    }
}

/// The coding to use, given the values of the Accept-Encoding fields and the codings on offer,
/// the server's favourite first.
///
/// The highest weight wins, then the order of the offer. `identity` need not be offered: it is
/// chosen when nothing offered is acceptable, when there is no Accept-Encoding field, and when its
/// own weight is higher than that of any acceptable offer. Members with a malformed weight are
/// ignored.
///
/// `None` means that not even `identity` is acceptable (`identity;q=0` or `*;q=0`). §12.5.3 then
/// leaves it to the server to answer without a coding all the same, or with 406.
///
/// ```
/// use sws_proto::http1::negotiate::{Coding, choose};
///
/// let offer = [Coding::Brotli, Coding::Gzip];
/// let chosen = choose([&b"gzip, br;q=0.5"[..]].into_iter(), &offer);
/// assert_eq!(chosen, Some(Coding::Gzip));
/// ```
#[must_use]
pub fn choose<'v>(
    values: impl Iterator<Item = &'v [u8]> + Clone,
    offered: &[Coding],
) -> Option<Coding> {
    let mut best: Option<(Weight, Coding)> = None;
    for coding in offered.iter().filter(|coding| **coding != Coding::Identity) {
        let found = weights(values.clone(), *coding);
        let weight = found.own.or(found.any).unwrap_or(0);
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, *coding));
        }
    }
    let identity = weights(values, Coding::Identity);
    match (best, identity.own) {
        // Its own weight must be higher: whoever lists codings as equals wants one of them.
        (Some((weight, _)), Some(own)) if own > weight => Some(Coding::Identity),
        (Some((_, coding)), _) => Some(coding),
        // Acceptable unless excluded, explicitly or by `*`.
        (None, own) if own.or(identity.any) == Some(0) => None,
        (None, _) => Some(Coding::Identity),
    }
}

/// What Accept-Encoding says about one coding.
struct Weights {
    /// The weight of its own first member.
    own: Option<Weight>,
    /// The weight of the first `*`, which stands for all codings without a member of their own.
    any: Option<Weight>,
}

fn weights<'v>(values: impl Iterator<Item = &'v [u8]>, coding: Coding) -> Weights {
    let mut found = Weights {
        own: None,
        any: None,
    };
    for (name, weight) in values.flat_map(list::members).filter_map(member) {
        let place = match name {
            b"*" => &mut found.any,
            _ if coding.is_named(name) => &mut found.own,
            _ => continue,
        };
        place.get_or_insert(weight);
    }
    found
}

/// Name and weight of one member; `None` if its weight is malformed.
fn member(member: &[u8]) -> Option<(&[u8], Weight)> {
    match member.iter().position(|byte| *byte == b';') {
        None => Some((member, WEIGHT_MAX)),
        Some(at) => {
            let (name, parameter) = (member.get(..at)?, member.get(at + 1..)?);
            Some((trim_ows(name), weight(trim_ows(parameter))?))
        }
    }
}

/// `"q=" ( "0" [ "." 0*3DIGIT ] / "1" [ "." 0*3"0" ] )` (RFC 9110 §12.4.2).
fn weight(parameter: &[u8]) -> Option<Weight> {
    let (whole, fraction) = match parameter {
        [b'q' | b'Q', b'=', whole @ (b'0' | b'1')] => (whole, &[][..]),
        [
            b'q' | b'Q',
            b'=',
            whole @ (b'0' | b'1'),
            b'.',
            fraction @ ..,
        ] => (whole, fraction),
        _ => return None,
    };
    if fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let weight = fraction
        .iter()
        .chain(b"000")
        .take(3)
        .fold(Weight::from(whole - b'0'), |weight, digit| {
            weight * 10 + Weight::from(digit - b'0')
        });
    (weight <= WEIGHT_MAX).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Identity, Zstd};
    use super::{Coding, accepts, choose, weight};

    fn chosen(value: &str, offered: &[Coding]) -> Option<Coding> {
        choose([value.as_bytes()].into_iter(), offered)
    }

    #[test]
    fn weights_have_at_most_three_decimals() {
        for (text, expected) in [
            ("q=0", 0),
            ("q=0.", 0),
            ("q=0.0", 0),
            ("q=0.001", 1),
            ("q=0.5", 500),
            ("q=0.999", 999),
            ("Q=1", 1000),
            ("q=1.", 1000),
            ("q=1.000", 1000),
        ] {
            assert_eq!(weight(text.as_bytes()), Some(expected), "{text}");
        }
        for text in [
            "",
            "q",
            "q=",
            "q=2",
            "q=1.001",
            "q=0.0000",
            "q=-0",
            "q=.5",
            "q=0,5",
            "q = 1",
            "q=00",
            "q=1.0a",
            "p=1",
            "q=0.5;x=y",
            "q=\"1\"",
        ] {
            assert_eq!(weight(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_highest_weight_wins_then_the_order_of_the_offer() {
        for (value, expected) in [
            ("gzip", Gzip),
            ("gzip, br", Brotli),
            ("gzip,br;q=0.9", Gzip),
            ("br;q=1, gzip;q=0.8", Brotli),
            ("GZip", Gzip),
            ("x-gzip", Gzip),
            ("X-GZIP;q=0.1", Gzip),
            ("*", Brotli),
            ("*;q=0.1, gzip;q=0.2", Gzip),
            ("br;q=0, *", Gzip),
            ("gzip;q=0.5, identity;q=0.5", Gzip),
            ("gzip ; q=0.5\t, zstd", Gzip),
            ("deflate, gzip;q=1.0, *;q=0.5", Gzip),
            ("identity;q=0, gzip;q=0.001", Gzip),
        ] {
            assert_eq!(chosen(value, &[Brotli, Gzip]), Some(expected), "{value}");
        }
    }

    #[test]
    fn identity_is_what_is_left() {
        for value in [
            "",
            "identity",
            "deflate",
            "gzip;q=0",
            "gzip;q=0, br;q=0",
            "gzip;q=2",
            "gzip;q=x",
            "gzip;foo",
            "gzip;q=0.5, identity;q=1",
            "identity, *;q=0",
            "*;q=0, identity;q=0.5",
            "gzipped",
            "g zip",
            ",",
            ";q=1",
        ] {
            assert_eq!(chosen(value, &[Brotli, Gzip]), Some(Identity), "{value}");
        }
        assert_eq!(choose([].into_iter(), &[Gzip]), Some(Identity));
        assert_eq!(chosen("gzip", &[]), Some(Identity));
        assert_eq!(chosen("gzip", &[Identity, Gzip]), Some(Gzip));
    }

    #[test]
    fn nothing_is_acceptable_when_identity_is_excluded() {
        for value in ["identity;q=0", "*;q=0", "br, identity;q=0", "*;q=0.000, br"] {
            assert_eq!(chosen(value, &[Gzip]), None, "{value}");
        }
    }

    #[test]
    fn several_fields_are_one_list() {
        let values = [&b"zstd;q=0.1"[..], b"", b"gzip;q=0.2, br;q=0.3"];
        assert_eq!(
            choose(values.into_iter(), &[Zstd, Gzip, Brotli]),
            Some(Brotli)
        );
    }

    #[test]
    fn acceptance_follows_the_same_rules() {
        let accepted =
            |value: &'static str, coding| accepts([value.as_bytes()].into_iter(), coding);
        assert!(accepted("gzip", Gzip));
        assert!(accepted("*", Gzip));
        assert!(!accepted("gzip;q=0, *", Gzip));
        assert!(!accepted("br", Gzip));
        assert!(accepted("br", Identity));
        assert!(!accepted("*;q=0", Identity));
        assert!(accepted("*;q=0, identity", Identity));
        assert!(!accepts([].into_iter(), Gzip));
        assert!(accepts([].into_iter(), Identity));
    }
}
