//! A real function over `lambda_runtime`: answers the body of its event. The least that a function
//! can do, for tests and benchmarks of the emulator.

use lambda_runtime::Error;
use lambda_runtime::LambdaEvent;
use lambda_runtime::service_fn;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

#[derive(Deserialize)]
struct Proxied {
    #[serde(default)]
    body: Value,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Proxied>| {
        Ok::<_, Error>(json!({ "statusCode": 200, "body": event.payload.body }))
    }))
    .await
}
