//! Faults around the calls of functions.

use gatepost_gateway::Fault;
use gatepost_gateway::Step;
use tokio::time::Instant;

use super::super::script::Does;
use super::super::script::always;
use super::super::script::body;
use super::super::script::echo;
use super::super::script::status;
use super::super::served::api;
use super::LATE;

/// What the client is told instead of an answer.
async fn told(step: Step, fault: Fault) -> (String, usize) {
    let served = api().two_way("$default", echo()).fault(step, fault);
    let served = served.serve().await;
    let mut client = served.connect().await;
    client.text("hello").await;
    let told = client.next_text().await;
    let message = told.split('"').nth(3).unwrap().to_owned();
    // The fault fired once: the next message is answered.
    client.text("again").await;
    assert_eq!(client.next_text().await, "again");
    (message, served.script.called().len() - 1)
}

#[tokio::test]
async fn a_throttled_or_failing_function_is_not_called_and_the_client_is_told() {
    for (fault, message) in [
        (Fault::Throttle, "Too Many Requests"),
        (Fault::Fail, "Internal server error"),
    ] {
        assert_eq!(told(Step::Invoke, fault).await, (message.to_owned(), 0));
    }
}

#[tokio::test]
async fn a_timed_out_function_was_called() {
    for step in [Step::Invoke, Step::Answer] {
        let (message, called) = told(step, Fault::TimeOut).await;
        assert_eq!(
            (message.as_str(), called),
            ("Endpoint request timed out", 1)
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_an_internal_server_error() {
    let (message, called) = told(Step::Answer, Fault::Fail).await;
    assert_eq!((message.as_str(), called), ("Internal server error", 1));
}

#[tokio::test]
async fn a_duplicated_invocation_reaches_the_function_twice_and_answers_once() {
    let served = api()
        .two_way("$default", echo())
        .fault(Step::Invoke, Fault::Duplicate);
    let mut served = served.serve().await;
    let mut client = served.connect().await;
    client.text("hello").await;
    let (first, second) = (served.call().await, served.call().await);
    assert_eq!(first.payload, second.payload);
    assert_eq!(client.next_text().await, "hello");
    client.text("again").await;
    assert_eq!(client.next_text().await, "again");
}

#[tokio::test]
async fn a_reordered_invocation_is_overtaken_by_the_next() {
    let served = api()
        .two_way("$default", Does::Waits)
        .fault(Step::Invoke, Fault::Reorder);
    let mut served = served.serve().await;
    let mut client = served.connect().await;
    client.text("first").await;
    client.text("second").await;
    for wanted in ["second", "first"] {
        let call = served.call().await;
        assert_eq!(call.event()["body"], wanted);
        call.answer(body(wanted));
        assert_eq!(client.next_text().await, wanted);
    }
}

#[tokio::test]
async fn a_reordered_invocation_that_nothing_overtakes_comes_late() {
    let served = api()
        .two_way("$default", echo())
        .fault(Step::Invoke, Fault::Reorder);
    let served = served.serve().await;
    let mut client = served.connect().await;
    client.text("alone").await;
    assert_eq!(client.next_text().await, "alone");
}

#[tokio::test]
async fn a_late_call_and_a_late_answer_come_late() {
    for step in [Step::Invoke, Step::Answer] {
        let served = api().two_way("$default", echo()).late(step).serve().await;
        let mut client = served.connect().await;
        let began = Instant::now();
        client.text("hello").await;
        assert_eq!(client.next_text().await, "hello");
        assert!(began.elapsed() >= LATE, "{step:?}");
    }
}

#[tokio::test]
async fn a_call_that_is_later_than_the_integration_may_take_times_out() {
    let served = api().two_way("$default", echo()).late(Step::Invoke);
    let served = served
        .limits(|limits| limits.integration = LATE / 4)
        .serve()
        .await;
    let mut client = served.connect().await;
    client.text("hello").await;
    let told = client.next_text().await;
    assert!(told.contains("Endpoint request timed out"), "{told}");
}

#[tokio::test]
async fn a_throttled_connect_refuses_the_handshake() {
    let served = api().one_way("$connect", always(status(200)));
    let served = served
        .fault_of(Step::Invoke, "$connect", Fault::Throttle)
        .serve()
        .await;
    let mut client = served.dial().await;
    assert_eq!(client.handshake("/local", &[]).await.status, 429);
    served.connect().await;
}

#[tokio::test]
async fn a_dropped_message_is_neither_handled_nor_answered() {
    let served = api().two_way("$default", echo());
    let served = served.fault(Step::Message, Fault::Drop).serve().await;
    let mut client = served.connect().await;
    client.text("lost").await;
    client.text("kept").await;
    assert_eq!(client.next_text().await, "kept");
    assert_eq!(served.script.called().len(), 1);
}

#[tokio::test]
async fn a_dropped_disconnect_is_never_called() {
    let served = api()
        .two_way("$default", echo())
        .one_way("$disconnect", always(status(200)))
        .fault(Step::Disconnect, Fault::Drop);
    let mut served = served.serve().await;
    served.connect().await.drop_tcp();
    served.connect().await.drop_tcp();
    served.disconnected().await;
    assert_eq!(served.script.called(), ["$disconnect"]);
}

#[tokio::test]
async fn a_duplicated_disconnect_is_called_twice_with_the_same_event() {
    let served = api()
        .one_way("$disconnect", always(status(200)))
        .fault(Step::Disconnect, Fault::Duplicate);
    let mut served = served.serve().await;
    served.connect().await.drop_tcp();
    let (first, second) = (served.call().await, served.call().await);
    assert_eq!(first.payload, second.payload);
}

#[tokio::test]
async fn a_late_disconnect_is_called_late() {
    let served = api()
        .one_way("$disconnect", always(status(200)))
        .late(Step::Disconnect);
    let mut served = served.serve().await;
    let began = Instant::now();
    served.connect().await.drop_tcp();
    served.disconnected().await;
    assert!(began.elapsed() >= LATE);
}
