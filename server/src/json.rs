//! serde_json with a formatter that suits lists of items.
//!
//! A list of 50 items has some 550 member names, most of them shorter than the
//! work that serde_json has with a name: to look through it for characters to
//! escape, and to write comma, quotes, name and colon one by one. The names are
//! known, so a [`name`] is handed through as its number and written here, with
//! its quotes and colon. Everything else is serde_json's, but for floats that are
//! an exact number of cents: for those, integer arithmetic gives the digits.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

/// Serialises `value` to `out` as compact JSON. The members of its objects must
/// be named from [`name`].
///
/// # Errors
/// When `value` cannot be serialised or `out` fails; `out` may then hold part
/// of the text.
pub fn write(out: &mut (impl Write + ?Sized), value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    let formatter = Named { in_name: false };
    let mut serializer = serde_json::Serializer::with_formatter(out, formatter);
    Ok(value.serialize(&mut serializer)?)
}

/// Makes names and how they are written from one list, so that they cannot disagree.
macro_rules! names {
    ($($name:ident $text:literal,)*) => {
        enum Number { $($name,)* }

        /// Writes a name with its quotes and colon. Each has a branch of its own,
        /// where its length is known: that is much less than a call to copy bytes.
        #[inline]
        fn write_name<W: Write + ?Sized>(out: &mut W, number: u8) -> io::Result<()> {
            $(
                if number == Number::$name as u8 {
                    return out.write_all(concat!("\"", $text, "\":").as_bytes());
                }
            )*
            Err(io::Error::other("a number is no name"))
        }

        /// Names of objects' members, to be serialised by [`write()`] only. Each is a
        /// type of its own, so that the compiler knows the text where it is written.
        pub mod name {
            use serde::{Serialize, Serializer};

            $(
                #[doc = concat!("`", $text, "`")]
                #[derive(Clone, Copy, Debug)]
                pub struct $name;

                impl Serialize for $name {
                    #[inline]
                    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                        serializer.serialize_u8(super::Number::$name as u8)
                    }
                }
            )*
        }
    };
}

names! {
    Active "active",
    Category "category",
    Count "count",
    Id "id",
    Items "items",
    Name "name",
    Price "price",
    Quantity "quantity",
    Rating "rating",
    Score "score",
    Tags "tags",
    Total "total",
}

/// Compact, with numbered member names.
struct Named {
    in_name: bool,
}

impl Formatter for Named {
    #[inline]
    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.in_name = true;
        if first { Ok(()) } else { out.write_all(b",") }
    }

    #[inline]
    fn begin_object_value<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.in_name = false;
        Ok(())
    }

    /// serde_json puts numbers that are names between these two calls.
    #[inline]
    fn begin_string<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        if self.in_name {
            return Ok(());
        }
        out.write_all(b"\"")
    }

    #[inline]
    fn end_string<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        if self.in_name {
            return Ok(());
        }
        out.write_all(b"\"")
    }

    #[inline]
    fn write_u8<W: Write + ?Sized>(&mut self, out: &mut W, value: u8) -> io::Result<()> {
        if !self.in_name {
            return CompactFormatter.write_u8(out, value);
        }
        write_name(out, value)
    }

    #[inline]
    fn write_f64<W: Write + ?Sized>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        match Cents::of(value) {
            Some(cents) => cents.write(out),
            None => CompactFormatter.write_f64(out, value),
        }
    }
}

/// A positive amount with at most two decimals.
struct Cents(u64);

impl Cents {
    /// `value`, if it is what its number of cents stands for.
    ///
    /// Up to 15 digits no two decimal numbers are the same `f64`, so the
    /// decimal number found here is the shortest that reads back as `value`:
    /// the text is the one that serde_json itself would write.
    #[inline]
    fn of(value: f64) -> Option<Self> {
        const MAX: f64 = 1e12;
        if !(0.01..MAX).contains(&value) {
            return None;
        }
        let cents = (value * 100.0 + 0.5) as u64;
        (cents as f64 / 100.0 == value).then_some(Self(cents))
    }

    #[inline]
    fn write<W: Write + ?Sized>(self, out: &mut W) -> io::Result<()> {
        out.write_all(itoa::Buffer::new().format(self.0 / 100).as_bytes())?;
        let [tens, ones] = [self.0 % 100 / 10, self.0 % 10].map(|digit| b'0' + digit as u8);
        if ones == b'0' {
            out.write_all(&[b'.', tens])
        } else {
            out.write_all(&[b'.', tens, ones])
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Serializer, ser::SerializeMap};

    use super::*;

    fn text(value: &(impl Serialize + ?Sized)) -> String {
        let mut out = Vec::new();
        write(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    struct Object<A, B>(A, B);

    impl<A: Serialize, B: Serialize> Serialize for Object<A, B> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut object = serializer.serialize_map(None)?;
            object.serialize_entry(&name::Score, &self.0)?;
            object.serialize_entry(&name::Count, &self.1)?;
            object.end()
        }
    }

    #[test]
    fn names_are_written_with_their_punctuation() {
        let object = || Object(255_u8, 0);
        assert_eq!(text(&object()), r#"{"score":255,"count":0}"#);
        assert_eq!(
            text(&Object(object(), Object((), ()))),
            r#"{"score":{"score":255,"count":0},"count":{"score":null,"count":null}}"#
        );
    }

    #[test]
    fn values_are_written_as_serde_json_writes_them() {
        let words = ["", "a\"b\\c\n\u{1}", "ünï", "plain"];
        assert_eq!(text(&words), serde_json::to_string(&words).unwrap());
        assert_eq!(text(&Object("7\"", "")), r#"{"score":"7\"","count":""}"#);
        assert_eq!(text(&(1_u8, true, None::<u8>)), "[1,true,null]");
    }

    #[test]
    fn floats_are_written_as_serde_json_writes_them() {
        let hundredths = (0..200_000).map(|cents| f64::from(cents) / 100.0);
        let neighbours = (0..2_000).flat_map(|cents| {
            let value = f64::from(cents) / 100.0;
            [value.next_up(), value.next_down()]
        });
        let powers = (-30..30).flat_map(|power| {
            let value = 10_f64.powi(power);
            [value, value * 1.01, value - 0.01, value + 0.01, -value]
        });
        let odd = [
            0.1 + 0.2,
            1.0 / 3.0,
            -0.0,
            -12.3,
            0.005,
            999_999_999_999.99,
            1e12,
            9_007_199_254_740_993.0,
            f64::MAX,
            f64::MIN_POSITIVE,
            f64::NAN,
            f64::INFINITY,
        ];
        for value in hundredths.chain(neighbours).chain(powers).chain(odd) {
            assert_eq!(text(&value), serde_json::to_string(&value).unwrap());
        }
    }
}
