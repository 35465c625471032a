//! User names and passwords in every request (RFC 7617).

use super::{Flow, Middleware};
use crate::{reply::Reply, request::Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::{fmt, hint::black_box};

/// Asks for a user name and a password, by the scheme `Basic` ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)): whoever has none that
/// are right is answered 401 and reaches no handler. Both go over the wire as good as in plain text, so this is for connections
/// that something else encrypts.
///
/// ```
/// use sws::{Answered, Request, Response, Router};
/// use sws::middleware::{BasicAuth, User, same_secret};
///
/// fn who(_: &mut (), request: &Request<'_>, response: Response<'_>) -> Answered {
///     let user = request.extension::<User>().map_or("nobody", User::name);
///     response.text(format!("you are {user}\n"))
/// }
///
/// let auth = BasicAuth::new("admin", |user, password| {
///     same_secret(user, "me") & same_secret(password, "correct horse")
/// });
/// let router = Router::new().middleware(auth).get("/who", who);
/// ```
///
/// The check runs on the reactor's thread for every request, so it must not block, and a slow password hash belongs elsewhere: keep the hash of
/// what was found right before. Guesses are not slowed down: put a [`RateLimit`](super::RateLimit) before it.
pub struct BasicAuth {
    challenge: String,
    check: Box<Check>,
}

type Check = dyn Fn(&str, &str) -> bool + Send + Sync;

/// Who a request is from, as [`BasicAuth`] leaves it: `request.extension::<User>()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(String);

impl User {
    /// The name, as the client gave it: without control characters and colons.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl BasicAuth {
    /// Lets those pass for whom `check(user, password)` returns true. `realm` says to people what the password is for; control
    /// characters in it become spaces.
    ///
    /// Neither the name nor the password has control characters in it; either may be empty.
    pub fn new(realm: &str, check: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        let mut challenge = "Basic realm=\"".to_owned();
        for char in realm.chars() {
            // RFC 9110, 5.6.4.
            if matches!(char, '"' | '\\') {
                challenge.push('\\');
            }
            challenge.push(if char.is_control() { ' ' } else { char });
        }
        challenge.push_str("\", charset=\"UTF-8\"");
        Self {
            challenge,
            check: Box::new(check),
        }
    }

    fn user(&self, request: &Request<'_>) -> Option<User> {
        let mut values = request.header_values("authorization");
        // Of two, something before this server may have looked at the other one.
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let text = credentials(value)?;
        let (user, password) = text.split_once(':')?;
        (self.check)(user, password).then(|| User(user.to_owned()))
    }
}

/// What a field value of the scheme holds: name, colon, password.
fn credentials(value: &[u8]) -> Option<String> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, digits) = value.split_at(space);
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let mut bytes = vec![0; base64::decoded_len_estimate(digits.len())];
    let length = STANDARD
        .decode_slice(digits.trim_ascii_start(), &mut bytes)
        .ok()?;
    bytes.truncate(length);
    let text = String::from_utf8(bytes).ok()?;
    // RFC 7617, 2: neither part has any.
    (!text.chars().any(char::is_control)).then_some(text)
}

impl<S> Middleware<S> for BasicAuth {
    fn before(&self, _: &mut S, request: &mut Request<'_>) -> Flow {
        match self.user(request) {
            Some(user) => {
                request.set_extension(user);
                Flow::Continue
            }
            None => {
                let reply = Reply::text("who are you?\n").status(401);
                Flow::Answer(reply.header("WWW-Authenticate", &self.challenge))
            }
        }
    }
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicAuth")
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}

/// Whether two secrets are the same, in a time that depends on their lengths alone: how much of what is `given` is right cannot be measured.
///
/// ```
/// use sws::middleware::same_secret;
///
/// assert!(same_secret("correct horse", "correct horse"));
/// assert!(!same_secret("correct house", "correct horse"));
/// ```
pub fn same_secret(given: impl AsRef<[u8]>, secret: impl AsRef<[u8]>) -> bool {
    let (given, secret) = (given.as_ref(), secret.as_ref());
    let mut difference = u8::from(given.len() != secret.len());
    for (at, byte) in given.iter().enumerate() {
        let other = secret.get(at).copied().unwrap_or_default();
        // The compiler must not see that one difference is enough.
        difference = black_box(difference | (byte ^ other));
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::testing::{field, pass};
    use std::sync::{Arc, Mutex};

    /// Status, and who the handler thinks it is.
    fn ask(auth: &BasicAuth, authorization: &str) -> (u16, Option<String>) {
        let mut user = None;
        let head = format!("GET / HTTP/1.1{authorization}");
        let (reached, reply) = pass(auth, &head, |request| {
            user = request.extension::<User>().map(|u| u.name().to_owned());
            Reply::text("in")
        });
        assert_eq!(reached, user.is_some());
        let challenge = field(&reply, "WWW-Authenticate").is_some();
        assert_eq!(challenge, reply.status_code() == 401);
        (reply.status_code(), user)
    }

    fn basic(text: impl AsRef<[u8]>) -> String {
        let bytes = text.as_ref();
        let mut digits = vec![0; bytes.len().div_ceil(3) * 4];
        STANDARD.encode_slice(bytes, &mut digits).unwrap();
        format!(
            "\nAuthorization: Basic {}",
            String::from_utf8(digits).unwrap()
        )
    }

    #[test]
    fn the_example_of_the_rfc() {
        let auth = BasicAuth::new("foo", |user, password| {
            user == "test" && password == "123\u{a3}"
        });
        // RFC 7617, 2.1.
        let (status, user) = ask(&auth, "\nAuthorization: Basic dGVzdDoxMjPCow==");
        assert_eq!((status, user.as_deref()), (200, Some("test")));
        let (_, reply) = pass(&auth, "GET / HTTP/1.1", |_| Reply::empty());
        let challenge = field(&reply, "WWW-Authenticate");
        assert_eq!(challenge, Some("Basic realm=\"foo\", charset=\"UTF-8\""));
    }

    #[test]
    fn name_and_password_are_parted_at_the_first_colon() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let auth = BasicAuth::new("r", move |user, password| {
            kept.lock().unwrap().push(format!("{user}|{password}"));
            true
        });
        for (text, expected) in [
            ("a:b", "a|b"),
            ("a:b:c", "a|b:c"),
            (":", "|"),
            ("a:", "a|"),
            (":b", "|b"),
            ("\u{fc}ser name:pass word", "\u{fc}ser name|pass word"),
        ] {
            assert_eq!(ask(&auth, &basic(text)).0, 200, "{text:?}");
            assert_eq!(seen.lock().unwrap().pop().as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_malformed_is_never_checked() {
        let auth = BasicAuth::new("r", |user, _| panic!("{user:?} was checked"));
        let ok = basic("a:b");
        for header in [
            "",
            "\nAuthorization:",
            "\nAuthorization: Basic",
            "\nAuthorization: Basic ",
            "\nAuthorization: Bearer YTpi",
            "\nAuthorization: BasicYTpi",
            "\nAuthorization: Basic YTpi YTpi",
            "\nAuthorization: Basic YTpi,",
            "\nAuthorization: Basic YTpiYw",
            "\nAuthorization: Basic YTp!",
            "\nAuthorization: Basic =",
            "\nAuthorization: Basic YQ==",
            "\nProxy-Authorization: Basic YTpi",
            &basic("no colon"),
            &basic("a:\nb"),
            &basic("a\0:b"),
            &basic("a:b\u{85}"),
            &basic(b"\xff:b"),
            &format!("{ok}{ok}"),
            &basic("a:b").replace("Basic ", "Basic\t"),
        ] {
            assert_eq!(ask(&auth, header), (401, None), "{header:?}");
        }
    }

    #[test]
    fn the_scheme_has_any_case_and_any_space_behind_it() {
        let auth = BasicAuth::new("r", |user, password| (user, password) == ("a", "b"));
        for header in ["BASIC YTpi", "basic  YTpi", "bAsIc YTpi"] {
            assert_eq!(
                ask(&auth, &format!("\nAuthorization: {header}")).0,
                200,
                "{header}"
            );
        }
        for text in ["a:B", "a:b ", "A:b", "a:bb"] {
            assert_eq!(ask(&auth, &basic(text)).0, 401, "{text}");
        }
    }

    #[test]
    fn a_realm_cannot_break_the_field() {
        let auth = BasicAuth::new("a \"b\" \\ c\r\nd \u{e4}", |_, _| false);
        let (_, reply) = pass(&auth, "GET / HTTP/1.1", |_| Reply::empty());
        assert!(!reply.invalid);
        let expected = "Basic realm=\"a \\\"b\\\" \\\\ c  d \u{e4}\", charset=\"UTF-8\"";
        assert_eq!(field(&reply, "WWW-Authenticate"), Some(expected));
    }

    #[test]
    fn secrets_are_the_same_or_not() {
        for (given, secret, same) in [
            ("", "", true),
            ("a", "", false),
            ("", "a", false),
            ("abc", "abc", true),
            ("abd", "abc", false),
            ("abcabc", "abc", false),
            ("abc\0", "abc", false),
            ("ab", "abc", false),
            ("\0", "", false),
        ] {
            assert_eq!(same_secret(given, secret), same, "{given:?} {secret:?}");
        }
    }
}
