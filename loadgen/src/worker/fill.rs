//! What the next batch of a connection is.

use super::Cold;
use crate::{
    clock::Nanos,
    conn::{Conn, flag},
    plan::Plan,
    template::{BATCH_BYTES, Draw, Template},
};

/// Makes the next batch out of up to `wanted` requests of the connection's template; returns how many.
#[inline]
pub(super) fn repeat(template: &Template, conn: &mut Conn, cold: &mut Cold, wanted: u64) -> u64 {
    let count = wanted.min(template.copies() as u64);
    conn.to_send = (count as usize * template.request_len()) as u32;
    if !template.is_static() {
        let mut draw = Draw {
            rng: &mut cold.rng,
            connection: conn.number,
        };
        cold.rendered.clear();
        for _ in 0..count {
            template.render(&mut draw, &mut cold.rendered);
        }
        template.seal(&mut cold.rendered, |payload| conn.expect(payload));
        conn.to_send = cold.rendered.len() as u32;
    }
    count
}

/// The same where every request may be of another template. In an open loop it was chosen when the request was given
/// to the connection.
pub(super) fn mix(plan: &Plan, conn: &mut Conn, cold: &mut Cold, wanted: u64, now: Nanos) -> u64 {
    cold.rendered.clear();
    let Some(pending) = &mut conn.pending else {
        return 0;
    };
    let mut count = 0;
    while u64::from(count) < wanted && cold.rendered.len() < BATCH_BYTES {
        if plan.open.is_none() {
            let template = plan.rotation.next(&mut cold.turn, &mut cold.rng);
            pending.add(now, template);
        }
        let Some(template) = pending.next_template(count) else {
            break;
        };
        let mut draw = Draw {
            rng: &mut cold.rng,
            connection: conn.number,
        };
        plan.templates[template as usize].render(&mut draw, &mut cold.rendered);
        count += 1;
    }
    conn.to_send = cold.rendered.len() as u32;
    conn.flags |= flag::SENDS_OWN;
    count.into()
}
