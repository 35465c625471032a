//! What one thread has measured.

use crate::{
    books::Books,
    checks::{Checked, Checker, Fit},
    clock::Nanos,
    error::Failure,
    histogram::Latencies,
    mismatch::Kind,
    plan::Plan,
    raw_log::{Phase, Tap},
    socket::Upgrade,
    status::Expected,
    tls,
};
use sws_proto::http1::answer::{Answer, HeadCache};

const STATUS_COUNT: usize = 1000;
/// Where echoes are counted.
const ECHO_STATUS: usize = 200;

/// Counters of the part of the run that is under way; those of the window are what is reported.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub bytes: u64,
    pub reconnects: u64,
    /// Messages that the server sent by itself, where that is wanted.
    pub pushed: u64,
    pub checked: Checked,
    /// Answers by status code. An answer with a wrong field or body is in none: it is no success of any class.
    codes: Box<[u64; STATUS_COUNT]>,
    pub templates: Vec<TemplateTally>,
    /// From the send: service time.
    pub latencies: Latencies,
    /// Only in an open loop.
    pub open: Option<Box<OpenTally>>,
}

/// What became of requests that were due at a certain time.
#[derive(Clone, Debug)]
pub(crate) struct OpenTally {
    /// Requests that fell due.
    pub due: u64,
    /// Of those, dropped because they had waited for too long.
    pub shed: u64,
    /// Of those sent, not at once: no connection was free.
    pub waited: u64,
    /// The longest time from a request's due time to its send.
    pub longest_wait: Nanos,
    /// How late this program noticed that a request was due.
    pub lag: Latencies,
    /// From when a request was due: response time.
    pub response: Latencies,
}

impl OpenTally {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            due: 0,
            shed: 0,
            waited: 0,
            longest_wait: 0,
            lag: Latencies::new()?,
            response: Latencies::new()?,
        })
    }

    fn clear(&mut self) {
        (self.due, self.shed, self.waited, self.longest_wait) = (0, 0, 0, 0);
        self.lag.clear();
        self.response.clear();
    }

    fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.shed += other.shed;
        self.waited += other.waited;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.lag.merge(&other.lag);
        self.response.merge(&other.response);
    }
}

/// Counters of one template.
#[derive(Clone, Debug, Default)]
pub(crate) struct TemplateTally {
    pub answers: u64,
    /// Answers of class 2xx (and with the expected body).
    pub ok_2xx: u64,
    /// Only when asked for, and with more than one template.
    pub latencies: Option<Latencies>,
}

/// Judges and counts the answers of one thread.
#[derive(Debug)]
pub(crate) struct Record<'p> {
    pub books: Books,
    pub tally: Tally,
    /// One cache for each template, because answers to different requests have different heads.
    pub caches: Vec<HeadCache>,
    pub checker: Checker<'p>,
    /// When messages are sent and not requests.
    pub upgrade: Option<&'p Upgrade>,
    /// With TLS.
    pub tls: Option<Box<tls::Tally>>,
    /// For the decoder of messages.
    pub scratch: Vec<u8>,
    expect_status: &'p Expected,
    log: Option<Box<Tap>>,
    /// Whether more is done with a latency than to record it once.
    is_detailed: bool,
}

impl Tally {
    /// All zero.
    pub(crate) fn new(plan: &Plan) -> Result<Self, Failure> {
        let with_latencies = plan.template_latency && plan.templates.len() > 1;
        let templates = plan.templates.iter().map(|_| {
            Ok(TemplateTally {
                latencies: with_latencies.then(Latencies::new).transpose()?,
                ..TemplateTally::default()
            })
        });
        Ok(Self {
            bytes: 0,
            reconnects: 0,
            pushed: 0,
            checked: Checked::default(),
            codes: Box::new([0; STATUS_COUNT]),
            templates: templates.collect::<Result<_, Failure>>()?,
            latencies: Latencies::new()?,
            open: plan
                .open
                .as_ref()
                .map(|_| OpenTally::new().map(Box::new))
                .transpose()?,
        })
    }

    /// [`headline`](Self::headline), to be recorded to.
    pub(crate) fn headline_mut(&mut self) -> &mut Latencies {
        match &mut self.open {
            Some(open) => &mut open.response,
            None => &mut self.latencies,
        }
    }

    /// What a user waited for: response time in an open loop, where it is known, else service time.
    pub(crate) fn headline(&self) -> &Latencies {
        self.open
            .as_ref()
            .map_or(&self.latencies, |open| &open.response)
    }

    /// Back to zero.
    pub(crate) fn clear(&mut self) {
        self.bytes = 0;
        self.reconnects = 0;
        self.pushed = 0;
        self.checked = Checked::default();
        self.codes.fill(0);
        self.latencies.clear();
        if let Some(open) = &mut self.open {
            open.clear();
        }
        for template in &mut self.templates {
            template.answers = 0;
            template.ok_2xx = 0;
            if let Some(latencies) = &mut template.latencies {
                latencies.clear();
            }
        }
    }

    /// Adds another thread's counters.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.reconnects += other.reconnects;
        self.pushed += other.pushed;
        self.checked += other.checked;
        for (sum, count) in self.codes.iter_mut().zip(other.codes.iter()) {
            *sum += count;
        }
        self.latencies.merge(&other.latencies);
        if let (Some(open), Some(other)) = (&mut self.open, &other.open) {
            open.merge(other);
        }
        for (sum, template) in self.templates.iter_mut().zip(&other.templates) {
            sum.answers += template.answers;
            sum.ok_2xx += template.ok_2xx;
            if let (Some(sum), Some(latencies)) = (&mut sum.latencies, &template.latencies) {
                sum.merge(latencies);
            }
        }
    }

    /// Status codes that occurred, with their counts.
    pub(crate) fn codes(&self) -> impl Iterator<Item = (usize, u64)> {
        let codes = self.codes.iter().copied().enumerate();
        codes.filter(|(_, count)| *count > 0)
    }

    /// Answers with a status in `hundreds * 100 ..= hundreds * 100 + 99`.
    pub(crate) fn class(&self, hundreds: usize) -> u64 {
        self.codes[hundreds * 100..(hundreds + 1) * 100]
            .iter()
            .sum()
    }

    /// Answers with a status outside 200 to 599.
    pub(crate) fn other_classes(&self) -> u64 {
        let all: u64 = self.codes.iter().sum();
        all - (2..=5).map(|hundreds| self.class(hundreds)).sum::<u64>()
    }
}

impl<'p> Record<'p> {
    /// Nothing recorded yet; of one thread.
    pub(crate) fn new(plan: &'p Plan, thread: u32) -> Result<Self, Failure> {
        Ok(Self {
            books: Books::default(),
            tally: Tally::new(plan)?,
            caches: plan
                .templates
                .iter()
                .map(|template| HeadCache::new(template.kind))
                .collect(),
            upgrade: plan.upgrade.as_ref(),
            tls: plan
                .tls
                .as_ref()
                .map(|_| tls::Tally::new().map(Box::new))
                .transpose()?,
            scratch: Vec::new(),
            expect_status: &plan.expect_status,
            checker: Checker::new(&plan.checks, plan.thread_share(thread), plan.seed),
            log: None,
            is_detailed: plan.template_latency,
        })
    }

    /// Has every answer written down from now on, or no longer.
    pub(crate) fn log(&mut self, tap: Option<Tap>) {
        self.is_detailed |= tap.is_some();
        self.log = tap.map(Box::new);
    }

    /// Answers that are looked at from now on came at `now`.
    #[inline]
    pub(crate) fn seen(&mut self, now: Nanos) {
        if let Some(log) = &mut self.log {
            log.now = now;
        }
    }

    /// Another part of the run begins.
    pub(crate) fn enter(&mut self, phase: Phase) {
        if let Some(log) = &mut self.log {
            log.phase = phase;
        }
    }

    /// Counts the answer to a request; says what is wrong with it, if anything is.
    #[inline]
    pub(crate) fn answer(&mut self, template: u32, answer: Answer, fit: Fit) -> Option<Kind> {
        let template = &mut self.tally.templates[template as usize];
        let status = answer.status;
        template.answers += 1;
        if fit == Fit::Yes {
            template.ok_2xx += u64::from(status.wrapping_sub(200) < 100);
            self.tally.codes[usize::from(status) % STATUS_COUNT] += 1;
        }
        let wrong = if !self.expect_status.contains(status) {
            self.books.wrong_status += 1;
            Some(Kind::Status)
        } else {
            match fit {
                Fit::Yes => {
                    self.books.ok += 1;
                    None
                }
                Fit::Header => {
                    self.books.wrong_header += 1;
                    Some(Kind::Header)
                }
                Fit::Body => {
                    self.books.wrong_body += 1;
                    Some(Kind::Body)
                }
            }
        };
        if let Some(log) = &mut self.log {
            log.judged(status, wrong);
        }
        wrong
    }

    /// The statuses that are right, as the user would say it.
    pub(crate) fn right_status(&self) -> String {
        self.expect_status.name()
    }

    /// Counts the answer to a message. The arena reads an echo as an answer of class 2xx.
    #[inline]
    pub(crate) fn echo(&mut self, matches: bool) {
        let tally = &mut self.tally.templates[0];
        tally.answers += 1;
        if matches {
            tally.ok_2xx += 1;
            self.tally.codes[ECHO_STATUS] += 1;
            self.books.ok += 1;
        } else {
            self.books.wrong_body += 1;
        }
        if let Some(log) = &mut self.log {
            log.judged(0, (!matches).then_some(Kind::Body));
        }
    }

    /// Records how long the answer took to a request that was due, and sent, at these times.
    pub(crate) fn response(&mut self, template: u32, due: Nanos, sent: Nanos, now: Nanos) {
        let service = now.saturating_sub(sent);
        self.tally.latencies.record(service, 1);
        let latency = now.saturating_sub(due);
        if let Some(open) = &mut self.tally.open {
            open.response.record(latency, 1);
        }
        if let Some(log) = &mut self.log {
            let response = self.tally.open.is_some().then_some(latency);
            log.timed(template, service, response);
        }
        if let Some(latencies) = &mut self.tally.templates[template as usize].latencies {
            latencies.record(latency, 1);
        }
    }

    /// Records the latency of `count` answers.
    #[inline]
    pub(crate) fn latency(&mut self, template: u32, latency: Nanos, count: u64) {
        self.tally.latencies.record(latency, count);
        if self.is_detailed {
            self.detail(template, latency, count);
        }
    }

    #[cold]
    fn detail(&mut self, template: u32, latency: Nanos, count: u64) {
        if let Some(latencies) = &mut self.tally.templates[template as usize].latencies {
            latencies.record(latency, count);
        }
        if let Some(log) = &mut self.log {
            for _ in 0..count {
                log.timed(template, latency, None);
            }
        }
    }
}
