//! How connections end, and what becomes of the requests that are in flight on them then.

use super::{Conn, Phase};
use crate::{clock::Nanos, record::Record, trouble::Trouble};
use sws_proto::{
    http1::answer::AnswerError,
    ws::{self, handshake::client::Rejected},
};
use sws_ring::sys;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It has carried as many requests as it may.
    Quota,
    /// The server had announced to close: by a close frame, or by an answer after which it did not do so within
    /// the time that we give it.
    Announced,
    /// The server closed.
    Closed,
    /// The connection broke, by this errno.
    Broken(i32),
    /// It could not be made.
    ConnectFailed(i32),
    /// An answer could not be understood.
    Malformed(AnswerError),
    /// A frame could not be understood.
    BadFrame(ws::Error),
    /// The server did not agree to the upgrade.
    Rejected(Rejected),
    /// It ended before the answer to the upgrade.
    UpgradeCut,
    /// TLS has failed, in the handshake or later; the tally of TLS says how.
    Tls,
    /// It ended, in order or not, inside an answer.
    CutShort,
    /// Nothing moved for too long.
    Stuck,
}

impl Conn {
    /// Notes that the server ends a connection which is meant to last and owes nothing.
    #[cold]
    pub(crate) fn note_drop(&self, end: End, now: Nanos, number: u32, trouble: &mut Trouble) {
        if self.phase == Phase::Active && self.in_flight.count() == 0 {
            trouble.dropped.add(end, self.progress, now, || {
                (number, sys::local_address(self.fd))
            });
        }
    }

    /// Writes off what is still in flight, by the reason why the connection ends.
    pub(crate) fn write_off(&mut self, end: End, record: &mut Record<'_>, trouble: &mut Trouble) {
        let lost = u64::from(self.in_flight.clear());
        let books = &mut record.books;
        match end {
            End::Malformed(error) => {
                trouble.malformed[error.index()] += 1;
                // The oldest request is the one whose answer this was meant to be.
                let oldest = lost.min(1);
                books.malformed += oldest;
                books.lost += lost - oldest;
                trouble.unsolicited += 1 - oldest;
            }
            End::BadFrame(error) => {
                trouble.bad_frame(error);
                let oldest = lost.min(1);
                books.malformed += oldest;
                books.lost += lost - oldest;
            }
            End::Rejected(why) => trouble.reject(why),
            End::UpgradeCut => trouble.upgrades_cut += 1,
            End::CutShort => {
                let oldest = lost.min(1);
                trouble.closed_early += 1;
                books.cut_short += oldest;
                books.lost += lost - oldest;
                trouble.unsolicited += 1 - oldest;
            }
            End::Stuck => {
                books.timed_out += lost;
                trouble.stuck += 1;
            }
            End::Tls if self.phase == Phase::Securing => trouble.handshakes_failed += 1,
            End::Tls => {
                books.lost += lost;
                trouble.tls += 1;
            }
            End::ConnectFailed(errno) => *trouble.connect.entry(errno).or_default() += 1,
            End::Closed | End::Announced | End::Quota => {
                books.lost += lost;
                trouble.closed_early += u64::from(lost > 0);
            }
            End::Broken(errno) => {
                books.lost += lost;
                if lost > 0 {
                    trouble.broken += 1;
                    *trouble.receive.entry(errno).or_default() += 1;
                }
            }
        }
    }
}
