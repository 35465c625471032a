//! Every answer on a line of its own, for who does not believe in histograms.
//!
//! A thread of load only fills memory with records; another thread makes text of them. What is not written yet
//! waits in memory, so a slow disk delays no request.

use crate::{clock, clock::Nanos, error::Failure, files::Pending, mismatch::Kind};
use std::{
    collections::VecDeque,
    io::{self, Write},
    mem,
    path::PathBuf,
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, JoinHandle},
};

/// Records that are handed over at a time.
const CHUNK: usize = 4096;
const HEADER: &str = "end_unix_ns,phase,service_ns,response_ns,template,status,judgement";

/// The flag.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Flag {
    /// Write a line for every answer, as comma-separated values under a header: when it came (ns since 1970), warmup,
    /// window or drain, service and response time (ns; a closed loop has no response time), number of the template (from
    /// 0), status, and ok, or what was wrong: status, header, body. About 60 bytes each
    #[arg(long, value_name = "FILE")]
    pub raw_log: Option<PathBuf>,
}

/// Where in the run an answer came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Warmup,
    Window,
    Drain,
}

/// One answer.
#[derive(Clone, Copy, Debug)]
struct Answer {
    end: Nanos,
    service: Nanos,
    response: Option<Nanos>,
    template: u32,
    /// 0 for a message.
    status: u16,
    phase: Phase,
    wrong: Option<Kind>,
}

/// A log that can be written.
#[derive(Debug)]
pub(crate) struct RawLog(Pending);

/// A log that is being written.
#[derive(Debug)]
pub(crate) struct Writing {
    sender: Sender<Vec<Answer>>,
    writer: JoinHandle<Result<(), Failure>>,
}

/// The end of it that one thread of load has.
#[derive(Debug)]
pub(crate) struct Tap {
    sender: Sender<Vec<Answer>>,
    chunk: Vec<Answer>,
    /// Judged, and their times not yet known; oldest first.
    judged: VecDeque<(u16, Option<Kind>)>,
    /// When the answers came that are being looked at.
    pub now: Nanos,
    pub phase: Phase,
}

impl RawLog {
    /// Makes sure that the file can be written.
    pub(crate) fn maybe(flag: &Flag) -> Result<Option<Self>, Failure> {
        Ok(Pending::maybe(flag.raw_log.as_ref())?.map(Self))
    }

    /// Starts the thread that writes; it inherits which signals are held back.
    pub(crate) fn start(self) -> Result<Writing, Failure> {
        let (sender, receiver) = mpsc::channel();
        let writer = thread::Builder::new()
            .name("raw-log".into())
            .spawn(move || self.0.write(|out| write(out, &receiver)))
            .map_err(|error| Failure::Machine(format!("a thread could not be started: {error}")))?;
        Ok(Writing { sender, writer })
    }
}

impl Writing {
    /// For one more thread of load.
    pub(crate) fn tap(&self) -> Tap {
        Tap {
            sender: self.sender.clone(),
            chunk: Vec::with_capacity(CHUNK),
            judged: VecDeque::new(),
            now: 0,
            phase: Phase::default(),
        }
    }

    /// Writes what there still is, when no thread has a tap any more.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        drop(self.sender);
        let bug = |_| Failure::Machine("a thread ended by a bug of this program".into());
        self.writer.join().map_err(bug)?
    }
}

impl Tap {
    /// The next answer, the times of which follow.
    pub(crate) fn judged(&mut self, status: u16, wrong: Option<Kind>) {
        self.judged.push_back((status, wrong));
    }

    /// The times of the oldest answer without.
    pub(crate) fn timed(&mut self, template: u32, service: Nanos, response: Option<Nanos>) {
        let Some((status, wrong)) = self.judged.pop_front() else {
            return;
        };
        self.chunk.push(Answer {
            end: self.now,
            service,
            response,
            template,
            status,
            phase: self.phase,
            wrong,
        });
        if self.chunk.len() >= CHUNK {
            self.hand_over(Vec::with_capacity(CHUNK));
        }
    }

    fn hand_over(&mut self, next: Vec<Answer>) {
        // When it cannot be written any more, the writer says so in the end.
        let _ = self.sender.send(mem::replace(&mut self.chunk, next));
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.hand_over(Vec::new());
    }
}

fn write(out: &mut dyn Write, chunks: &Receiver<Vec<Answer>>) -> io::Result<()> {
    writeln!(out, "{HEADER}")?;
    // Once: answers keep their distance even where the wall clock is changed meanwhile.
    let origin = clock::unix(0);
    for answer in chunks.iter().flatten() {
        let Answer {
            end,
            service,
            response,
            template,
            status,
            phase,
            wrong,
        } = answer;
        let phase = match phase {
            Phase::Warmup => "warmup",
            Phase::Window => "window",
            Phase::Drain => "drain",
        };
        write!(out, "{},{phase},{service},", origin + end)?;
        if let Some(response) = response {
            write!(out, "{response}")?;
        }
        write!(out, ",{template},")?;
        if status > 0 {
            write!(out, "{status}")?;
        }
        let judgement = match wrong {
            None => "ok",
            Some(Kind::Status) => "status",
            Some(Kind::Header) => "header",
            Some(_) => "body",
        };
        writeln!(out, ",{judgement}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_gets_its_line_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.csv");
        let flag = Flag {
            raw_log: Some(path.clone()),
        };
        let log = RawLog::maybe(&flag).unwrap().unwrap().start().unwrap();
        let mut tap = log.tap();
        tap.now = clock::now();
        tap.judged(200, None);
        tap.judged(503, Some(Kind::Status));
        tap.timed(1, 70, None);
        tap.phase = Phase::Window;
        tap.timed(1, 80, None);
        for number in 0..2 * CHUNK as u64 {
            tap.judged(0, Some(Kind::Body));
            tap.timed(0, number, Some(number + 1));
        }
        assert!(!path.exists());
        drop(tap);
        log.finish().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let rest = |line: &'_ str| line.split_once(',').unwrap().1.to_owned();
        assert_eq!(lines[0], HEADER);
        assert_eq!(rest(lines[1]), "warmup,70,,1,200,ok");
        assert_eq!(rest(lines[2]), "window,80,,1,503,status");
        assert_eq!(rest(lines[3]), "window,0,1,0,,body");
        assert_eq!(lines.len(), 3 + 2 * CHUNK);
        let last = 2 * CHUNK - 1;
        assert_eq!(
            rest(lines[lines.len() - 1]),
            format!("window,{last},{},0,,body", last + 1)
        );
        let end: u64 = lines[1].split(',').next().unwrap().parse().unwrap();
        assert!(end > 1_700_000_000_000_000_000);
    }
}
