//! `GET /_gatepost/api/events`: facts as they come, or those after a number.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http::Response;
use http::StatusCode;
use http::header;
use http_body_util::BodyExt;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::json;

use crate::facts::Entry;
use crate::facts::Journal;
use crate::serve::Body;
use crate::serve::answer;
use crate::serve::json;

/// Facts in one answer, or in one piece of a stream.
const AT_ONCE: usize = 500;

/// Facts after `?after=NUMBER` (0 by default). With `Accept: text/event-stream` they follow one
/// another for ever, each with its number as `id`, so that a browser that lost the connection goes
/// on where it was (HTML, "Server-sent events"); else `{"events": […]}` with at most 500 that are
/// there.
pub(super) fn events(
    journal: &Arc<Journal>,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Response<Body> {
    let number = |text: &str| text.parse::<u64>().ok();
    let last_seen = headers
        .get("last-event-id")
        .and_then(|id| number(id.to_str().ok()?));
    let after = last_seen.or_else(|| {
        let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(name, _)| *name == "after")
            .find_map(|(_, value)| number(value))
    });
    // A number that is not reached yet was given by an emulator that ran before this one.
    let after = after
        .filter(|after| *after <= *journal.last().borrow())
        .unwrap_or(0);
    let streams = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept.as_bytes().starts_with(b"text/event-stream"));
    if streams {
        return answer(
            StatusCode::OK,
            "text/event-stream",
            follow(Arc::clone(journal), after),
        );
    }
    let entries = journal.after(after, AT_ONCE);
    let events: Vec<&Entry> = entries.iter().map(Arc::as_ref).collect();
    json(StatusCode::OK, &json!({ "events": events }))
}

/// A body that goes on until the client leaves.
fn follow(journal: Arc<Journal>, after: u64) -> Body {
    let last = journal.last();
    let pieces = stream::unfold(
        (journal, last, after),
        |(journal, mut last, after)| async move {
            loop {
                // Marked as seen before it is looked at: what comes meanwhile wakes the wait below.
                last.borrow_and_update();
                let entries = journal.after(after, AT_ONCE);
                let Some(newest) = entries.last() else {
                    last.changed().await.ok()?;
                    continue;
                };
                let after = newest.number;
                let piece = Ok::<_, Infallible>(Frame::data(Bytes::from(piece(&entries))));
                return Some((piece, (journal, last, after)));
            }
        },
    );
    StreamBody::new(pieces).boxed_unsync()
}

fn piece(entries: &[Arc<Entry>]) -> String {
    let mut text = String::new();
    for entry in entries {
        write!(text, "id: {}\ndata: {}\n\n", entry.number, entry.json())
            .expect("writing to a String cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::facts::Fact;
    use crate::facts::Kind;
    use crate::facts::Outlet;

    fn journal(facts: u64) -> Arc<Journal> {
        let journal = Journal::new(Outlet::none());
        (1..=facts).for_each(|at| {
            journal.record(Fact {
                at,
                kind: Kind::Stopping,
            })
        });
        Arc::new(journal)
    }

    async fn numbers(journal: &Arc<Journal>, query: Option<&str>) -> Vec<u64> {
        let response = events(journal, query, &HeaderMap::new());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let events = body["events"].as_array().unwrap();
        events
            .iter()
            .map(|event| event["number"].as_u64().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn facts_after_a_number_are_answered() {
        let journal = journal(3);
        assert_eq!(numbers(&journal, None).await, [1, 2, 3]);
        assert_eq!(numbers(&journal, Some("x=1&after=2")).await, [3]);
        assert!(numbers(&journal, Some("after=3")).await.is_empty());
        assert_eq!(numbers(&journal, Some("after=4000")).await, [1, 2, 3]);
        assert_eq!(numbers(&journal, Some("after=x")).await, [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_stream_goes_on_after_the_last_event_that_was_seen() {
        let journal = journal(2);
        let mut headers = HeaderMap::new();
        headers.insert(
            header::ACCEPT,
            HeaderValue::from_static("text/event-stream"),
        );
        headers.insert("last-event-id", HeaderValue::from_static("1"));
        let mut body = events(&journal, None, &headers).into_body();
        let mut next = async || {
            let frame = body.frame().await.unwrap().unwrap();
            String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
        };
        assert!(next().await.starts_with("id: 2\ndata: {\"number\":2,"));
        journal.record(Fact {
            at: 9,
            kind: Kind::Stopping,
        });
        let third = next().await;
        assert!(third.starts_with("id: 3\ndata: {"), "{third}");
        assert!(third.ends_with("}\n\n"), "{third}");
    }
}
