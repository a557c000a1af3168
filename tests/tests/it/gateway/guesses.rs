//! What AWS leaves open, chosen otherwise: each switch has its effect, and without it the default of
//! docs/emulator.md, "Switches".

use gatepost_gateway::Guesses;
use gatepost_gateway::InvokeError;
use gatepost_template::Expression;
use gatepost_template::Model;
use gatepost_template::RequestModels;
use gatepost_template::Throttle;
use serde_json::json;

use super::backends::behind;
use super::backends::function;
use super::client::BINARY;
use super::client::FIN;
use super::client::TEXT;
use super::client::frame;
use super::client::head;
use super::script::always;
use super::script::response;
use super::script::status;
use super::served::Wanted;
use super::served::api;

fn wanted() -> Wanted {
    api()
        .one_way("$default", always(status(200)))
        .one_way("$disconnect", always(status(200)))
}

/// `reason-…` and `close-reason`.
#[tokio::test]
async fn reasons_can_be_chosen() {
    let mut unmasked = head(FIN | TEXT, 1);
    unmasked.push(b'x');
    for (code, bytes) in [
        (1002, unmasked),
        (1003, frame(FIN | BINARY, b"x")),
        (1007, frame(FIN | TEXT, b"\xff")),
        (1009, frame(FIN | TEXT, &[b'x'; 32 * 1024 + 1])),
    ] {
        for (shown, seen) in [("send", "mine"), ("drop", "")] {
            let wanted = wanted()
                .guess(&format!("reason-{code}"), "mine")
                .guess("close-reason", shown);
            let mut served = wanted.serve().await;
            let mut client = served.connect().await;
            client.send(&bytes).await;
            assert_eq!(client.closed().await, (code, seen.to_owned()));
            assert_eq!(
                served.disconnected().await,
                (u64::from(code), "mine".to_owned())
            );
        }
    }
    let mut served = wanted().guess("reason-1006", "mine").serve().await;
    served.connect().await.drop_tcp();
    assert_eq!(served.disconnected().await, (1006, "mine".to_owned()));
}

/// `connect-body`.
#[tokio::test]
async fn the_body_of_a_refusing_connect_can_be_sent() {
    for (sent, want) in [("drop", ""), ("send", r#"{"why":"no"}"#)] {
        let refuses = json!({ "statusCode": 403, "body": r#"{"why":"no"}"# });
        let wanted = api().one_way("$connect", always(response(&refuses)));
        let served = wanted.guess("connect-body", sent).serve().await;
        let answer = served.dial().await.handshake("/local", &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (403, want));
    }
}

/// `authorizer-latency`.
#[tokio::test]
async fn the_latency_of_the_authorizer_can_be_shown() {
    let allow = json!({ "principalId": "me", "policyDocument": { "Statement": [
        { "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*" } ] } });
    for (shown, is) in [("absent", 'n'), ("number", 'u'), ("string", 's')] {
        let wanted = api().one_way("$connect", always(status(200)));
        let wanted = wanted.authorizer(&[], always(response(&allow)));
        let mut served = wanted.guess("authorizer-latency", shown).serve().await;
        served.connect().await;
        let event = served.call_of("$connect").await.event();
        let latency = &event["requestContext"]["authorizer"]["integrationLatency"];
        let kind = match latency {
            latency if latency.is_u64() => 'u',
            latency if latency.is_string() => 's',
            _ => 'n',
        };
        assert_eq!(kind, is, "{shown}: {latency}");
    }
}

/// `url-too-long`. "Amazon API Gateway quotas" has the 4096 characters.
#[tokio::test]
async fn the_status_of_a_long_url_can_be_chosen() {
    let host = "ws://127.0.0.1:3001".len() + 1;
    for (status, want) in [("414", 414), ("403", 403), ("400", 400)] {
        let served = wanted().guess("url-too-long", status).serve().await;
        for (len, want) in [(4096, 101), (4097, want)] {
            let path = format!("/local?{}", "x".repeat(len - host - "/local?".len()));
            let answer = served.dial().await.handshake(&path, &[]).await;
            assert_eq!(answer.status, want, "{len}");
        }
    }
}

/// `no-method`.
#[tokio::test]
async fn the_status_of_a_missing_method_can_be_chosen() {
    for (status, want) in [("404", 404), ("403", 403)] {
        let served = wanted().guess("no-method", status).serve().await;
        let path = "/local/@connections/AAAAAAAAAAAAAAA=";
        assert_eq!(served.http("PUT", path, b"x").await.status, want);
    }
}

/// `empty-post`.
#[tokio::test]
async fn an_empty_post_can_be_answered() {
    for (status, want) in [("400", 400), ("200", 200)] {
        let served = wanted().guess("empty-post", status).serve().await;
        let mut client = served.connect().await;
        let path = format!("/local/@connections/{}", served.only_id());
        assert_eq!(served.http("POST", &path, b"").await.status, want);
        assert_eq!(served.http("POST", &path, b"x").await.status, 200);
        // Nothing was sent before it.
        assert_eq!(client.next_text().await, "x");
        let gone = "/local/@connections/AAAAAAAAAAAAAAA=";
        let status = served.http("POST", gone, b"").await.status;
        assert_eq!(status, if want == 200 { 410 } else { want });
    }
}

/// `post-not-utf8`.
#[tokio::test]
async fn a_post_that_is_not_utf8_can_be_refused() {
    for (chosen, want) in [("replace", 200), ("refuse", 400)] {
        let served = wanted().guess("post-not-utf8", chosen).serve().await;
        let mut client = served.connect().await;
        let path = format!("/local/@connections/{}", served.only_id());
        let answer = served.http("POST", &path, b"a\xffb").await;
        assert_eq!(answer.status, want);
        if want == 400 {
            let error_type = answer.header("x-amzn-ErrorType");
            assert_eq!(error_type, Some("BadRequestException"));
            served.http("POST", &path, "a\u{fffd}b".as_bytes()).await;
        }
        assert_eq!(client.next_text().await, "a\u{fffd}b");
    }
}

/// `iam-identity`.
#[tokio::test]
async fn later_events_can_be_without_who_signed() {
    for (shown, has_caller) in [("every", true), ("connect", false)] {
        let wanted = wanted().one_way("$connect", always(status(200))).iam();
        let mut served = wanted.guess("iam-identity", shown).serve().await;
        let mut client = served.connect().await;
        let caller =
            |event: serde_json::Value| event["requestContext"]["identity"]["caller"].is_string();
        assert!(caller(served.call_of("$connect").await.event()));
        client.text("x").await;
        assert_eq!(caller(served.call_of("$default").await.event()), has_caller);
    }
}

/// `delete-close`.
#[tokio::test]
async fn the_close_of_a_deleted_connection_can_be_chosen() {
    for (shown, seen) in [
        ("1000", Some((1000, "Connection Closed Normally"))),
        ("1005", Some((1005, ""))),
        ("1006", None),
    ] {
        let mut served = wanted().guess("delete-close", shown).serve().await;
        let mut client = served.connect().await;
        let path = format!("/local/@connections/{}", served.only_id());
        assert_eq!(served.http("DELETE", &path, b"").await.status, 204);
        match seen {
            Some((code, reason)) => {
                assert_eq!(client.closed().await, (code, reason.to_owned()));
            }
            None => client.end().await,
        }
        // What the function is told was logged.
        let told = (1000, "Connection Closed Normally".to_owned());
        assert_eq!(served.disconnected().await, told);
    }
}

/// `plain-get-body`.
#[tokio::test]
async fn a_plain_get_can_be_answered_with_a_body() {
    let message = r#"{"message":"Upgrade Required"}"#;
    for (sent, want) in [("drop", ""), ("send", message)] {
        let served = wanted().guess("plain-get-body", sent).serve().await;
        let answer = served.http("GET", "/local", b"").await;
        assert_eq!((answer.status, answer.body.as_str()), (426, want));
    }
}

/// `path-below`.
#[tokio::test]
async fn a_path_below_the_stage_can_be_the_stage() {
    for (status, want) in [("403", 403), ("101", 101)] {
        let served = wanted().guess("path-below", status).serve().await;
        let mut client = served.dial().await;
        let answer = client.handshake("/local/rooms/1?a=b", &[]).await;
        assert_eq!(answer.status, want);
    }
}

/// `json`.
#[tokio::test]
async fn leniency_can_be_switched_off() {
    for (chosen, want) in [("lenient", "sendMessage"), ("strict", "$default")] {
        let wanted = wanted().one_way("sendMessage", always(status(200)));
        let mut served = wanted.guess("json", chosen).serve().await;
        let mut client = served.connect().await;
        client
            .text(r#"{"action":"sendMessage", body:"hello"}"#)
            .await;
        assert_eq!(served.call().await.function, want);
        client.text(r#"{"action":"sendMessage"}"#).await;
        assert_eq!(served.call().await.function, "sendMessage");
    }
}

/// `json`, for the models of a route as well.
#[tokio::test]
async fn leniency_holds_for_models_too() {
    let models = RequestModels {
        selection: Expression::parse("$default"),
        by_key: [(
            "$default".to_owned(),
            Model::new(&json!({"type": "object"})).unwrap(),
        )]
        .into(),
    };
    for (chosen, fits) in [("lenient", true), ("strict", false)] {
        let models = models.clone();
        let wanted = wanted().change(|wanted| {
            wanted.api.routes.get_mut("$default").unwrap().models = Some(models);
        });
        let mut served = wanted.guess("json", chosen).serve().await;
        let mut client = served.connect().await;
        client.text("{unquoted: 1}").await;
        if fits {
            assert_eq!(served.call().await.function, "$default");
        } else {
            let frame = client.next_text().await;
            assert!(frame.contains("Bad request body"), "{frame}");
        }
    }
}

/// `predefined-key`.
#[tokio::test]
async fn a_message_that_names_a_route_of_the_connection_can_be_forbidden() {
    for key in ["$connect", "$disconnect"] {
        let message = format!(r#"{{"action":"{key}"}}"#);
        let mut served = wanted().guess("predefined-key", "default").serve().await;
        served.connect().await.text(&message).await;
        assert_eq!(served.call().await.function, "$default");

        let served = wanted().guess("predefined-key", "forbidden").serve().await;
        let mut client = served.connect().await;
        client.text(&message).await;
        let frame = client.next_text().await;
        assert!(frame.starts_with(r#"{"message": "Forbidden", "#), "{frame}");
    }
}

/// `throttled-text`, whoever throttles: the function, by a proxy integration or another, or the stage.
#[tokio::test]
async fn the_text_for_a_throttled_message_can_be_chosen() {
    let throttled = || api().two_way("$default", always(Err(InvokeError::Throttled)));
    let by_function = throttled;
    let by_integration = || behind(throttled(), "$default", function("$default"));
    let by_stage = || {
        wanted().change(|wanted| {
            let throttle = Throttle {
                rate: Some(0.0),
                burst: Some(0),
            };
            let throttles = &mut wanted.api.stages[0].route_throttles;
            throttles.insert("$default".to_owned(), throttle);
        })
    };
    for text in ["Too Many Requests", "Rate \"Exceeded\""] {
        for wanted in [by_function(), by_integration(), by_stage()] {
            let served = wanted.guess("throttled-text", text).serve().await;
            let mut client = served.connect().await;
            client.text("{}").await;
            let frame: serde_json::Value = serde_json::from_str(&client.next_text().await).unwrap();
            assert_eq!(frame["message"], text);
        }
    }
}

/// `too-large-text`.
#[tokio::test]
async fn the_text_for_a_post_that_is_too_large_can_be_chosen() {
    for text in ["Request Too Long", "Message too long"] {
        let served = wanted().guess("too-large-text", text).serve().await;
        let _client = served.connect().await;
        let path = format!("/local/@connections/{}", served.only_id());
        let answer = served.http("POST", &path, &[b'x'; 128 * 1024 + 1]).await;
        assert_eq!(answer.status, 413);
        assert_eq!(answer.body, json!({ "message": text }).to_string());
    }
}

#[test]
fn every_guess_is_in_the_table_of_switches() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/emulator.md");
    let matrix = std::fs::read_to_string(path).unwrap();
    for (name, _) in Guesses::NAMES {
        assert!(matrix.contains(&format!("`--guess {name}=")), "{name}");
    }
}
