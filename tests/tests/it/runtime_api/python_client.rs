//! Python functions on the emulator's own client. What a handler may be, and what becomes of its
//! errors: Lambda guide, "Define Lambda function handler in Python" and "Lambda function errors in
//! Python"; types and texts of errors are those of AWS's client (awslambdaric).

use gatepost_runtime_api::FactEvent;
use gatepost_runtime_api::StopReason;
use serde_json::json;

use super::interpreted::Interpreted;
use super::interpreted::Language::Python;
use super::interpreted::client;

#[tokio::test]
async fn a_python_handler_is_found_where_its_name_says() {
    let text = "def handler(event, context):\n    return event['a']\n";
    for (handler, file) in [
        ("app.handler", "app.py"),
        ("pkg.mod.handler", "pkg/mod.py"),
        ("pkg/mod.handler", "pkg/mod.py"),
        // Names of the client's own modules.
        ("context.handler", "context.py"),
        ("connection.handler", "connection.py"),
    ] {
        let function = Interpreted::new(Python, handler, &[(file, text)]);
        assert_eq!(
            function.invoke(r#"{"a":"ä"}"#).await.unwrap(),
            "ä",
            "{handler}"
        );
        function.lambda.shutdown().await;
    }
}

#[tokio::test]
async fn a_python_handler_that_cannot_be_loaded_is_an_init_error_of_its_type() {
    for (handler, text, error_type, message) in [
        (
            "app.gone",
            "",
            "Runtime.HandlerNotFound",
            "Handler 'gone' missing on module 'app'",
        ),
        (
            "gone.handler",
            "",
            "Runtime.ImportModuleError",
            "Unable to import module 'gone': No module named 'gone'",
        ),
        (
            "app.handler",
            "import gone_too",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'gone_too'",
        ),
        (
            "app.handler",
            "def handler(:\n",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': ",
        ),
        (
            "app",
            "",
            "Runtime.MalformedHandlerName",
            "Bad handler 'app'",
        ),
        (
            "time.sleep",
            "",
            "Runtime.BuiltInModuleConflict",
            "Cannot use built-in module time",
        ),
        (
            "app.handler",
            "raise KeyError('at once')",
            "KeyError",
            "'at once'",
        ),
    ] {
        let function = Interpreted::new(Python, handler, &[("app.py", text)]);
        let (kind, said) = function.error("{}").await;
        assert_eq!(kind, error_type, "{text}");
        assert!(said.starts_with(message), "{text}: {said}");
        function.lambda.shutdown().await;
    }
}

#[tokio::test]
async fn errors_of_a_python_handler_are_its_answer_and_it_lives_on() {
    let text = "import sys\n\
        class Mine(Exception): pass\n\
        def deep(): raise Mine('no')\n\
        def handler(event, context):\n\
        \x20   if event == 'raise': deep()\n\
        \x20   if event == 'object': return object()\n\
        \x20   return 'lives'\n";
    let function = Interpreted::new(Python, "app.handler", &[("app.py", text)]);
    let error = function.invoke(r#""raise""#).await.unwrap_err();
    assert_eq!(
        (&error["errorType"], &error["errorMessage"]),
        (&json!("Mine"), &json!("no"))
    );
    let trace = error["stackTrace"].as_array().unwrap();
    assert_eq!(trace.len(), 2, "{trace:?}");
    let app = function.path("app.py");
    let first = format!("  File \"{}\", line 5, in handler\n", app.display());
    assert!(trace[0].as_str().unwrap().starts_with(&first), "{trace:?}");
    let (kind, said) = function.error(r#""object""#).await;
    assert_eq!(kind, "Runtime.MarshalError");
    assert_eq!(
        said,
        "Unable to marshal response: Object of type object is not JSON serializable"
    );
    assert_eq!(function.invoke("{}").await.unwrap(), "lives");
    let started = function
        .facts
        .count(|fact| matches!(fact, FactEvent::Spawned { .. }));
    assert_eq!(started, 1);
    function.line(|line| line == "[ERROR] Mine: no").await;
    function.lambda.shutdown().await;
}

#[tokio::test]
async fn a_python_process_that_exits_is_an_exit_error() {
    let text = "import sys\ndef handler(event, context):\n    sys.exit(3)\n";
    let function = Interpreted::new(Python, "app.handler", &[("app.py", text)]);
    let (kind, said) = function.error("{}").await;
    assert_eq!(kind, "Runtime.ExitError");
    assert!(said.ends_with("exit status 3"), "{said}");
    assert_eq!(
        function.facts.stopped(1).await,
        StopReason::Exit("exit status: 3".to_owned())
    );
    function.lambda.shutdown().await;
}

#[tokio::test]
async fn a_python_function_knows_its_context_and_writes_lines_as_lambda_does() {
    let text = "import json, logging, os\n\
        def handler(event, context):\n\
        \x20   print('printed')\n\
        \x20   logging.getLogger().warning('logged')\n\
        \x20   fields = {name: getattr(context, name) for name in dir(context)\n\
        \x20             if isinstance(getattr(context, name), str) and not name.startswith('_')}\n\
        \x20   return fields | {'remaining': context.get_remaining_time_in_millis(),\n\
        \x20       'client': context.client_context, 'identity': context.identity.cognito_identity_id,\n\
        \x20       'trace': os.environ['_X_AMZN_TRACE_ID']}\n";
    let function = Interpreted::new(Python, "app.handler", &[("app.py", text)]);
    let context = function.invoke("{}").await.unwrap();
    for (name, expected) in [
        ("function_name", json!("f")),
        ("function_version", json!("$LATEST")),
        ("memory_limit_in_mb", json!("128")),
        ("log_group_name", json!("/aws/lambda/f")),
        (
            "invoked_function_arn",
            json!("arn:aws:lambda:us-east-1:000000000000:function:f"),
        ),
        ("client", json!(null)),
        ("identity", json!(null)),
    ] {
        assert_eq!(context[name], expected, "{name}");
    }
    let remaining = context["remaining"].as_u64().unwrap();
    assert!(0 < remaining && remaining <= 20_000, "{remaining}");
    assert!(
        context["trace"].as_str().unwrap().starts_with("Root=1-"),
        "{context}"
    );
    let id = context["aws_request_id"].as_str().unwrap();
    function.line(|line| line == "printed").await;
    let line = function.line(|line| line.ends_with("logged")).await;
    assert!(
        line.starts_with("[WARNING]\t") && line.contains(&format!("Z\t{id}\t")),
        "{line}"
    );
    function.lambda.shutdown().await;
}

#[tokio::test]
async fn a_python_function_takes_and_gives_as_much_as_lambda_allows() {
    let text = "def handler(event, context):\n    return 'x' * event['size'] if 'size' in event else len(event['text'])\n";
    let function = Interpreted::new(Python, "app.handler", &[("app.py", text)]);
    let event = json!({ "text": "ü".repeat(3_000_000) }).to_string();
    assert_eq!(function.invoke(&event).await.unwrap(), 3_000_000);
    let answer = function.invoke(r#"{"size":6000000}"#).await.unwrap();
    assert_eq!(answer.as_str().unwrap().len(), 6_000_000);
    let (kind, _) = function.error(r#"{"size":6400000}"#).await;
    assert_eq!(kind, "Function.ResponseSizeTooLarge");
    assert_eq!(function.invoke(r#"{"size":1}"#).await.unwrap(), "x");
    function.lambda.shutdown().await;
}

#[tokio::test]
async fn a_python_client_that_lacks_something_says_what_it_needs() {
    let task = ("LAMBDA_TASK_ROOT", "/");
    let api = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9");
    for (arguments, variables, lacks) in [
        (&[][..], &[task, api][..], "HANDLER"),
        (&["app.handler"], &[task], "AWS_LAMBDA_RUNTIME_API not set"),
        (
            &["app.handler"],
            &[],
            "LAMBDA_TASK_ROOT, AWS_LAMBDA_RUNTIME_API",
        ),
    ] {
        let (code, said) = client(Python, arguments, variables).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.starts_with("usage: python ") && said.contains(lacks),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
