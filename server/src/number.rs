//! A JSON number that remembers whether it was written as an integer.
//!
//! The two generations of the arena's data differ in exactly this: prices and
//! scores are floats in one and integers in the other, and answers must keep
//! the type they were given.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An integer or a float, serialised as it was read: integers exactly, floats
/// in their shortest form that reads back the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A number without fraction or exponent.
    Int(i64),
    /// Any other number; never infinite and never NaN.
    Float(f64),
}

impl Number {
    /// `self * quantity * factor`, floats rounded to two decimals.
    ///
    /// Integers saturate; callers that care keep `factor` within
    /// [`Dataset::factor_max`](crate::dataset::Dataset::factor_max).
    pub fn total(self, quantity: i64, factor: i64) -> Self {
        match self {
            Self::Int(price) => Self::Int(price.saturating_mul(quantity).saturating_mul(factor)),
            Self::Float(price) => Self::Float(to_cents(price * quantity as f64 * factor as f64)),
        }
    }
}

fn to_cents(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Int(value) => serializer.serialize_i64(value),
            Self::Float(value) => serializer.serialize_f64(value),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl de::Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
        Ok(Number::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
        i64::try_from(value)
            .map(Number::Int)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &"a 64-bit integer"))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
        Ok(Number::Float(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> String {
        serde_json::to_string(&serde_json::from_str::<Number>(text).unwrap()).unwrap()
    }

    #[test]
    fn the_written_type_is_kept() {
        for text in ["0", "-7", "5.0", "12.3", "9223372036854775807", "0.1"] {
            assert_eq!(round_trip(text), text);
        }
    }

    #[test]
    fn what_is_not_a_number_of_ours_is_refused() {
        for text in ["\"5\"", "null", "9223372036854775808", "1e400", "[1]"] {
            assert!(serde_json::from_str::<Number>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn totals_keep_the_type_and_round_floats_to_cents() {
        assert_eq!(Number::Int(328).total(15, 3), Number::Int(14_760));
        assert_eq!(Number::Int(328).total(15, -1), Number::Int(-4_920));
        assert_eq!(Number::Float(12.3).total(12, 1), Number::Float(147.6));
        assert_eq!(Number::Float(0.333).total(1, 1), Number::Float(0.33));
        assert_eq!(Number::Float(5.0).total(1, 1), Number::Float(5.0));
    }

    #[test]
    fn integer_totals_saturate_instead_of_wrapping() {
        assert_eq!(Number::Int(i64::MAX).total(2, 1), Number::Int(i64::MAX));
        assert_eq!(Number::Int(i64::MAX).total(2, -1), Number::Int(-i64::MAX));
    }
}
