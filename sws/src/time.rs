//! Waiting for time to pass, in the tasks of an I/O thread.
//!
//! A wait never ends early. It ends late by what the thread is busy with, plus well under a millisecond. It costs
//! about 40 bytes besides the future; dropping the future takes it off at once.
//!
//! Each function panics when it is called off an I/O thread. On a worker use [`std::thread::sleep`] in a closure or
//! [`next::worker_yield`](crate::next::worker_yield) in a future.

use std::{
    error, fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::task::{self, Timers};

/// Waits for `duration`; zero lets everything else that is ready run first.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    let executor = task::require("sws::time::sleep");
    Sleep::new(executor.timers(), executor.timers().after(duration))
}

/// Waits until `deadline`.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    let executor = task::require("sws::time::sleep_until");
    Sleep::new(executor.timers(), executor.timers().at(deadline))
}

/// Ticks at once and then every `period`. A period of zero ticks once a turn of the event loop.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    let executor = task::require("sws::time::interval");
    Interval {
        sleep: Sleep::new(executor.timers(), executor.timers().after(Duration::ZERO)),
        period,
    }
}

/// Gives `future` until `duration` has passed. Whichever comes first; if both have come, the future's output.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn f(work: impl Future<Output = u8>) -> Result<u8, sws::time::Elapsed> {
/// let output = sws::time::timeout(Duration::from_secs(30), work).await?;
/// # Ok(output)
/// # }
/// ```
#[track_caller]
pub fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    let executor = task::require("sws::time::timeout");
    Timeout {
        future,
        sleep: Sleep::new(executor.timers(), executor.timers().after(duration)),
    }
}

/// See [`sleep`].
#[must_use = "nothing is waited for until it is awaited"]
pub struct Sleep {
    timers: Rc<Timers>,
    at: u64,
    /// Its place among the timers, once it has been polled.
    slot: Option<u32>,
}

impl Sleep {
    fn new(timers: &Rc<Timers>, at: u64) -> Self {
        Self {
            timers: Rc::clone(timers),
            at,
            slot: None,
        }
    }

    /// When it ends.
    pub fn deadline(&self) -> Instant {
        self.timers.instant(self.at)
    }

    /// Starts it again, to end at `at`.
    fn reset(&mut self, at: u64) {
        self.at = at;
        if let Some(slot) = self.slot.take() {
            self.timers.remove(slot);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        task::check_waits_in_task("a timer of sws::time", cx, self.slot.is_none());
        match self.slot {
            None => self.slot = Some(self.timers.insert(self.at, cx.waker().clone())),
            Some(slot) => {
                if self.timers.poll(slot, cx.waker()) {
                    return Poll::Ready(());
                }
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.timers.remove(slot);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}

/// See [`interval`].
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
}

impl Interval {
    /// Waits for the next tick; returns the time that it was due.
    ///
    /// A tick that comes late moves the following ones: they never come in a burst, and never closer to each other
    /// than `period` unless an earlier one was late by less than that. Dropping the future loses no tick.
    pub async fn tick(&mut self) -> Instant {
        (&mut self.sleep).await;
        let due = self.sleep.at;
        let timers = &self.sleep.timers;
        let now = timers.at(Instant::now());
        let period = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX);
        let next = due.saturating_add(period);
        let instant = timers.instant(due);
        self.sleep.reset(if next > now {
            next
        } else {
            now.saturating_add(period)
        });
        instant
    }

    /// Time between ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}

pin_project_lite::pin_project! {
    /// See [`timeout`].
    #[derive(Debug)]
    #[must_use = "the future does not run until this is awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        #[pin]
        sleep: Sleep,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        this.sleep.poll(cx).map(|()| Err(Elapsed(())))
    }
}

/// The time given to [`timeout`] passed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    /// The HTTP status that says it to a client: 504, if what was waited for is another server's answer; else a
    /// handler may prefer 503.
    pub fn status(&self) -> u16 {
        504
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the time allowed had passed before the work was done; give it longer or do less",
        )
    }
}

impl error::Error for Elapsed {}
