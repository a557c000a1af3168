//! Cutting of lists so that their frames fit.

use std::io;
use std::io::Write;

use serde::Serialize;

use crate::Entry;
use crate::Epoch;
use crate::RoomName;
use crate::Seq;
use crate::limits::FRAME_BYTES;

/// Bytes of a value as JSON, counted without writing it.
pub(crate) fn json_len<T: Serialize + ?Sized>(value: &T) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).expect("strings are keys and numbers are finite");
    count.0
}

/// Which end of a list gives way where the list does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cut {
    /// The first items: what remains ends where the list ended.
    Front,
    /// The last items: what remains begins where the list began.
    #[default]
    Back,
}

/// Cuts the list to `budget` bytes of JSON, commas included, brackets not. Answers the bytes that
/// remain and whether something was cut.
pub(crate) fn cut<T: Serialize>(items: &mut Vec<T>, end: Cut, budget: usize) -> (usize, bool) {
    let mut used = 0;
    let mut fits = |item: &T| {
        let more = json_len(item) + usize::from(used > 0);
        let fits = used + more <= budget;
        if fits {
            used += more;
        }
        fits
    };
    let before = items.len();
    match end {
        Cut::Back => {
            let keep = items.iter().take_while(|item| fits(item)).count();
            items.truncate(keep);
        }
        Cut::Front => {
            let keep = items.iter().rev().take_while(|item| fits(item)).count();
            items.drain(..before - keep);
        }
    }
    (budget - used, items.len() < before)
}

/// One `entries` event, ready to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntriesFrame {
    /// The text of the frame.
    pub text: String,
    /// The last entry in it.
    pub last: Seq,
}

/// Packs entries, oldest first, into as few `entries` events as keep the order and fit a frame
/// each. Every entry is serialised once.
///
/// An entry within the limits always fits. One that does not (it was not stored by way of this
/// protocol) gets a frame of its own, which the gateway may refuse.
#[must_use]
pub fn entries_frames(room: &RoomName, epoch: Epoch, entries: &[Entry]) -> Vec<EntriesFrame> {
    const TAIL: &[u8] = b"]}";
    let head = format!(r#"{{"event":"entries","room":"{room}","epoch":{epoch},"items":["#);
    let mut frames: Vec<EntriesFrame> = Vec::new();
    let mut open = head.clone().into_bytes();
    let mut last = 0;
    let mut item = Vec::new();
    let mut close = |bytes: Vec<u8>, last| {
        let text = String::from_utf8(bytes).expect("JSON is UTF-8");
        frames.push(EntriesFrame { text, last });
    };
    for entry in entries {
        item.clear();
        serde_json::to_writer(&mut item, entry).expect("strings are keys and numbers are finite");
        let is_first = open.len() == head.len();
        if !is_first && open.len() + 1 + item.len() + TAIL.len() > FRAME_BYTES {
            open.extend_from_slice(TAIL);
            close(
                std::mem::replace(&mut open, head.clone().into_bytes()),
                last,
            );
        } else if !is_first {
            open.push(b',');
        }
        open.extend_from_slice(&item);
        last = entry.seq;
    }
    if open.len() > head.len() {
        open.extend_from_slice(TAIL);
        close(open, last);
    }
    frames
}

#[cfg(test)]
#[path = "pack_tests.rs"]
pub(crate) mod tests;
