//! Short ways to say who and where.

use gatepost_protocol::ClientId;
use gatepost_protocol::ConnectionId;
use gatepost_protocol::Content;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::Sender;
use gatepost_protocol::UserId;
use gatepost_store::Append;
use gatepost_store::AppendKey;
use gatepost_store::Connection;
use gatepost_store::Dialect;
use gatepost_store::Subscriber;
use gatepost_store::Subscription;
use ring::digest;

/// When the tests of the registry happen.
pub(super) const NOW: Millis = 1_700_000_000_000;

/// How long the leases they take last.
pub(super) const LEASE: Millis = 600_000;

/// Ids that something between here and the table might take for one another, or for syntax.
pub(super) const LOOKALIKES: [&str; 14] = [
    "ann", "Ann", "ann ", " ann", "a}n", "a{n}", "a'n", "a\"n", "a\\n", "a n", "a|n", "a:n", "🙂",
    "e\u{301}",
];

pub(super) fn user(id: &str) -> UserId {
    id.parse().unwrap()
}

pub(super) fn room(name: &str) -> RoomName {
    name.parse().unwrap()
}

pub(super) fn conn(id: &str) -> ConnectionId {
    id.parse().unwrap()
}

/// A client whose name begins so.
pub(super) fn client(name: &str) -> ClientId {
    format!("{name:_<16}").parse().unwrap()
}

pub(super) fn subscriber(id: &str, of: &str) -> Subscriber {
    Subscriber {
        connection: conn(id),
        user: user(of),
        name: format!("Name of  {of}"),
        dialect: Dialect::V1,
    }
}

/// A connection with the usual lease and no client.
pub(super) fn connection(id: &str, of: &str) -> Connection {
    Connection {
        subscriber: subscriber(id, of),
        client: None,
        lease: NOW + LEASE,
    }
}

pub(super) fn with_client(id: &str, of: &str, name: &str) -> Connection {
    Connection {
        client: Some(client(name)),
        ..connection(id, of)
    }
}

/// A room of one shard, with its head at 0.
pub(super) fn into(name: &str) -> Subscription {
    Subscription {
        room: room(name),
        shards: 1,
        head: 0,
    }
}

pub(super) fn message(text: &str) -> Content {
    let body = serde_json::json!({ "text": text });
    Content::Message {
        body: body.as_object().unwrap().clone(),
        reply_to: None,
    }
}

/// A numbered send of a text.
pub(super) fn send(to: &str, from: &str, client_name: &str, n: u64, text: &str) -> Append {
    Append {
        key: AppendKey::Numbered {
            client: client(client_name),
            n,
        },
        ..keyed(to, from, "m", text)
    }
}

/// A send without a number.
pub(super) fn keyed(to: &str, from: &str, message_id: &str, text: &str) -> Append {
    let mut sha = [0; 32];
    sha.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    Append {
        room: room(to),
        from: Sender {
            id: user(from),
            name: format!("Name of {from}"),
        },
        key: AppendKey::Message(message_id.into()),
        content: message(text),
        digest: sha,
        moderates: false,
    }
}
