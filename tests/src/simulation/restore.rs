//! A log restored from a copy that is older.

use gatepost_protocol::Content;
use gatepost_protocol::Millis;
use gatepost_protocol::Seq;
use gatepost_store::memory::Log;
use gatepost_store::memory::Producer;

/// So many entries, or more: a text that was taken back is in no copy any more here, so that the copy
/// has its end too.
pub(super) fn with_its_ends(log: &Log, mut kept: Seq) -> Seq {
    for (seq, stored) in &log.entries {
        if let Content::Delete { target } = stored.entry.content
            && target <= kept
        {
            kept = kept.max(*seq);
        }
    }
    kept
}

/// Only the first entries are left, in another epoch.
pub(super) fn to(log: &mut Log, kept: Seq, now: Millis) {
    log.epoch = now.unsigned_abs().max(log.epoch + 1);
    log.head = kept.max(log.floor);
    log.entries.retain(|seq, _| *seq <= kept);
    log.producers.clear();
    for stored in log.entries.values() {
        let entry = &stored.entry;
        if let (Some(client), Some(last_n)) = (entry.client.clone(), entry.n) {
            let producer = Producer {
                last_n,
                updated_at: entry.at,
            };
            log.producers
                .insert((entry.from.id.clone(), client), producer);
        }
    }
    for person in log.people.values_mut() {
        person.read = person.read.min(kept);
    }
}
