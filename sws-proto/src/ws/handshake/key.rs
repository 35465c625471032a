//! The key that shows to a client that its peer speaks WebSocket (RFC 6455 §1.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1_smol::Sha1;

/// Bytes of a key: 16 in base64.
pub const KEY_BYTES: usize = 24;

/// Bytes of the answer to a key: 20 in base64.
pub const ACCEPT_BYTES: usize = 28;

/// What the server appends to a key before it hashes (§4.2.2).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A `Sec-WebSocket-Key`, as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// A client's key, for which 16 random bytes are wanted (§4.1).
    #[must_use]
    pub fn from_nonce(nonce: [u8; 16]) -> Self {
        Self(base64(&nonce))
    }

    /// The value of a `Sec-WebSocket-Key` field, if it is base64 of 16 bytes.
    ///
    /// Bits of the last digit that stand for nothing are not looked at, as RFC 4648 §3.5 allows.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let key: &[u8; KEY_BYTES] = value.try_into().ok()?;
        let digits = key.strip_suffix(b"==")?;
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        digits.iter().all(is_digit).then_some(Self(*key))
    }

    /// The bytes as they are sent.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The `Sec-WebSocket-Accept` that answers this key (§4.2.2).
    #[must_use]
    pub fn accept(&self) -> [u8; ACCEPT_BYTES] {
        let mut hash = Sha1::new();
        hash.update(&self.0);
        hash.update(GUID);
        base64(&hash.digest().bytes())
    }
}

/// `DIGITS` has to be what so many bytes need.
fn base64<const BYTES: usize, const DIGITS: usize>(bytes: &[u8; BYTES]) -> [u8; DIGITS] {
    const { assert!(DIGITS == BYTES.div_ceil(3) * 4) };
    let mut digits = [0; DIGITS];
    let written = STANDARD.encode_slice(bytes, &mut digits);
    debug_assert_eq!(written, Ok(DIGITS));
    digits
}

#[cfg(test)]
mod tests {
    use super::Key;

    /// The example of §1.3 and §4.2.2.
    #[test]
    fn the_example_of_the_rfc() {
        let key = Key::from_nonce(*b"the sample nonce");
        assert_eq!(key.as_bytes(), b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(&key.accept(), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(Key::parse(key.as_bytes()), Some(key));
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        for valid in ["AAAAAAAAAAAAAAAAAAAAAA==", "/+az09AZ/+az09AZ/+az0/=="] {
            assert!(Key::parse(valid.as_bytes()).is_some(), "{valid}");
        }
        for invalid in [
            "",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZTE=",
            "dGhlIHNhbXBsZSBub25jZTEy",
            "dGhlIHNhbXBsZSBub25jZ===",
            "dGhlIHNhbXBsZSBub25jZQ==\n",
            "dGhlIHNhbXBsZSBub2 jZQ==",
            "dGhlIHNhbXBsZSBub2-_ZQ==",
            "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
        ] {
            assert_eq!(Key::parse(invalid.as_bytes()), None, "{invalid}");
        }
    }
}
