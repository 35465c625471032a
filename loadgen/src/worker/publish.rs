//! What is shown of this thread while the run goes on.

use super::{Worker, stages::CpuUse};
use crate::{
    clock::Nanos,
    live::{Counts, Errors},
};

impl Worker<'_> {
    /// Puts up what was counted until now, when anybody looks. A window has just ended.
    #[cold]
    pub(super) fn publish(&mut self, now: Nanos) {
        let Some(board) = self.control.board() else {
            return;
        };
        let Some(mut slot) = board.slot(self.number) else {
            return;
        };
        let (books, tally) = (&self.record.books, &self.record.tally);
        let reading = CpuUse::reading(now);
        let before = self.published.replace(reading);
        let before = before.unwrap_or_else(|| self.stages.cpu_at_begin());
        slot.busy = reading.since(before).busy();
        slot.at = now;
        slot.latencies.extend(self.stages.last_latencies().cloned());
        slot.counts = Counts {
            sent: books.sent,
            answers: books.answered(),
            bytes: tally.bytes,
            reconnects: tally.reconnects,
            codes: tally.codes().collect(),
            templates: tally
                .templates
                .iter()
                .map(|template| template.answers)
                .collect(),
            errors: Errors {
                connect: self.trouble.connects_failed(),
                read: self.trouble.read_errors(),
                timeout: self.trouble.stuck,
                wrong: books.wrong_status + books.wrong_body,
                unsolicited: self.trouble.unsolicited,
            },
        };
    }
}
