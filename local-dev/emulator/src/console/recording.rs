//! `GET /_gatepost/api/recording`: what happens with its bodies, for as long as somebody reads.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::Response;
use http::StatusCode;
use http_body_util::BodyExt;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde_json::json;

use crate::serve::Body;
use crate::serve::Front;
use crate::serve::Running;
use crate::serve::answer;

/// One JSON object a line: first `{"record": "session", …}`, then a record each.
pub(super) fn respond(front: &Front, running: &Running) -> Response<Body> {
    let shown = running.shown();
    let overview = &shown.overview;
    let session = json!({
        "record": "session", "version": 1, "at": running.clock.now_ms(),
        "template": overview.template, "stage": overview.stages[0].stage,
        "websocket": overview.endpoints.websocket,
    });
    let recording = front.recorder.listen();
    let first = Some(session.to_string());
    let records = stream::unfold((first, recording), |(first, mut recording)| async move {
        let record = match first {
            Some(session) => session,
            None => recording.next().await?,
        };
        let line = Bytes::from(record + "\n");
        Some((Ok::<_, Infallible>(Frame::data(line)), (None, recording)))
    });
    let body = StreamBody::new(records).boxed_unsync();
    answer(StatusCode::OK, "application/x-ndjson", body)
}
