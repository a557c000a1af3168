//! What functions print.

use gatepost_runtime_api::FactEvent;

use super::stage::Stage;
use super::stage::outcome;

#[tokio::test]
async fn lines_carry_the_request_id_and_come_before_the_end_of_their_invocation() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    puppet.order("print starting").await;
    for payload in ["1", "2"] {
        let invocation = stage.invoke(payload);
        let event = puppet.next().await;
        puppet.order(&format!("print out {payload}")).await;
        puppet.order(&format!("complain err {payload}")).await;
        puppet.respond(&event, b"{}").await;
        puppet.order(&format!("print after {payload}")).await;
        outcome(invocation).await.unwrap();
    }
    puppet.ask().await;
    stage
        .facts
        .wait_for(2, |fact| matches!(fact, FactEvent::Ended { .. }))
        .await;

    let mut ids = Vec::new();
    let story: Vec<_> = stage
        .facts
        .all()
        .into_iter()
        .filter_map(|fact| match fact {
            FactEvent::Started { request_id, .. } => {
                ids.push(request_id);
                Some(format!("started {}", ids.len()))
            }
            FactEvent::Printed {
                request_id, line, ..
            } => {
                let number = request_id.map(|id| 1 + ids.iter().position(|i| *i == id).unwrap());
                Some(format!("{number:?} {line}"))
            }
            FactEvent::Answered { .. } => Some("answered".to_owned()),
            FactEvent::Ended { .. } => Some("ended".to_owned()),
            _ => None,
        })
        .filter(|line| line != "answered")
        .collect();
    assert_eq!(
        story,
        [
            "None starting",
            "started 1",
            "Some(1) out 1",
            "Some(1) err 1",
            "Some(1) after 1",
            "ended",
            "started 2",
            "Some(2) out 2",
            "Some(2) err 2",
            "Some(2) after 2",
            "ended"
        ]
    );
}
