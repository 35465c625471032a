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
