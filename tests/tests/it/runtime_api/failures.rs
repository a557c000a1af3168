//! Processes that do not answer.

use std::time::Duration;

use gatepost_runtime_api::StopReason;

use super::lifetime::ended;
use super::stage::Stage;
use super::stage::outcome;

#[tokio::test]
async fn a_function_that_never_answers_times_out_and_its_processes_are_killed() {
    let limit = Duration::from_millis(300);
    let stage = Stage::with(|_| {}, |function| function.timeout = limit).await;
    let mut puppet = stage.puppet().await;
    let child = puppet.order("child").await.parse().unwrap();
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    let id = event.header("lambda-runtime-aws-request-id");
    assert_eq!(
        outcome(invocation).await.unwrap_err(),
        format!(
            "{{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: {id} Error: Task \
             timed out after 0.30 seconds\"}}"
        )
    );
    drop(puppet.runtime);
    assert_eq!(stage.facts.stopped(1).await, StopReason::Timeout);
    ended(puppet.pid).await;
    ended(child).await;
}

#[tokio::test]
async fn a_process_that_ends_during_an_invocation_answers_with_its_exit() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    puppet.exit(3).await;
    let id = event.header("lambda-runtime-aws-request-id");
    assert_eq!(
        outcome(invocation).await.unwrap_err(),
        format!(
            "{{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: {id} Error: \
             Runtime exited with error: exit status 3\"}}"
        )
    );
    assert_eq!(
        stage.facts.stopped(1).await,
        StopReason::Exit("exit status: 3".to_owned())
    );
}

#[tokio::test]
async fn a_response_counts_even_if_the_process_ends_right_after_it() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    let invocation = stage.invoke("{}");
    let event = puppet.next().await;
    // The exit is ordered first: it may well be noticed before the response is.
    puppet.send_order("exit 1").await;
    assert_eq!(puppet.respond(&event, b"\"said\"").await.status, 202);
    drop(puppet);
    assert_eq!(outcome(invocation).await.unwrap(), "\"said\"");
    assert_eq!(
        stage.facts.stopped(1).await,
        StopReason::Exit("exit status: 1".to_owned())
    );
}

#[tokio::test]
async fn an_event_goes_to_a_new_environment_when_the_idle_one_has_died() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    puppet.ask().await;
    stage.lambda.ready().await;
    // Killed as by a person; nobody works in it, so nobody is told.
    let pid = rustix::process::Pid::from_raw(puppet.pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    drop(puppet);
    assert_eq!(
        stage.facts.stopped(1).await,
        StopReason::Exit("signal: 9 (SIGKILL)".to_owned())
    );
    let invocation = stage.invoke("{}");
    let mut puppet = stage.puppet().await;
    let event = puppet.next().await;
    puppet.respond(&event, b"{}").await;
    assert_eq!(outcome(invocation).await.unwrap(), "{}");
}
