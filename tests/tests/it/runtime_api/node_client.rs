//! Node.js functions on the emulator's own client. What a handler may be, and what becomes of its
//! errors: Lambda guide, "Define Lambda function handler in Node.js" and "Lambda function errors in
//! Node.js"; types and texts of errors are those of AWS's client (aws-lambda-ric).

use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::StopReason;
use serde_json::Value;
use serde_json::json;

use super::interpreted::Interpreted;
use super::interpreted::Language::Node;
use super::interpreted::client;

async fn answer(file: &str, text: &str, event: &str) -> Value {
    let function = Interpreted::new(Node, "index.handler", &[(file, text)]);
    let answer = function.invoke(event).await.unwrap();
    function.lambda.shutdown().await;
    answer
}

#[tokio::test]
async fn every_kind_of_node_handler_answers() {
    for (file, text) in [
        ("index.js", "exports.handler = async (event) => event.a"),
        ("index.cjs", "exports.handler = async (event) => event.a"),
        (
            "index.mjs",
            "export const handler = async (event) => event.a",
        ),
        (
            "index.mjs",
            "const a = await Promise.resolve(1); export default { handler: async () => a }",
        ),
        (
            "index.js",
            "exports.handler = (event) => new Promise((done) => setTimeout(done, 5, event.a))",
        ),
        (
            "index.js",
            "exports.handler = (event, context, callback) => callback(null, event.a)",
        ),
        (
            "index.js",
            "exports.handler = (event, context, callback) => { setTimeout(callback, 5, null, event.a) }",
        ),
        (
            "index.js",
            "exports.handler = (event, context) => context.succeed(event.a)",
        ),
    ] {
        assert_eq!(answer(file, text, r#"{"a":1}"#).await, 1, "{file}: {text}");
    }
}

#[tokio::test]
async fn a_node_result_that_is_none_is_null() {
    for text in [
        "exports.handler = async () => {}",
        "exports.handler = async () => undefined",
        // Neither a promise nor a call of the callback.
        "exports.handler = () => ({ lost: true })",
        "exports.handler = (event, context, callback) => callback()",
    ] {
        assert_eq!(answer("index.js", text, "{}").await, Value::Null, "{text}");
    }
}

#[tokio::test]
async fn a_node_handler_is_found_where_its_name_says() {
    let nested = "exports.api = { v1: { echo: async () => 'nested' } }";
    let package = [
        (
            "lib/index.js",
            "export const handler = async () => import.meta.url.length > 0",
        ),
        ("lib/package.json", r#"{"type":"module"}"#),
    ];
    let installed = [(
        "node_modules/installed/index.js",
        "exports.handler = async () => 'installed'",
    )];
    for (handler, files, expected) in [
        (
            "app.api.v1.echo",
            &[("app.js", nested)][..],
            json!("nested"),
        ),
        (
            "a/b/app.api.v1.echo",
            &[("a/b/app.js", nested)],
            json!("nested"),
        ),
        ("lib/index.handler", &package, json!(true)),
        ("installed.handler", &installed, json!("installed")),
    ] {
        let function = Interpreted::new(Node, handler, files);
        assert_eq!(function.invoke("{}").await.unwrap(), expected, "{handler}");
        function.lambda.shutdown().await;
    }
}

#[tokio::test]
async fn a_node_handler_that_cannot_be_loaded_is_an_init_error_of_its_type() {
    for (handler, text, error_type, message) in [
        (
            "index.handler",
            "exports.other = 1",
            "Runtime.HandlerNotFound",
            "index.handler is undefined or not exported",
        ),
        (
            "index.handler",
            "exports.handler = 1",
            "Runtime.HandlerNotFound",
            "index.handler is not a function",
        ),
        (
            "gone.handler",
            "",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'gone'",
        ),
        (
            "index.handler",
            "require('@aws-sdk/client-x')",
            "Runtime.ImportModuleError",
            "Error: Cannot find module '@aws-sdk/client-x'",
        ),
        (
            "index.handler",
            "exports.handler = (",
            "Runtime.UserCodeSyntaxError",
            "SyntaxError: ",
        ),
        ("index", "", "Runtime.MalformedHandlerName", "Bad handler"),
        (
            "../index.handler",
            "",
            "Runtime.MalformedHandlerName",
            "'../index.handler' is not a valid handler name",
        ),
        (
            "index.handler",
            "throw new TypeError('at once')",
            "TypeError",
            "at once",
        ),
        (
            "index.handler",
            "Promise.reject('why'); exports.handler = async () => 1",
            "Runtime.UnhandledPromiseRejection",
            "why",
        ),
    ] {
        let function = Interpreted::new(Node, handler, &[("index.js", text)]);
        let (kind, said) = function.error("{}").await;
        assert_eq!(kind, error_type, "{text}");
        assert!(said.starts_with(message), "{text}: {said}");
        function.lambda.shutdown().await;
    }
}

#[tokio::test]
async fn node_functions_are_told_which_package_of_the_sdk_to_install() {
    let text = "require('@aws-sdk/client-apigatewaymanagementapi')";
    let function = Interpreted::new(Node, "index.handler", &[("index.js", text)]);
    let hint = function.line(|line| line.contains("npm install")).await;
    let package = " @aws-sdk/client-apigatewaymanagementapi";
    assert!(hint.ends_with(package), "{hint}");
    function.lambda.shutdown().await;
}

#[tokio::test]
async fn errors_of_a_node_handler_are_its_answer_and_it_lives_on() {
    let text = "class Mine extends Error { constructor(text) { super(text); this.name = 'Mine' } }
        exports.handler = (event, context, callback) => ({
            thrown: () => { throw new Mine('sync') },
            rejected: async () => { throw new Mine('async') },
            called: () => callback(new Mine('callback')),
            failed: () => context.fail(new Mine('fail')),
            text: async () => { throw 'only text' },
            circle: async () => { const circle = {}; circle.circle = circle; return circle },
            never: () => new Promise(() => {}),
            ok: async () => 'lives',
        })[event.how]()";
    let function = Interpreted::new(Node, "index.handler", &[("index.js", text)]);
    for (how, error_type, message) in [
        ("thrown", "Mine", "sync"),
        ("rejected", "Mine", "async"),
        ("called", "Mine", "callback"),
        ("failed", "Mine", "fail"),
        ("text", "string", "only text"),
        (
            "circle",
            "Runtime.JSONStringifyError",
            "Unable to stringify response body",
        ),
        (
            "never",
            "Runtime.NodeJsExit",
            "The Lambda runtime client detected",
        ),
    ] {
        let error = function
            .invoke(&json!({ "how": how }).to_string())
            .await
            .unwrap_err();
        assert_eq!(error["errorType"], error_type, "{how}");
        let said = error["errorMessage"].as_str().unwrap();
        assert!(said.starts_with(message), "{how}: {said}");
        assert!(error["trace"].is_array(), "{how}");
    }
    assert_eq!(function.invoke(r#"{"how":"ok"}"#).await.unwrap(), "lives");
    let started = function
        .facts
        .count(|fact| matches!(fact, FactEvent::Spawned { .. }));
    assert_eq!(started, 1);
    function
        .line(|line| line.contains("\tERROR\tInvoke Error \t{\"errorType\":\"Mine\""))
        .await;
    function.lambda.shutdown().await;
}

#[tokio::test]
async fn an_error_that_nobody_catches_is_the_answer_and_ends_the_node_process() {
    for (text, error_type, status) in [
        (
            "exports.handler = () => { setTimeout(() => { throw new RangeError('late') }, 1) }",
            "RangeError",
            129,
        ),
        (
            "exports.handler = (event, context, callback) => { Promise.reject(new Error('no')); setTimeout(callback, 1000) }",
            "Runtime.UnhandledPromiseRejection",
            128,
        ),
    ] {
        let function = Interpreted::new(Node, "index.handler", &[("index.js", text)]);
        let (kind, _) = function.error("{}").await;
        assert_eq!(kind, error_type);
        let why = function.facts.stopped(1).await;
        assert_eq!(why, StopReason::Exit(format!("exit status: {status}")));
        function.lambda.shutdown().await;
    }
}

#[tokio::test]
async fn a_node_callback_waits_for_the_event_loop_unless_it_is_told_not_to() {
    let text = "let fired = false
        exports.handler = (event, context, callback) => {
            context.callbackWaitsForEmptyEventLoop = event.waits
            const answer = { get fired() { return fired } }
            fired = false
            setTimeout(() => { fired = true }, 30)
            callback(null, answer)
        }";
    let function = Interpreted::new(Node, "index.handler", &[("index.js", text)]);
    for waits in [true, false] {
        let event = json!({ "waits": waits }).to_string();
        assert_eq!(function.invoke(&event).await.unwrap()["fired"], waits);
    }
    function.lambda.shutdown().await;
}

#[tokio::test]
async fn callbacks_are_refused_from_node_24_on_and_plain_values_are_answers() {
    let with = |text: &str| {
        Interpreted::with(Node, "index.handler", &[("index.js", text)], |spec| {
            spec.runtime = "nodejs24.x".to_owned();
        })
    };
    let function = with("exports.handler = (event, context, callback) => callback(null, 1)");
    let (kind, _) = function.error("{}").await;
    assert_eq!(kind, "Runtime.CallbackHandlerDeprecated");
    function.lambda.shutdown().await;
    let function = with("exports.handler = (event, context) => [typeof context.done, event]");
    assert_eq!(function.invoke("7").await.unwrap(), json!(["undefined", 7]));
    function.lambda.shutdown().await;
}

#[tokio::test]
async fn a_node_function_knows_its_context_and_writes_lines_as_lambda_does() {
    let text = "exports.handler = async (event, context) => {
            console.log('for %s', 'somebody'); console.warn({ a: 1 })
            const remaining = context.getRemainingTimeInMillis()
            return { ...context, remaining, trace: process.env._X_AMZN_TRACE_ID }
        }";
    let function = Interpreted::new(Node, "index.handler", &[("index.js", text)]);
    let context = function.invoke("{}").await.unwrap();
    for (name, expected) in [
        ("functionName", "f"),
        ("functionVersion", "$LATEST"),
        ("memoryLimitInMB", "128"),
        ("logGroupName", "/aws/lambda/f"),
        (
            "invokedFunctionArn",
            "arn:aws:lambda:us-east-1:000000000000:function:f",
        ),
    ] {
        assert_eq!(context[name], expected, "{name}");
    }
    assert_eq!(context["callbackWaitsForEmptyEventLoop"], true);
    let remaining = context["remaining"].as_f64().unwrap();
    assert!(0.0 < remaining && remaining <= 20_000.0, "{remaining}");
    assert!(
        context["trace"].as_str().unwrap().starts_with("Root=1-"),
        "{context}"
    );
    let id = context["awsRequestId"].as_str().unwrap();
    let line = function.line(|line| line.ends_with("for somebody")).await;
    assert!(line.contains(&format!("Z\t{id}\tINFO\t")), "{line}");
    function
        .line(|line| line.ends_with(&format!("{id}\tWARN\t{{ a: 1 }}")))
        .await;
    function.lambda.shutdown().await;
}

#[tokio::test]
async fn a_node_function_takes_and_gives_as_much_as_lambda_allows() {
    let text = "exports.handler = async (event) => event.size ? 'ä'.repeat(event.size) : event.text.length";
    let function = Interpreted::new(Node, "index.handler", &[("index.js", text)]);
    let event = json!({ "text": "ü".repeat(3_000_000) }).to_string();
    assert_eq!(function.invoke(&event).await.unwrap(), 3_000_000);
    let answer = function.invoke(r#"{"size":3000000}"#).await.unwrap();
    assert_eq!(answer.as_str().unwrap().len(), 6_000_000);
    let (kind, _) = function.error(r#"{"size":3200000}"#).await;
    assert_eq!(kind, "Function.ResponseSizeTooLarge");
    assert_eq!(function.invoke(r#"{"size":1}"#).await.unwrap(), "ä");
    function.lambda.shutdown().await;
}

#[tokio::test]
async fn a_node_client_that_lacks_something_says_what_it_needs() {
    let task = ("LAMBDA_TASK_ROOT", "/");
    let api = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9");
    for (arguments, variables, lacks) in [
        (&[][..], &[task, api][..], "HANDLER"),
        (
            &["index.handler"],
            &[task],
            "AWS_LAMBDA_RUNTIME_API not set",
        ),
        (
            &["index.handler"],
            &[],
            "LAMBDA_TASK_ROOT, AWS_LAMBDA_RUNTIME_API",
        ),
    ] {
        let (code, said) = client(Node, arguments, variables).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.starts_with("usage: node ") && said.contains(lacks),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
