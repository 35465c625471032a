//! A client and the two ends of its socket.

use super::{
    Random,
    answers::{Expected, Reader},
};
use std::time::Duration;
use sws_ring::Token;

/// When a client has said its last byte and sends FIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Behind its last request; it still reads.
    AfterRequests,
    /// When it has all answers.
    AfterAnswers,
    /// When it has seen the server's FIN.
    AfterServer,
    /// Never: the server has to give it up.
    Never,
    /// Behind its last request, and it does not listen any more: what is sent to it is answered by a reset.
    Leaves,
}

/// What a client is late with on purpose, so that the server closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// Another request.
    Request,
    /// The rest of a head that begins at this position.
    Head(usize),
    /// The rest of a body that begins at this position.
    Body(usize),
    /// Nothing: a handler does not answer.
    Answer,
    /// Reading.
    Reading,
}

/// What a client does; the rest is chance.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) says: Vec<u8>,
    /// Where each request ends.
    pub(crate) requests: Vec<usize>,
    /// It waits for each answer before it goes on.
    pub(crate) waits: bool,
    pub(crate) expected: Vec<Expected>,
    pub(crate) ends: Ends,
    pub(crate) late: Option<Late>,
    /// It resets the connection when so many bytes have gone to and fro.
    pub(crate) resets_after: Option<usize>,
    /// What its end of the connection holds unread.
    pub(crate) window: usize,
    /// How often one that is late pauses before: never too long.
    pub(crate) pauses: u32,
    /// Another reactor accepted it.
    pub(crate) handed: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    pub(crate) token: Token,
    pub(crate) bulk: bool,
    pub(crate) cancelled: bool,
}

/// Memory that was given to be sent, and what was in it then.
#[derive(Debug)]
pub(crate) struct Send {
    pub(crate) token: Token,
    data: *const u8,
    pub(crate) bytes: Vec<u8>,
}

impl Send {
    /// # Safety
    /// As for the engine's sends: `data` is readable for `len` bytes until the end of the send.
    pub(crate) unsafe fn new(token: Token, data: *const u8, len: u32) -> Self {
        assert!(len > 0, "nothing is sent");
        // SAFETY: the caller's promise.
        let bytes = unsafe { std::slice::from_raw_parts(data, len as usize) }.to_vec();
        Self { token, data, bytes }
    }

    pub(crate) fn check(&self) {
        // SAFETY: the reactor's promise, which is what is tested: a wrong reactor shows here, one way or the other.
        let now = unsafe { std::slice::from_raw_parts(self.data, self.bytes.len()) };
        assert!(now == self.bytes, "memory changed while it was being sent");
    }
}

/// When something was last reported to the reactor, in milliseconds of its own clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) accepted: u64,
    pub(crate) attached: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// The first byte of the head that stays incomplete.
    pub(crate) head: u64,
    /// The peer took bytes, or the kernel did.
    pub(crate) progress: u64,
    pub(crate) fin: u64,
}

/// Where the server's end of a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Server {
    /// Not accepted.
    Outside,
    Open,
    /// It has sent FIN.
    Fin,
    Closed,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) script: Script,
    pub(crate) reader: Reader,
    /// The longest answer, about.
    pub(crate) longest: usize,
    /// Bytes of the script that have reached the server's end; that the reactor was told of.
    pub(crate) arrived: usize,
    pub(crate) received: usize,
    pub(crate) fin: bool,
    /// Bytes that the server's kernel took; how many of them the client did.
    pub(crate) heard: Vec<u8>,
    pub(crate) taken: usize,
    /// The connection was reset, by whomever.
    pub(crate) reset: bool,
    /// It was the client: what is missing is its own fault.
    gave_up: bool,
    pub(crate) server: Server,
    pub(crate) shut: bool,
    pub(crate) linger_zero: bool,
    pub(crate) token: Option<Token>,
    pub(crate) receive: Option<Receive>,
    pub(crate) send: Option<Send>,
    pub(crate) wants_writable: bool,
    /// It pauses until then.
    pub(crate) until: u64,
    pub(crate) times: Times,
    /// In the list of those that may have something to do.
    pub(crate) awake: bool,
    /// It was refused, given away or could not be taken in.
    pub(crate) excused: bool,
}

impl Client {
    pub(crate) fn new(mut script: Script) -> Self {
        Self {
            longest: script
                .expected
                .iter()
                .map(Expected::size)
                .max()
                .unwrap_or(0),
            reader: Reader::new(std::mem::take(&mut script.expected)),
            script,
            arrived: 0,
            received: 0,
            fin: false,
            heard: Vec::new(),
            taken: 0,
            reset: false,
            gave_up: false,
            server: Server::Outside,
            shut: false,
            linger_zero: false,
            token: None,
            receive: None,
            send: None,
            wants_writable: false,
            until: 0,
            times: Times::default(),
            awake: false,
            excused: false,
        }
    }

    /// Bytes in the server's send queue.
    pub(crate) fn queued(&self) -> usize {
        self.heard.len() - self.taken
    }

    /// Bytes that the server's kernel takes now.
    pub(crate) fn space(&self) -> usize {
        self.script.window.saturating_sub(self.queued())
    }

    /// Whether the server's kernel has room enough to go on with a send: that takes a third of all, as in TCP.
    pub(crate) fn has_room(&self) -> bool {
        self.space() > self.script.window / 3
    }

    /// Whether a receive would end or bring something.
    pub(crate) fn readable(&self) -> bool {
        self.arrived > self.received || self.fin || self.reset || self.shut
    }

    pub(crate) fn broken(&self) -> bool {
        self.reset || self.shut
    }

    /// Takes bytes into the server's send queue, at most `limit`.
    pub(crate) fn take(&mut self, bytes: &[u8], limit: usize, now: u64) -> usize {
        let taken = bytes.len().min(self.space()).min(limit);
        self.heard.extend_from_slice(&bytes[..taken]);
        if taken > 0 {
            self.times.progress = now;
            if self.script.ends == Ends::Leaves && self.fin {
                self.give_up();
            }
        }
        taken
    }

    /// The server has closed its end.
    pub(crate) fn close(&mut self) {
        self.server = Server::Closed;
        // What was not read, and what is said after, is answered by a reset, which eats what is on its way.
        if self.linger_zero || self.arrived > self.received {
            self.reset();
        }
    }

    fn reset(&mut self) {
        self.reset = true;
        self.heard.truncate(self.taken);
    }

    fn give_up(&mut self) {
        self.gave_up = true;
        self.reset();
    }

    /// Does something, or not. Says whether it could.
    pub(crate) fn act(&mut self, random: &mut Random, now: u64, timeouts: &Timeouts) -> bool {
        if self.reset {
            return false;
        }
        let (mut speaks, mut takes, ends) = (self.may_say(), self.may_take(), self.may_end());
        let reading = self.script.late == Some(Late::Reading);
        if now < self.until {
            *(if reading { &mut takes } else { &mut speaks }) = 0;
        }
        let before = if reading { self.taken } else { self.arrived };
        if speaks > 0 && random.one_in(2) {
            let len = 1 + random.below(speaks);
            self.arrived += if random.one_in(4) { len } else { speaks };
            if self.server == Server::Closed {
                self.reset();
                return true;
            }
        }
        if takes > 0 && random.one_in(2) {
            let len = 1 + random.below(takes);
            self.taken += if random.one_in(4) { len } else { takes };
            self.times.progress = now;
            self.reader.read(&self.heard[..self.taken]);
        }
        if ends && random.one_in(2) {
            self.fin = true;
        }
        let after = if reading { self.taken } else { self.arrived };
        if self.script.pauses > 0
            && after > before
            && let Some(most) = self.may_pause(timeouts)
        {
            self.script.pauses -= 1;
            self.until = now + random.next() % most;
        }
        let to_and_fro = self.arrived + self.taken;
        if self
            .script
            .resets_after
            .is_some_and(|after| to_and_fro >= after)
        {
            self.give_up();
        }
        speaks > 0 || takes > 0 || ends
    }

    /// How long it may pause where it is now.
    fn may_pause(&self, timeouts: &Timeouts) -> Option<u64> {
        let said = self.arrived;
        let timeout = match self.script.late? {
            Late::Request => self
                .script
                .requests
                .contains(&said)
                .then_some(timeouts.idle),
            // A head's time does not begin again with each byte.
            Late::Head(start) => {
                (said > start).then_some(timeouts.head / u64::from(self.script.pauses + 1))
            }
            Late::Body(start) => (said > start).then_some(timeouts.body),
            Late::Reading => Some(timeouts.write),
            Late::Answer => None,
        };
        timeout.map(|timeout| timeout - timeout / 10)
    }

    fn may_say(&self) -> usize {
        if self.fin {
            return 0;
        }
        let requests = &self.script.requests;
        let end = if self.script.waits {
            requests.get(self.reader.count)
        } else if self.script.pauses > 0 {
            requests.iter().find(|&&end| end > self.arrived)
        } else {
            None
        };
        let end = end.copied();
        end.unwrap_or(self.script.says.len())
            .saturating_sub(self.arrived)
    }

    fn may_take(&self) -> usize {
        let here = self.heard.len() - self.taken;
        match self.script.late {
            // It reads something, so that it is not taken for one that never did.
            Some(Late::Reading) => {
                let all = 1000 * (MOST_PAUSES - self.script.pauses) as usize;
                here.min(all.saturating_sub(self.taken))
            }
            _ => here,
        }
    }

    /// Whether it has seen the server's FIN.
    fn server_ended(&self) -> bool {
        self.server >= Server::Fin && self.taken == self.heard.len()
    }

    fn may_end(&self) -> bool {
        !self.fin
            && (self.arrived == self.script.says.len() || self.server_ended())
            && match self.script.ends {
                Ends::AfterRequests | Ends::Leaves => true,
                Ends::AfterAnswers => self.reader.has_all() || self.server_ended(),
                Ends::AfterServer => self.server_ended(),
                Ends::Never => false,
            }
    }

    /// The server closes, or sends FIN, at `now`; in its turn before it was `before`. Both are looked at by the deadline that
    /// the client makes it keep.
    pub(crate) fn check_deadline(&self, now: u64, before: u64, timeouts: &Timeouts) {
        let (times, slack) = (&self.times, timeouts.slack);
        if self.server == Server::Fin {
            if !self.broken() && !self.fin && !self.excused {
                assert!(now >= times.fin + timeouts.linger, "given up early");
            }
            assert!(
                before <= times.fin + timeouts.linger + slack,
                "given up late"
            );
            return;
        }
        if self.broken() || self.fin || self.excused {
            return;
        }
        // An answer that comes later is a beginning, too, and shows in what it sends.
        let sent = times.sent.max(times.progress);
        let last = times.received.max(sent).max(times.attached);
        let (from, until, timeout) = match self.script.late {
            Some(Late::Request) => (times.received.max(times.accepted), last, timeouts.idle),
            Some(Late::Head(_)) => (times.head, times.head.max(sent), timeouts.head),
            Some(Late::Body(_)) => (times.received, last, timeouts.body),
            Some(Late::Answer) => (times.received, last, timeouts.answer),
            Some(Late::Reading) => {
                // It is looked for twice in that time.
                let last = times.progress.max(times.sent);
                (times.progress, last + timeouts.write / 2, timeouts.write)
            }
            None => return,
        };
        assert!(
            now >= from + timeout,
            "cut off {} ms early: {:?}",
            from + timeout - now,
            self.script.late
        );
        assert!(
            before <= until + timeout + slack,
            "cut off {} ms late: {:?}",
            before - until - timeout,
            self.script.late
        );
    }

    /// What must hold in the end.
    pub(crate) fn check_end(&mut self, ended: Ended) {
        self.reader.read(&self.heard);
        let outside = self.server == Server::Outside && ended == Ended::Stopped;
        let left = self.script.ends == Ends::Leaves && self.fin;
        if self.gave_up || left || self.excused || outside || ended == Ended::Jumped {
            return;
        }
        if self.script.late == Some(Late::Reading) {
            let reset = self.linger_zero || self.reader.has_all();
            assert!(reset || ended == Ended::Stopped, "it was not reset");
            return;
        }
        assert!(self.reader.is_whole(&self.heard), "half an answer");
        let all = self.reader.has_all();
        assert!(
            all || ended == Ended::Stopped,
            "only {} answers came",
            self.reader.count
        );
    }
}

/// How much later than its tick a deadline may be kept: two ticks' rounding, the coarse clock, and what the last answer
/// takes to go out.
const SLACK_MILLIS: u64 = 100 + 100 + 2 * 10 + 600;

/// The most pauses of one client.
pub(crate) const MOST_PAUSES: u32 = 5;

/// How a script ended, which decides what a client may claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All was said and done: every answer came.
    Done,
    /// The server was stopped: no answer is cut.
    Stopped,
    /// Time jumped or there was none left: anybody may have been late.
    Jumped,
}

/// The reactor's timeouts in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) idle: u64,
    pub(crate) head: u64,
    pub(crate) body: u64,
    pub(crate) write: u64,
    pub(crate) answer: u64,
    pub(crate) linger: u64,
    pub(crate) slack: u64,
}

impl Timeouts {
    pub(crate) fn new(config: &crate::Config) -> Self {
        let millis = |duration: Duration| duration.as_millis() as u64;
        Self {
            idle: millis(config.idle_timeout),
            head: millis(config.head_timeout),
            body: millis(config.body_timeout),
            write: millis(config.write_timeout),
            answer: config.handler_timeout.map_or(u64::MAX / 4, millis),
            linger: 5000,
            slack: SLACK_MILLIS,
        }
    }
}
