//! Faults of `@connections`.

use gatepost_gateway::Fault;
use gatepost_gateway::Step;
use http::StatusCode;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::super::client::Client;
use super::super::served::Answer;
use super::super::served::Served;
use super::super::served::Wanted;
use super::super::served::api;
use super::LATE;

struct Stage {
    served: Served,
    client: Client,
    path: String,
}

impl Stage {
    async fn new(wanted: Wanted) -> Self {
        let served = wanted.serve().await;
        let client = served.connect().await;
        let id = served.only_id().replace('=', "%3D");
        let path = format!("/local/@connections/{id}");
        Self {
            served,
            client,
            path,
        }
    }

    async fn call(&self, method: &str, body: &str) -> Answer {
        self.served.http(method, &self.path, body.as_bytes()).await
    }
}

#[tokio::test]
async fn a_post_is_refused_as_the_gateway_refuses() {
    for (status, error_type) in [
        (410, "GoneException"),
        (429, "LimitExceededException"),
        (403, "ForbiddenException"),
        (500, "InternalServerErrorException"),
    ] {
        let fault = Fault::Status(StatusCode::from_u16(status).unwrap());
        let mut stage = Stage::new(api().fault(Step::Post, fault)).await;
        let answer = stage.call("POST", "refused").await;
        assert_eq!(answer.status, status);
        assert!(
            answer
                .head
                .to_lowercase()
                .contains(&format!("x-amzn-errortype: {error_type}").to_lowercase()),
            "{}",
            answer.head
        );
        assert_eq!(stage.call("POST", "taken").await.status, 200);
        assert_eq!(stage.client.next_text().await, "taken");
    }
}

#[tokio::test]
async fn a_post_can_arrive_and_count_as_failed() {
    let fault = Fault::Status(StatusCode::INTERNAL_SERVER_ERROR);
    let mut stage = Stage::new(api().fault(Step::Posted, fault)).await;
    assert_eq!(stage.call("POST", "arrived").await.status, 500);
    assert_eq!(stage.client.next_text().await, "arrived");
}

#[tokio::test]
async fn a_post_can_count_as_sent_and_never_arrive_or_arrive_twice() {
    for (fault, wanted) in [
        (Fault::Drop, &["next"][..]),
        (Fault::Duplicate, &["one", "one", "next"]),
    ] {
        let mut stage = Stage::new(api().fault(Step::Post, fault)).await;
        for text in ["one", "next"] {
            assert_eq!(stage.call("POST", text).await.status, 200);
        }
        for text in wanted {
            assert_eq!(stage.client.next_text().await, *text);
        }
    }
}

#[tokio::test]
async fn a_reset_post_resets_the_callers_connection() {
    for (step, arrives) in [(Step::Post, false), (Step::Posted, true)] {
        let mut stage = Stage::new(api().fault(step, Fault::Reset)).await;
        let (mut write, mut read) = stage.served.dial().await.split();
        let path = &stage.path;
        let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nreset");
        write.write_all(request.as_bytes()).await.unwrap();
        let failed = read.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(failed.kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(stage.call("POST", "next").await.status, 200);
        if arrives {
            assert_eq!(stage.client.next_text().await, "reset");
        }
        assert_eq!(stage.client.next_text().await, "next");
    }
}

#[tokio::test]
async fn a_late_post_is_answered_late() {
    for step in [Step::Post, Step::Posted] {
        let stage = Stage::new(api().late(step)).await;
        let began = Instant::now();
        assert_eq!(stage.call("POST", "late").await.status, 200);
        assert!(began.elapsed() >= LATE, "{step:?}");
    }
}

#[tokio::test]
async fn a_connection_can_die_just_before_it_is_posted_to_and_just_after() {
    for (step, arrives) in [(Step::Post, false), (Step::Posted, true)] {
        let mut stage = Stage::new(api().fault(step, Fault::Kill)).await;
        stage.call("POST", "last words").await;
        if arrives {
            assert_eq!(stage.client.next_text().await, "last words");
            stage.client.end().await;
        }
    }
}

#[tokio::test]
async fn looking_and_closing_fail_as_well() {
    let fault = || Fault::Status(StatusCode::TOO_MANY_REQUESTS);
    let stage = Stage::new(api().fault(Step::Get, fault())).await;
    assert_eq!(stage.call("GET", "").await.status, 429);
    assert_eq!(stage.call("GET", "").await.status, 200);
    let stage = Stage::new(api().fault(Step::Delete, fault())).await;
    assert_eq!(stage.call("DELETE", "").await.status, 429);
    assert_eq!(stage.call("GET", "").await.status, 200);
}

#[tokio::test]
async fn a_dropped_delete_counts_as_done_and_closes_nothing() {
    let mut stage = Stage::new(api().fault(Step::Delete, Fault::Drop)).await;
    assert_eq!(stage.call("DELETE", "").await.status, 204);
    assert_eq!(stage.call("POST", "still there").await.status, 200);
    assert_eq!(stage.client.next_text().await, "still there");
}
