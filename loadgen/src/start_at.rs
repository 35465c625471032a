//! Starting together: the measured time begins at a time of the wall clock.
#![expect(unsafe_code, reason = "the state of the clock is a plain C call")]

use crate::{
    clock::{self, Nanos},
    error::Failure,
    plan::Warmup,
};
use std::{
    mem,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Connections are opened at least this long before the time.
const CONNECT: Duration = Duration::from_secs(1);
/// What a warm-up needs at least.
const WARMUP_MIN: Duration = Duration::from_millis(100);

/// When to begin, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartAt {
    Time(SystemTime),
    /// The next time that is a multiple of this, since 1970.
    Next(Duration),
}

impl FromStr for StartAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(every) = text.strip_prefix("next:") {
            let every = crate::duration::parse_positive(every)?;
            return Ok(Self::Next(every));
        }
        humantime::parse_rfc3339(text).map(Self::Time).map_err(|_| {
            format!("`{text}` is neither a time in UTC like 2026-11-21T01:00:00Z nor like next:60s")
        })
    }
}

/// How long before its begin a run begins to open its connections, which takes `opening` at least.
pub(crate) fn lead(warmup: Warmup, opening: Duration) -> Duration {
    opening
        + match warmup {
            Warmup::Fixed(time) => time + CONNECT,
            Warmup::UntilConnected { max, .. } => max.max(CONNECT),
        }
}

impl StartAt {
    /// The instant, when there is enough time until then.
    pub(crate) fn resolve(
        self,
        warmup: Warmup,
        opening: Duration,
        now: SystemTime,
    ) -> Result<SystemTime, Failure> {
        let least = match warmup {
            Warmup::Fixed(time) => time.max(WARMUP_MIN),
            Warmup::UntilConnected { min, .. } => min,
        };
        match self {
            Self::Time(at) => {
                let left = at.duration_since(now).unwrap_or_default();
                if left >= least {
                    return Ok(at);
                }
                Err(Failure::Invalid(format!(
                    "--start-at: {} is too late for {}; nothing was sent",
                    humantime::format_rfc3339_millis(now),
                    humantime::format_rfc3339_millis(at)
                )))
            }
            Self::Next(every) => {
                let earliest = now + lead(warmup, opening);
                let since = earliest.duration_since(UNIX_EPOCH).unwrap_or_default();
                let rest = since.as_nanos() % every.as_nanos().max(1);
                let wait = match rest {
                    0 => 0,
                    rest => every.as_nanos() - rest,
                };
                Ok(earliest + Duration::from_nanos(u64::try_from(wait).unwrap_or(0)))
            }
        }
    }
}

/// The monotonic time of a time of the wall clock, as both clocks are now.
pub(crate) fn instant(at: SystemTime) -> Nanos {
    let (here, wall) = (clock::now(), SystemTime::now());
    match at.duration_since(wall) {
        Ok(ahead) => here.saturating_add(clock::nanos(ahead)),
        Err(past) => here.saturating_sub(clock::nanos(past.duration())),
    }
}

/// How far this machine's clock can be trusted.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct ClockState {
    /// The kernel was told that it is (by chrony, ntpd or the like).
    pub synchronised: bool,
    /// What the kernel takes for the largest possible error.
    pub error_max_us: u64,
}

/// A larger error of the clock makes common windows a matter of luck.
const ERROR_MAX_US: u64 = 1000;

impl ClockState {
    /// Refuses a clock that workers cannot agree by.
    pub(crate) fn demand(self) -> Result<(), Failure> {
        if self.synchronised && self.error_max_us <= ERROR_MAX_US {
            return Ok(());
        }
        Err(Failure::Invalid(format!(
            "--strict: the clock is {}, its error may be {} us; --start-at needs one that is right to {ERROR_MAX_US} us; \
             nothing was sent",
            if self.synchronised {
                "synchronised"
            } else {
                "not synchronised"
            },
            self.error_max_us
        )))
    }

    /// Asks the kernel.
    pub(crate) fn read() -> Self {
        // SAFETY: an all-zero timex is valid and, with no mode set, changes nothing.
        let mut state: libc::timex = unsafe { mem::zeroed() };
        // SAFETY: `state` is valid for writes.
        let clock = unsafe { libc::adjtimex(&raw mut state) };
        Self {
            synchronised: clock >= 0
                && clock != libc::TIME_ERROR
                && state.status & libc::STA_UNSYNC == 0,
            error_max_us: u64::try_from(state.maxerror).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTO: Warmup = Warmup::UntilConnected {
        min: Duration::from_millis(100),
        max: Duration::from_millis(500),
    };

    fn time(text: &str) -> SystemTime {
        humantime::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn times_and_multiples() {
        let now = time("2026-11-21T01:00:30Z");
        let resolve = |text: &str| {
            text.parse::<StartAt>()
                .unwrap()
                .resolve(AUTO, Duration::ZERO, now)
        };
        assert_eq!(
            resolve("2026-11-21T01:00:31Z").unwrap(),
            time("2026-11-21T01:00:31Z")
        );
        assert_eq!(resolve("next:60s").unwrap(), time("2026-11-21T01:01:00Z"));
        assert_eq!(resolve("next:10s").unwrap(), time("2026-11-21T01:00:40Z"));
        // In 500 ms there is no time to connect.
        assert_eq!(resolve("next:500ms").unwrap(), time("2026-11-21T01:00:31Z"));
        let late = resolve("2026-11-21T01:00:29Z").unwrap_err();
        assert_eq!(late.exit_code(), 4);
        assert!(late.to_string().contains("too late"), "{late}");
        for bad in ["noon", "next:0", "next:x", "2026-11-21"] {
            assert!(bad.parse::<StartAt>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_refused() {
        let demand = |synchronised, error_max_us| {
            let state = ClockState {
                synchronised,
                error_max_us,
            };
            state.demand().map_err(|failure| failure.exit_code())
        };
        assert_eq!(demand(true, 1000), Ok(()));
        assert_eq!(demand(true, 1001), Err(4));
        assert_eq!(demand(false, 10), Err(4));
    }

    #[test]
    fn instants_keep_their_distance() {
        let (now, wall) = (clock::now(), SystemTime::now());
        let later = instant(wall + Duration::from_secs(5));
        assert!(later >= now + 4_900_000_000 && later <= now + 5_100_000_000);
        assert_eq!(instant(UNIX_EPOCH), 0);
    }
}
