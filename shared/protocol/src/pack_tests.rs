use proptest::proptest;

use super::*;
use crate::Body;
use crate::Content;
use crate::Event;
use crate::Sender;
use crate::limits::BODY_BYTES;

pub(crate) fn entry(seq: Seq, text: &str) -> Entry {
    let mut body = Body::new();
    body.insert(String::from("text"), serde_json::Value::from(text));
    Entry {
        seq,
        at: 1_700_000_000_000,
        from: Sender {
            id: "ann".parse().unwrap(),
            name: String::from("Ann"),
        },
        client: None,
        n: None,
        content: Content::Message {
            body,
            reply_to: None,
        },
    }
}

fn room() -> RoomName {
    "lobby".parse().unwrap()
}

#[test]
fn a_frame_is_the_entries_event() {
    let entries = [entry(1, "a"), entry(2, "b\"")];
    let frames = entries_frames(&room(), 7, &entries);
    let event = Event::Entries {
        room: room(),
        epoch: 7,
        items: entries.to_vec(),
    };
    assert_eq!(
        frames,
        [EntriesFrame {
            text: event.to_frame(),
            last: 2
        }]
    );
}

#[test]
fn no_entries_make_no_frame() {
    assert_eq!(entries_frames(&room(), 7, &[]), []);
}

#[test]
fn a_full_frame_is_filled_to_the_last_byte() {
    let fixed = json_len(&entry(1, ""));
    let around = Event::Entries {
        room: room(),
        epoch: 7,
        items: Vec::new(),
    }
    .to_frame()
    .len();
    let rest = FRAME_BYTES - around - 4 * fixed - 3;
    let entries = |last: usize| {
        let third = BODY_BYTES - 100;
        let mut entries: Vec<_> = (1..4).map(|seq| entry(seq, &"a".repeat(third))).collect();
        entries.push(entry(4, &"a".repeat(last)));
        (entries, rest - 3 * third)
    };
    let (_, fits) = entries(0);
    let exact = entries_frames(&room(), 7, &entries(fits).0);
    assert_eq!(
        exact
            .iter()
            .map(|frame| frame.text.len())
            .collect::<Vec<_>>(),
        [FRAME_BYTES]
    );
    let over = entries_frames(&room(), 7, &entries(fits + 1).0);
    assert_eq!(
        over.iter().map(|frame| frame.last).collect::<Vec<_>>(),
        [3, 4]
    );
}

proptest! {
    #[test]
    fn every_entry_is_in_one_frame_in_order_and_frames_are_as_few_as_can_be(
        lengths in proptest::collection::vec(0_usize..8_100, 0..60),
    ) {
        let entries: Vec<_> =
            (1..).zip(&lengths).map(|(seq, &length)| entry(seq, &"é".repeat(length / 2))).collect();
        let frames = entries_frames(&room(), 7, &entries);
        let mut unpacked = Vec::new();
        let mut before = 0;
        for frame in &frames {
            assert!(frame.text.len() <= FRAME_BYTES);
            let Event::Entries { items, .. } = serde_json::from_str(&frame.text).unwrap() else {
                panic!("{}", frame.text);
            };
            assert_eq!(items.last().map(|last| last.seq), Some(frame.last));
            // The first entry had no place in the frame before.
            if before > 0 {
                assert!(before + 1 + json_len(&items[0]) > FRAME_BYTES);
            }
            before = frame.text.len();
            unpacked.extend(items);
        }
        assert_eq!(unpacked, entries);
    }
}
