//! The Init phase and its failures. Lambda guide, "Understanding the Lambda execution environment
//! lifecycle", "Failures during the Init phase".

use std::time::Duration;

use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::Readiness;
use gatepost_runtime_api::StopReason;

use super::puppet::Puppet;
use super::stage::Stage;
use super::stage::outcome;

async fn init_error(mut puppet: Puppet, json: &[u8]) {
    let answer = puppet
        .runtime
        .call("POST /2018-06-01/runtime/init/error", "", json)
        .await;
    assert_eq!(answer.status, 202);
    puppet.exit(1).await;
}

#[tokio::test]
async fn a_warm_start_is_ready_before_the_first_event() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    assert_eq!(stage.lambda.status()[0].readiness, Readiness::Starting);
    puppet.ask().await;
    let status = &stage.lambda.ready().await[0];
    assert_eq!((&status.readiness, status.idle), (&Readiness::Ready, 1));
    let invocation = stage.invoke("{}");
    let event = puppet.runtime.receive().await;
    puppet.respond(&event, b"{}").await;
    outcome(invocation).await.unwrap();
    let started = |fact: &FactEvent| matches!(fact, FactEvent::Started { cold: true, .. });
    assert_eq!(stage.facts.count(started), 1);
}

#[tokio::test]
async fn a_failed_init_phase_is_done_again_within_the_first_invocation() {
    let stage = Stage::new().await;
    let mut puppet = stage.puppet().await;
    puppet.order("complain no DATABASE_URL").await;
    puppet.exit(1).await;
    let status = &stage.lambda.ready().await[0];
    let Readiness::Failed(reason) = &status.readiness else {
        panic!("{status:?}")
    };
    assert_eq!(
        reason,
        "it ended (exit status: 1) before it asked for an event; it printed: no DATABASE_URL"
    );

    let invocation = stage.invoke("{}");
    let mut puppet = stage.puppet().await;
    let event = puppet.next().await;
    puppet.respond(&event, b"{}").await;
    assert_eq!(outcome(invocation).await.unwrap(), "{}");
    assert_eq!(stage.lambda.ready().await[0].readiness, Readiness::Ready);
}

#[tokio::test]
async fn an_init_error_that_repeats_is_what_the_invocation_comes_to() {
    let stage = Stage::new().await;
    let json = br#"{"errorMessage":"bad","errorType":"Init.Bad","stackTrace":[]}"#;
    init_error(stage.puppet().await, json).await;
    assert_eq!(stage.facts.stopped(1).await, StopReason::Init);
    let invocation = stage.invoke("{}");
    init_error(stage.puppet().await, json).await;
    assert_eq!(outcome(invocation).await.unwrap_err().as_bytes(), json);

    // The next one finds out by itself.
    let invocation = stage.invoke("{}");
    stage.puppet().await.exit(7).await;
    assert!(
        outcome(invocation)
            .await
            .unwrap_err()
            .contains("exit status 7")
    );
}

#[tokio::test]
async fn the_second_init_phase_ends_with_the_functions_timeout() {
    let limit = Duration::from_millis(200);
    let stage = Stage::with(|_| {}, |function| function.timeout = limit).await;
    stage.puppet().await.exit(1).await;
    stage.facts.stopped(1).await;
    let invocation = stage.invoke("{}");
    // It neither asks nor ends.
    let puppet = stage.puppet().await;
    drop(puppet.runtime);
    let error = outcome(invocation).await.unwrap_err();
    assert!(
        error.contains("Task timed out after 0.20 seconds"),
        "{error}"
    );
}

#[tokio::test]
async fn a_function_that_cannot_start_is_not_started_over_and_over() {
    let program = "/nowhere/bootstrap".into();
    let stage = Stage::with(|_| {}, |function| function.command.program = program).await;
    let status = &stage.lambda.ready().await[0];
    let Readiness::Failed(reason) = &status.readiness else {
        panic!("{status:?}")
    };
    assert!(reason.contains("/nowhere/bootstrap"), "{reason}");
    // All that wait share one attempt.
    let invocations: Vec<_> = (0..20).map(|_| stage.invoke("{}")).collect();
    for invocation in invocations {
        assert!(
            outcome(invocation)
                .await
                .unwrap_err()
                .contains("Runtime.ExitError")
        );
    }
    let spawned = |fact: &FactEvent| matches!(fact, FactEvent::Spawned { .. });
    assert_eq!(stage.facts.count(spawned), 2);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let stage = Stage::with(
        |_| {},
        |function| function.command.folder = "/nowhere".into(),
    )
    .await;
    let status = &stage.lambda.ready().await[0];
    let Readiness::Failed(reason) = &status.readiness else {
        panic!("{status:?}")
    };
    assert!(reason.contains("/nowhere"), "{reason}");
}

#[tokio::test]
async fn a_process_finds_the_variables_of_lambda_and_no_others() {
    let injected = [
        ("AWS_ACCESS_KEY_ID", "ASIAX"),
        ("AWS_ENDPOINT_URL_LAMBDA", "http://l"),
    ];
    let own = [
        ("AWS_ENDPOINT_URL_LAMBDA", "http://own"),
        ("AWS_ACCESS_KEY_ID", "own"),
        ("A", "1"),
    ];
    let pairs = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Vec<_>>()
    };
    let stage = Stage::with(
        |config| config.injected.extend(pairs(&injected)),
        |function| {
            function.runtime = "python3.12".to_owned();
            function.environment.extend(pairs(&own));
        },
    )
    .await;
    let mut puppet = stage.puppet().await;
    let variables = puppet.order("variables").await;
    let variables: std::collections::BTreeMap<String, String> =
        serde_json::from_str::<Vec<_>>(&variables)
            .unwrap()
            .into_iter()
            .collect();
    for (name, expected) in [
        ("A", "1"),
        ("AWS_ACCESS_KEY_ID", "ASIAX"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_LAMBDA", "http://own"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.12"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f"),
        ("AWS_LAMBDA_RUNTIME_API", &puppet.api.to_string()),
        ("AWS_REGION", "us-east-1"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LAMBDA_TASK_ROOT", "/"),
        ("LANG", "en_US.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("TZ", ":UTC"),
        ("_HANDLER", "bootstrap"),
    ] {
        assert_eq!(
            variables.get(name).map(String::as_str),
            Some(expected),
            "{name}"
        );
    }
    let stream = &variables["AWS_LAMBDA_LOG_STREAM_NAME"];
    assert!(
        stream.contains("/[$LATEST]") && stream.len() == 53 - 1,
        "{stream}"
    );
    assert!(variables.contains_key("CONTROL"));
    assert_eq!(variables.len(), 20, "nothing else: {variables:?}");
}
