use std::fmt::Write;

use proptest::prelude::ProptestConfig;
use proptest::proptest;

use super::*;
use crate::limits::FRAME_BYTES;
use crate::pack::tests::entry;

fn id() -> ActionId {
    "x".parse().unwrap()
}

fn room() -> RoomName {
    "lobby".parse().unwrap()
}

fn user() -> Sender {
    Sender {
        id: "ann".parse().unwrap(),
        name: String::from("Ann"),
    }
}

fn membership(room: &str) -> MembershipOk {
    let room = room.parse().unwrap();
    MembershipOk {
        room,
        kind: RoomKind::Private,
        role: Role::Owner,
        head: 3,
        read: 1,
        with: None,
    }
}

fn join(items: Vec<Entry>) -> Answer {
    Answer::Join(JoinOk {
        room: room(),
        kind: RoomKind::Public,
        epoch: 7,
        head: items.len() as Seq,
        role: None,
        subscribers: 1,
        items,
        more: false,
    })
}

fn state(items: Vec<Entry>, error: Option<RoomError>) -> RoomState {
    RoomState {
        epoch: 7,
        head: items.len() as Seq,
        items,
        more: false,
        error,
    }
}

fn hello(rooms: BTreeMap<RoomName, RoomState>, memberships: Vec<MembershipOk>) -> Answer {
    Answer::Hello(Box::new(HelloOk {
        protocol: String::from(crate::PROTOCOL),
        user: user(),
        expires_at: 7_200_000,
        limits: Limits::new(270_000),
        memberships,
        cursor: None,
        rooms,
    }))
}

#[test]
fn replies_are_written_as_the_protocol_says() {
    let stale = RoomError {
        code: Code::StaleEpoch,
        message: String::from("m"),
        floor: None,
    };
    let rooms = BTreeMap::from([(room(), state(Vec::new(), Some(stale)))]);
    let sent = |duplicate| {
        let (seq, at) = (Some(4), Some(5));
        Answer::Sent(SentOk {
            room: room(),
            epoch: 7,
            seq,
            at,
            duplicate,
            with: None,
        })
    };
    let answers = [
        hello(rooms.clone(), vec![membership("den")]),
        join(vec![entry(1, "hi")]),
        sent(false),
        sent(true),
        Answer::History(HistoryOk {
            items: vec![],
            head: 9,
            floor: 2,
            more: true,
            cut: Cut::Back,
        }),
        Answer::Sync(SyncOk { rooms }),
        Answer::Ping(PingOk {
            heads: BTreeMap::from([(room(), 4)]),
        }),
        Answer::Rooms(RoomsOk {
            memberships: vec![],
            cursor: Some(room()),
        }),
        Answer::Who(WhoOk {
            count: 1,
            users: vec![user()],
            cursor: None,
        }),
        Answer::Room(RoomOk {
            room: room(),
            role: Role::Owner,
        }),
        Answer::Done {},
    ];
    let mut lines = String::new();
    for answer in answers {
        writeln!(lines, "{}", ok_reply(&id(), answer, false)).unwrap();
    }
    writeln!(lines, "{}", ok_reply(&id(), Answer::Done {}, true)).unwrap();
    let mut error = ErrorReply {
        code: Code::RateLimited,
        message: String::from("m"),
        request: String::from("r"),
        retry_after_ms: Some(50),
        expected: None,
        floor: None,
    };
    writeln!(lines, "{}", error_reply(Some(&id()), &error)).unwrap();
    (error.code, error.retry_after_ms, error.expected) = (Code::Early, None, Some(3));
    writeln!(lines, "{}", error_reply(None, &error)).unwrap();
    expect_test::expect![[r#"
        {"reply":"x","ok":{"protocol":"gatepost.v1","user":{"id":"ann","name":"Ann"},"expires_at":7200000,"limits":{"ping_ms":270000,"frame":32768,"body":8192,"page":100,"rooms":100},"memberships":[{"room":"den","kind":"private","role":"owner","head":3,"read":1}],"rooms":{"lobby":{"epoch":7,"head":0,"items":[],"more":false,"error":{"code":"stale_epoch","message":"m"}}}}}
        {"reply":"x","ok":{"room":"lobby","kind":"public","epoch":7,"head":1,"role":null,"subscribers":1,"items":[{"seq":1,"at":1700000000000,"from":{"id":"ann","name":"Ann"},"kind":"message","body":{"text":"hi"}}],"more":false}}
        {"reply":"x","ok":{"room":"lobby","epoch":7,"seq":4,"at":5}}
        {"reply":"x","ok":{"room":"lobby","epoch":7,"seq":4,"at":5,"duplicate":true}}
        {"reply":"x","ok":{"items":[],"head":9,"floor":2,"more":true}}
        {"reply":"x","ok":{"rooms":{"lobby":{"epoch":7,"head":0,"items":[],"more":false,"error":{"code":"stale_epoch","message":"m"}}}}}
        {"reply":"x","ok":{"heads":{"lobby":4}}}
        {"reply":"x","ok":{"memberships":[],"cursor":"lobby"}}
        {"reply":"x","ok":{"count":1,"users":[{"id":"ann","name":"Ann"}]}}
        {"reply":"x","ok":{"room":"lobby","role":"owner"}}
        {"reply":"x","ok":{}}
        {"reply":"x","ok":{"degraded":true}}
        {"reply":"x","error":{"code":"rate_limited","message":"m","request":"r","retry_after_ms":50}}
        {"reply":null,"error":{"code":"early","message":"m","request":"r","expected":3}}
    "#]]
    .assert_eq(&lines);
}

fn reread(frame: &str) -> serde_json::Value {
    assert!(frame.len() <= FRAME_BYTES, "{} bytes", frame.len());
    serde_json::from_str(frame).unwrap()
}

fn entries(count: u64, length: usize) -> Vec<Entry> {
    (1..=count)
        .map(|seq| entry(seq, &"a".repeat(length)))
        .collect()
}

#[test]
fn a_join_that_does_not_fit_keeps_the_newest() {
    let reply = reread(&ok_reply(&id(), join(entries(50, 1_000)), false));
    let items = reply["ok"]["items"].as_array().unwrap();
    assert!(items.len() > 25);
    assert_eq!(items.last().unwrap()["seq"], 50);
    assert_eq!(reply["ok"]["more"], true);
}

#[test]
fn a_history_that_does_not_fit_keeps_what_is_next_to_what_was_asked() {
    for (cut, first, last) in [(Cut::Back, Some(1), None), (Cut::Front, None, Some(100))] {
        let items = entries(100, 1_000);
        let history = HistoryOk {
            items,
            head: 100,
            floor: 0,
            more: false,
            cut,
        };
        let reply = reread(&ok_reply(&id(), Answer::History(history), false));
        let items = reply["ok"]["items"].as_array().unwrap();
        assert!(items.len() > 25 && items.len() < 100);
        let seq = |entry: Option<&serde_json::Value>| entry.unwrap()["seq"].as_u64();
        assert!(first.is_none() || seq(items.first()) == first);
        assert!(last.is_none() || seq(items.last()) == last);
        assert_eq!(reply["ok"]["more"], true);
    }
}

#[test]
fn lists_of_rooms_and_users_that_do_not_fit_say_where_to_go_on() {
    let name = |number: usize| format!("{number:0>64}");
    let memberships = (0..400).map(|number| membership(&name(number))).collect();
    let rooms = Answer::Rooms(RoomsOk {
        memberships,
        cursor: None,
    });
    let reply = reread(&ok_reply(&id(), rooms, false));
    let listed = reply["ok"]["memberships"].as_array().unwrap();
    assert_eq!(reply["ok"]["cursor"], listed.last().unwrap()["room"]);

    let control = "\u{1}".repeat(60);
    let users = (0..400).map(|number| Sender {
        id: format!("{control}{number:04}").parse().unwrap(),
        name: "\"".repeat(64),
    });
    let who = Answer::Who(WhoOk {
        count: 400,
        users: users.collect(),
        cursor: None,
    });
    let reply = reread(&ok_reply(&"\u{1}".repeat(64).parse().unwrap(), who, true));
    let listed = reply["ok"]["users"].as_array().unwrap();
    assert!(!listed.is_empty());
    assert_eq!(reply["ok"]["cursor"], listed.last().unwrap()["id"]);
}

#[test]
fn a_room_without_much_to_say_leaves_its_share_to_the_others() {
    let rooms = BTreeMap::from([
        ("a".parse().unwrap(), state(Vec::new(), None)),
        ("b".parse().unwrap(), state(entries(100, 1_000), None)),
        ("c".parse().unwrap(), state(entries(100, 1_000), None)),
    ]);
    let frame = ok_reply(&id(), hello(rooms, vec![membership("den")]), false);
    let reply = reread(&frame);
    assert!(frame.len() > FRAME_BYTES - 3_000, "{} bytes", frame.len());
    let kept = |room: &str| {
        reply["ok"]["rooms"][room]["items"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(kept("a"), 0);
    assert!(kept("b").abs_diff(kept("c")) <= 1 && kept("b") > 10);
    assert_eq!(reply["ok"]["rooms"]["a"]["more"], false);
    assert_eq!(reply["ok"]["rooms"]["b"]["more"], true);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_reply_fits_a_frame_and_what_is_cut_says_so(
        rooms in proptest::collection::vec((0_u64..7, 0_usize..8_000), 0..=100),
        members in 0_usize..=100,
    ) {
        let name = |number: usize| format!("{number:0>64}");
        let held: usize = rooms.iter().map(|(count, _)| usize::try_from(*count).unwrap()).sum();
        let states: BTreeMap<RoomName, RoomState> = rooms
            .iter()
            .enumerate()
            .map(|(number, &(count, length))| {
                (name(number).parse().unwrap(), state(entries(count, length), None))
            })
            .collect();
        let memberships = (0..members).map(|number| membership(&name(number))).collect();
        let reply = reread(&ok_reply(&id(), hello(states, memberships), true));
        let listed = reply["ok"]["memberships"].as_array().unwrap().len();
        assert_eq!(reply["ok"].get("cursor").is_some(), listed < members && listed > 0);
        let mut kept = 0;
        for state in reply["ok"]["rooms"].as_object().unwrap().values() {
            let items = state["items"].as_array().unwrap().len();
            assert_eq!(state["more"] == true, (items as u64) < state["head"].as_u64().unwrap());
            kept += items;
        }
        assert!(kept <= held);
    }
}
