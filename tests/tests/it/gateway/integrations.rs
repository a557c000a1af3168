//! Integrations beside `AWS_PROXY`: "Integrations for WebSocket APIs in API Gateway", "Data
//! transformations for WebSocket APIs", "Set up data mapping for WebSocket APIs".

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_gateway::Invoked;
use gatepost_gateway::What;
use gatepost_template::Backend;
use gatepost_template::Callee;
use gatepost_template::Calls;
use gatepost_template::ContentHandling;
use gatepost_template::Expression;
use gatepost_template::ParameterMapping;
use gatepost_template::Passthrough;
use gatepost_template::StagedText;

use super::backends::backend;
use super::backends::behind;
use super::backends::function;
use super::backends::http;
use super::backends::mock;
use super::backends::respond;
use super::backends::templates;
use super::endpoint::Endpoint;
use super::script::Does;
use super::script::always;
use super::script::body;
use super::script::function_error;
use super::served::api;

/// "Set up a WebSocket API integration request": the request template of a mock has its status; the
/// integration response of that status, or else `$default`, makes the answer, and sees what the
/// request template passed on.
#[tokio::test]
async fn a_mock_answers_by_its_templates() {
    let request = r#"{"statusCode": $input.path('$.code'), "text": "$input.path('$.text')"}"#;
    let mut integration = mock(request);
    integration.responses = vec![
        respond(
            "200",
            &[(
                "$default",
                "said $input.path('$.text') by $context.routeKey at $stageVariables.place",
            )],
        ),
        respond("/4\\d\\d/", &[("$default", "refused")]),
        respond("$default", &[]),
    ];
    let wanted = behind(api(), "$default", integration).two_way("mark", always(body("mark")));
    let wanted = wanted.change(|wanted| {
        let variables = &mut wanted.api.stages[0].variables;
        variables.insert("place".to_owned(), "home".to_owned());
    });
    let mut served = wanted.serve().await;
    let mut client = served.connect().await;
    for (text, want) in [
        (
            r#"{"code":200,"text":"hi"}"#,
            Some("said hi by $default at home"),
        ),
        (r#"{"code":404}"#, Some("refused")),
        // Without a template a mock answers nothing.
        (r#"{"code":500}"#, None),
    ] {
        client.text(text).await;
        let status = |what: &What| match what {
            What::Integrated { outcome, .. } => Some(outcome.clone()),
            _ => None,
        };
        assert!(served.fact(status).await.is_ok());
        if let Some(want) = want {
            assert_eq!(client.next_text().await, want);
        }
    }
    client.text(r#"{"action":"mark"}"#).await;
    assert_eq!(client.next_text().await, "mark");
    // A mock whose request has no status cannot answer (REST APIs: 500).
    client.text(r#"{"code":"x"}"#).await;
    let text = client.next_text().await;
    assert!(
        text.starts_with(r#"{"message": "Internal server error", "#),
        "{text}"
    );
}

/// The guide's own example has the template at `application/json`, without a selection expression;
/// with one the template of its key counts, else that of `$default`, else `PassthroughBehavior`.
#[tokio::test]
async fn the_selection_expression_chooses_the_template() {
    let answer = || vec![respond("$default", &[("$default", "$input.path('$.was')")])];
    let plain = |key: &str| {
        let template = r#"{"statusCode": 200, "was": "plain"}"#;
        Backend {
            responses: answer(),
            ..backend(Calls::Nothing, &[(key, template)])
        }
    };
    let mut selecting = backend(
        Calls::Nothing,
        &[
            ("a", r#"{"statusCode": 200, "was": "a"}"#),
            ("$default", r#"{"statusCode": 200, "was": "other"}"#),
        ],
    );
    selecting.templates.selection = Some(Expression::parse("${request.body.kind}"));
    selecting.responses = answer();
    let mut closed = selecting.clone();
    closed.templates.by_key.remove("$default");
    closed.passthrough = Passthrough::WhenNoTemplates;
    let mut open = closed.clone();
    open.passthrough = Passthrough::WhenNoMatch;
    let mut never = plain("a");
    never.passthrough = Passthrough::Never;
    let mut wanted = api();
    for (key, backend) in [
        ("json", plain("application/json")),
        ("select", selecting),
        ("closed", closed),
        ("open", open),
        ("never", never),
    ] {
        wanted = behind(wanted, key, backend);
    }
    let served = wanted.serve().await;
    let mut client = served.connect().await;
    for (text, want) in [
        (r#"{"action":"json"}"#, "plain"),
        (r#"{"action":"select","kind":"a"}"#, "a"),
        (r#"{"action":"select","kind":"b"}"#, "other"),
        (r#"{"action":"closed","kind":"a"}"#, "a"),
        (
            r#"{"action":"closed"}"#,
            r#"{"message": "Unsupported Media Type", "#,
        ),
        (
            r#"{"action":"open","statusCode":200,"was":"passed"}"#,
            "passed",
        ),
        (
            r#"{"action":"never"}"#,
            r#"{"message": "Unsupported Media Type", "#,
        ),
    ] {
        client.text(text).await;
        let got = client.next_text().await;
        assert!(got.starts_with(want), "{text}: {got}");
    }
}

/// A mock on `$connect`: the status of its template decides, as that of a function does; with a
/// response parameter it names the subprotocol.
#[tokio::test]
async fn a_mock_can_admit_and_refuse_a_connection() {
    for (template, want) in [
        (r#"{"statusCode": 200}"#, 101),
        (r#"{"statusCode": 401}"#, 401),
        (
            r#"{"statusCode": #if($input.params('token') == 'x')200#{else}403#end}"#,
            101,
        ),
        ("{}", 500),
    ] {
        let served = behind(api(), "$connect", mock(template)).serve().await;
        let mut client = served.dial().await;
        let answer = client.handshake("/local?token=x", &[]).await;
        assert_eq!(answer.status, want, "{template}");
    }
    let mut chooses = mock(r#"{"statusCode": 200, "chosen": "b"}"#);
    let mut response = respond("$default", &[]);
    let mapping = ParameterMapping::of_response(
        "route.response.header.Sec-WebSocket-Protocol",
        "integration.response.body.chosen",
    );
    response.parameters.push(mapping.unwrap());
    chooses.responses.push(response);
    let served = behind(api(), "$connect", chooses).serve().await;
    let mut client = served.dial().await;
    let answer = client
        .upgrade("/local", &["Sec-WebSocket-Protocol: a, b"])
        .await;
    let head = answer.head.to_ascii_lowercase();
    assert!(head.contains("\r\nsec-websocket-protocol: b\r\n"), "{head}");
}

/// `AWS`: the template's result is the event, and the function's response the answer. A function
/// error is chosen by its message ("Data transformations": `$integration.response.body.errorMessage`).
#[tokio::test]
async fn a_function_without_proxy_gets_what_the_template_makes() {
    let mut integration = function("work");
    integration.templates = templates(&[(
        "$default",
        r#"{"id": "$context.connectionId", "text": $input.json('$.text')}"#,
    )]);
    integration.responses = vec![
        respond("$default", &[("$default", "ok $input.path('$.n')")]),
        respond(
            "/.*[Bb]ad.*/",
            &[("$default", "sorry: $input.path('$.errorMessage')")],
        ),
    ];
    let answers = Does::Answers(Box::new(|event| match event["text"].as_str() {
        Some("bad") => function_error("a bad text"),
        Some("worse") => function_error("worse"),
        _ => Ok(Invoked::Response(r#"{"n": 7}"#.into())),
    }));
    let wanted = behind(api().two_way("work", answers), "work", integration);
    let mut served = wanted.serve().await;
    let mut client = served.connect().await;
    client.text(r#"{"action":"work","text":"a \"b\""}"#).await;
    let want = format!(r#"{{"id": "{}", "text": "a \"b\""}}"#, served.only_id());
    assert_eq!(served.call().await.payload, want);
    assert_eq!(client.next_text().await, "ok 7");
    client.text(r#"{"action":"work","text":"bad"}"#).await;
    assert_eq!(client.next_text().await, "sorry: a bad text");
    // No key is for it: `$default` is.
    client.text(r#"{"action":"work","text":"worse"}"#).await;
    assert_eq!(client.next_text().await, "ok ");
}

/// "Set up asynchronous invocation of the backend Lambda function": nobody waits for it.
#[tokio::test]
async fn a_request_parameter_makes_an_invocation_asynchronous() {
    let mut integration = function("work");
    let mapping = ParameterMapping::of_request(
        "integration.request.header.X-Amz-Invocation-Type",
        "'Event'",
    );
    integration.parameters.push(mapping.unwrap());
    let wanted = behind(api().one_way("work", Does::Waits), "work", integration);
    let mut served = wanted.two_way("mark", always(body("mark"))).serve().await;
    let mut client = served.connect().await;
    client.text(r#"{"action":"work"}"#).await;
    assert_eq!(served.call().await.payload, r#"{"action":"work"}"#);
    client.text(r#"{"action":"mark"}"#).await;
    assert_eq!(client.next_text().await, "mark");
    assert_eq!(served.script.called(), ["work later", "mark"]);
}

/// "For non-proxy integrations, you must set up at least one integration response": without one a
/// two-way route cannot answer, and a one-way route need not.
#[tokio::test]
async fn an_answer_without_an_integration_response_is_an_error() {
    let response = || always(Ok(Invoked::Response("5".into())));
    let wanted = api()
        .one_way("quiet", response())
        .two_way("loud", response());
    let wanted = behind(wanted, "quiet", function("quiet"));
    let served = behind(wanted, "loud", function("loud")).serve().await;
    let mut client = served.connect().await;
    client.text(r#"{"action":"quiet"}"#).await;
    client.text(r#"{"action":"loud"}"#).await;
    let text = client.next_text().await;
    assert!(
        text.starts_with(r#"{"message": "Internal server error", "#),
        "{text}"
    );
}

/// `HTTP_PROXY`: the message is sent as it is, and the answer is the frame, whatever its status.
#[tokio::test]
async fn an_http_proxy_passes_messages_through() {
    let mut endpoint = Endpoint::start(|request| match request.body.as_str() {
        "fail" => (500, "failed".to_owned()),
        text => (200, format!("got {text}")),
    })
    .await;
    let mut integration = http("POST", &format!("{}/in/{{id}}?fixed=1", endpoint.url), true);
    for (to, from) in [
        (
            "integration.request.header.connectionId",
            "context.connectionId",
        ),
        ("integration.request.querystring.who", "stageVariables.who"),
        ("integration.request.path.id", "route.request.body.id"),
        ("integration.request.header.X-Static", "'a b'"),
    ] {
        integration
            .parameters
            .push(ParameterMapping::of_request(to, from).unwrap());
    }
    let wanted = behind(api(), "$default", integration).change(|wanted| {
        let variables = &mut wanted.api.stages[0].variables;
        variables.insert("who".to_owned(), "ann & bob".to_owned());
    });
    let served = wanted.serve().await;
    let mut client = served.connect().await;
    let text = r#"{"id":"a/b","x":1}"#;
    client.text(text).await;
    assert_eq!(client.next_text().await, format!("got {text}"));
    let request = endpoint.request().await;
    assert_eq!(
        request.line,
        "POST /in/a%2Fb?fixed=1&who=ann%20%26%20bob HTTP/1.1"
    );
    assert_eq!(request.body, text);
    assert_eq!(
        request.header("connectionid"),
        Some(served.only_id().as_str())
    );
    assert_eq!(request.header("x-static"), Some("a b"));
    assert_eq!(
        request.header("user-agent"),
        Some("AmazonAPIGateway_abcdef1234")
    );
    assert_eq!(
        request.header("x-amzn-apigateway-api-id"),
        Some("abcdef1234")
    );
    client.text("fail").await;
    assert_eq!(client.next_text().await, "failed");
}

/// `HTTP`: templates make the request and the answer; the integration response is chosen by the
/// status ("Set up a WebSocket API integration response": `/2\d\d/`).
#[tokio::test]
async fn an_http_integration_maps_request_and_answer() {
    let mut endpoint = Endpoint::start(|request| match request.body.as_str() {
        r#"{"q":"none"}"# => (404, r#"{"why":"gone"}"#.to_owned()),
        _ => (201, r#"{"name":"aMOp"}"#.to_owned()),
    })
    .await;
    let mut integration = http("PUT", &format!("{}/q", endpoint.url), false);
    integration.templates = templates(&[("$default", r#"{"q":"$input.path('$.q')"}"#)]);
    let mut good = respond("/2\\d\\d/", &[("201", "$input.path('$.name')")]);
    good.templates.selection = Some(Expression::parse("${integration.response.statuscode}"));
    good.content_handling = Some(ContentHandling::ConvertToBinary);
    let bad = respond("404", &[("$default", "404 $input.path('$.why')")]);
    integration.responses = vec![good, bad];
    let served = behind(api(), "$default", integration).serve().await;
    let mut client = served.connect().await;
    client.text(r#"{"q":"ann"}"#).await;
    assert_eq!(client.next_text().await, "hé");
    let request = endpoint.request().await;
    assert_eq!(request.line, "PUT /q HTTP/1.1");
    assert_eq!(request.body, r#"{"q":"ann"}"#);
    client.text(r#"{"q":"none"}"#).await;
    assert_eq!(client.next_text().await, "404 gone");
}

/// `$connect` over HTTP: query and headers of the handshake go along, and the status decides.
#[tokio::test]
async fn an_http_proxy_decides_about_connections() {
    let mut endpoint = Endpoint::start(|request| match request.line.contains("token=good") {
        true => (200, String::new()),
        false => (403, "no".to_owned()),
    })
    .await;
    let integration = http("GET", &format!("{}/connect", endpoint.url), true);
    let served = behind(api(), "$connect", integration).serve().await;
    let mut client = served.dial().await;
    let answer = client.handshake("/local?token=bad", &[]).await;
    assert_eq!(answer.status, 403);
    endpoint.request().await;
    let mut client = served.dial().await;
    client
        .upgrade("/local?token=good&b=c%20d", &["X-Mine: yes"])
        .await;
    let request = endpoint.request().await;
    assert_eq!(request.line, "GET /connect?token=good&b=c%20d HTTP/1.1");
    assert_eq!(request.header("x-mine"), Some("yes"));
    assert_eq!(request.header("sec-websocket-key"), None);
}

/// REST APIs tell of an endpoint that cannot be reached in these words, and with 504 ("Gateway
/// response types for API Gateway", `INTEGRATION_FAILURE`); a frame of WebSocket APIs was not seen.
#[tokio::test]
async fn an_endpoint_that_fails_is_told() {
    let gone = Endpoint::start(|_| (200, String::new())).await;
    let gone = gone.close().await;
    let silent = Endpoint::silent().await;
    let unreachable = http("POST", &gone, true);
    let mut slow = http("POST", &silent.url, true);
    slow.timeout = Duration::from_millis(50);
    let wanted = behind(api(), "gone", unreachable.clone());
    let served = behind(wanted, "slow", slow).serve().await;
    let mut client = served.connect().await;
    for (action, message) in [
        ("gone", "Network error communicating with endpoint"),
        ("slow", "Endpoint request timed out"),
    ] {
        client.text(&format!(r#"{{"action":"{action}"}}"#)).await;
        let text = client.next_text().await;
        assert!(
            text.starts_with(&format!(r#"{{"message": "{message}", "#)),
            "{text}"
        );
    }
    let served = behind(api(), "$connect", unreachable).serve().await;
    let answer = served.dial().await.handshake("/local", &[]).await;
    assert_eq!(answer.status, 504);
    assert_eq!(
        answer.body,
        r#"{"message": "Network error communicating with endpoint"}"#
    );
}

/// "Using Amazon API Gateway stage variables": a variable names the function of a proxy integration.
#[tokio::test]
async fn a_stage_variable_names_the_function() {
    let name = "arn:aws:lambda:eu-west-1:123456789012:function:chat-${stageVariables.which}";
    let callee = Callee::Named {
        name: StagedText::new(name),
        functions: BTreeMap::from([("chat-blue".to_owned(), "Blue".to_owned())]),
    };
    let proxy = || backend(Calls::ProxyFunction(callee.clone()), &[]);
    let wanted = api().two_way("Blue", always(body("blue")));
    let wanted = behind(wanted, "$default", proxy()).change(|wanted| {
        let variables = &mut wanted.api.stages[0].variables;
        variables.insert("which".to_owned(), "blue".to_owned());
    });
    let mut served = wanted.serve().await;
    let mut client = served.connect().await;
    client.text("hello").await;
    let call = served.call().await;
    assert_eq!(
        (call.function.as_str(), &call.event()["body"]),
        ("Blue", &"hello".into())
    );
    assert_eq!(client.next_text().await, "blue");

    let served = behind(api(), "$default", proxy()).serve().await;
    let mut client = served.connect().await;
    client.text("hello").await;
    let text = client.next_text().await;
    assert!(
        text.starts_with(r#"{"message": "Internal server error", "#),
        "{text}"
    );
}

/// `$disconnect` calls what its route names, too.
#[tokio::test]
async fn an_http_endpoint_hears_of_a_disconnect() {
    let mut endpoint = Endpoint::start(|_| (200, String::new())).await;
    let mut integration = http("POST", &format!("{}/gone", endpoint.url), false);
    let template = r#"{"id":"$context.connectionId","code":$context.disconnectStatusCode}"#;
    integration.templates = templates(&[("$default", template)]);
    let served = behind(api(), "$disconnect", integration).serve().await;
    let client = served.connect().await;
    let id = served.only_id();
    client.drop_tcp();
    let request = endpoint.request().await;
    assert_eq!(request.body, format!(r#"{{"id":"{id}","code":1006}}"#));
}
