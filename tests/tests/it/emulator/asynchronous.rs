//! Faults of the Invoke API and of the queue of asynchronous events, and how old an event may become.

use std::time::Duration;

use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::PATIENCE;
use http::Request;
use serde_json::Value;
use serde_json::json;

/// Invokes `Echo`: status, error type and body.
async fn invoke(emulator: &Emulator, kind: &str) -> anyhow::Result<(u16, String, String)> {
    let request = Request::post("/2015-03-31/functions/Echo/invocations")
        .header("x-amz-invocation-type", kind)
        .body(r#"{"body":"x"}"#.to_owned())?;
    let answer = emulator.http(request).await?;
    let header = |name: &str| {
        let value = answer.headers().get(name);
        let text = value.and_then(|value| value.to_str().ok());
        text.unwrap_or_default().to_owned()
    };
    let named = match answer.status().is_success() {
        true => header("x-amzn-requestid"),
        false => header("x-amzn-errortype"),
    };
    let body = String::from_utf8_lossy(answer.body()).into_owned();
    Ok((answer.status().as_u16(), named, body))
}

/// Queues an event; its request ID.
async fn queue(emulator: &Emulator) -> anyhow::Result<String> {
    let (status, request, _) = invoke(emulator, "Event").await?;
    anyhow::ensure!(status == 202, "{status} {request}");
    Ok(request)
}

/// How often a request has been worked on.
fn worked_on(emulator: &Emulator, request: &str) -> usize {
    let facts = emulator.facts();
    let done = facts
        .iter()
        .filter(|fact| fact["event"] == "invoked" && fact["request"] == request);
    done.count()
}

fn at_queue(effect: &str) -> Value {
    json!({ "effect": effect, "match": { "step": "queue", "function": "Echo" }, "times": 1 })
}

/// Invoke API: "Lambda … may invoke your function multiple times with the same event" and loses
/// none; a queue that does is what a fault is for.
#[tokio::test]
async fn an_event_can_be_lost_doubled_or_late() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let invoked = async |request: &str| {
        emulator
            .event("invoked", |fact| fact["request"] == request)
            .await
    };
    let fault = emulator.fault(at_queue("drop")).await?;
    let lost = queue(&emulator).await?;
    assert_eq!(emulator.fired(&fault).await?["step"], "queue");
    let kept = queue(&emulator).await?;
    invoked(&kept).await?;
    assert_eq!(worked_on(&emulator, &lost), 0);
    // It was accepted, and nobody is told more.
    emulator
        .event("queued", |fact| fact["request"] == lost.as_str())
        .await?;

    let fault = emulator.fault(at_queue("duplicate")).await?;
    let twice = queue(&emulator).await?;
    emulator.fired(&fault).await?;
    invoked(&twice).await?;
    let again = async {
        while worked_on(&emulator, &twice) < 2 {
            let next = queue(&emulator).await?;
            invoked(&next).await?;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, again).await??;

    let fault = emulator.fault(at_queue("delay:500ms")).await?;
    let late = queue(&emulator).await?;
    emulator.fired(&fault).await?;
    let overtaking = queue(&emulator).await?;
    invoked(&overtaking).await?;
    assert_eq!(worked_on(&emulator, &late), 0);
    invoked(&late).await?;
    Ok(())
}

/// API reference, "Invoke", "Errors".
#[tokio::test]
async fn the_invoke_api_can_refuse_and_be_late() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    for (status, error_type) in [
        (429, "TooManyRequestsException"),
        (500, "ServiceException"),
        (502, "EC2UnexpectedException"),
    ] {
        for kind in ["RequestResponse", "Event"] {
            let rule = json!({
                "effect": format!("status:{status}"), "times": 1,
                "match": { "step": "request", "function": "Echo" },
            });
            let _fault = emulator.fault(rule).await?;
            let (seen, named, body) = invoke(&emulator, kind).await?;
            assert_eq!((seen, named.as_str()), (status, error_type), "{kind}");
            assert!(body.contains("a fault was injected"), "{body}");
        }
    }
    let rule = json!({ "effect": "delay:200ms", "match": { "step": "request" }, "times": 1 });
    let _fault = emulator.fault(rule).await?;
    let began = std::time::Instant::now();
    let (status, request, body) = invoke(&emulator, "RequestResponse").await?;
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"statusCode":200,"body":"x"}"#)
    );
    // What was refused never reached the function.
    emulator
        .event("invoked", |fact| fact["request"] == request.as_str())
        .await?;
    let facts = emulator.facts();
    let echoes = facts
        .iter()
        .filter(|fact| fact["event"] == "invoked" && fact["function"] == "Echo");
    assert_eq!(echoes.count(), 1);
    Ok(())
}

const AGES: &str = "\
Transform: AWS::Serverless-2016-10-31
Resources:
  Chat:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes:
        $default:
          FunctionArn: !GetAtt Fails.Arn
  Fails:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      Timeout: 20
      EventInvokeConfig:
        MaximumEventAgeInSeconds: 90
        DestinationConfig:
          OnFailure: { Type: Lambda, Destination: !GetAtt Told.Arn }
      InlineCode: |
        exports.handler = async () => { throw new Error('no'); };
  Told:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      Timeout: 20
      InlineCode: |
        exports.handler = async (record) => console.log('told', record.requestContext.condition);
";

/// Lambda guide, "Asynchronous error handling": one minute after the first attempt and two after the
/// second, unless the event is older than its `MaximumEventAgeInSeconds` then.
#[tokio::test]
async fn a_step_of_the_clock_makes_events_too_old() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let template = folder.path().join("template.yaml");
    std::fs::write(&template, AGES)?;
    let emulator = Launch::template(&template).start().await?;
    let request = Request::post("/2015-03-31/functions/Fails/invocations")
        .header("x-amz-invocation-type", "Event")
        .body("{}".to_owned())?;
    assert_eq!(emulator.http(request).await?.status(), 202);
    let first = emulator
        .event("attempt_failed", |fact| fact["attempt"] == 1)
        .await?;
    assert_eq!(first["retry_in_ms"], 60_000.0);
    emulator.advance(Duration::from_secs(60)).await?;
    let second = emulator
        .event("attempt_failed", |fact| fact["attempt"] == 2)
        .await?;
    assert_eq!(second.get("retry_in_ms"), None);
    let ended = emulator.event("async_ended", |_| true).await?;
    assert_eq!(
        (&ended["condition"], &ended["destination"]),
        (&"EventAgeExceeded".into(), &"Told".into())
    );
    emulator
        .event("log", |fact| {
            let line = fact["line"].as_str().unwrap_or_default();
            line.ends_with("told EventAgeExceeded")
        })
        .await?;
    Ok(())
}
