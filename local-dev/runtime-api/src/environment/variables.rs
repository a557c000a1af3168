//! The variables of a process. Lambda guide, "Working with Lambda environment variables", defined
//! runtime environment variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use crate::config::Config;
use crate::date;
use crate::spec::FunctionSpec;

/// Reserved, and known only to the emulator: a function's own value does not count.
const RESERVED: [&str; 3] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// Everything that a process finds in its environment. `_X_AMZN_TRACE_ID` is not among it: the
/// runtimes set it for each event.
pub(crate) fn variables(
    config: &Config,
    function: &FunctionSpec,
    runtime_api: SocketAddr,
    temporary: Option<&Path>,
) -> BTreeMap<OsString, OsString> {
    let mut variables = config.inherited.clone();
    let mut set = |name: &str, value: &str| variables.insert(name.into(), value.into());
    if let Some(folder) = temporary.and_then(Path::to_str) {
        set("TMPDIR", folder);
    }
    set("LANG", "en_US.UTF-8");
    set("TZ", ":UTC");
    for (name, value) in &config.injected {
        set(name, value);
    }
    for (name, value) in &function.environment {
        set(name, value);
    }
    for (name, value) in &config.injected {
        if RESERVED.contains(&name.as_str()) {
            set(name, value);
        }
    }
    let now_ms = config.clock.now_ms();
    let stream = format!(
        "{}/[$LATEST]{}",
        date::day(now_ms),
        (config.new_id)().simple()
    );
    if !function.runtime.starts_with("provided") {
        set(
            "AWS_EXECUTION_ENV",
            &format!("AWS_Lambda_{}", function.runtime),
        );
    }
    for (name, value) in [
        ("_HANDLER", function.handler.as_str()),
        ("AWS_REGION", &config.region),
        ("AWS_DEFAULT_REGION", &config.region),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            &function.memory_mb.to_string(),
        ),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            &format!("/aws/lambda/{}", function.name),
        ),
        ("AWS_LAMBDA_LOG_STREAM_NAME", &stream),
        ("AWS_LAMBDA_RUNTIME_API", &runtime_api.to_string()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ] {
        set(name, value);
    }
    variables.insert(
        "LAMBDA_TASK_ROOT".into(),
        function.command.folder.clone().into(),
    );
    variables
}
