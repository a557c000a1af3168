//! `@connections`.

use serde_json::Value;

use super::AS_DOCUMENTED;
use super::Check;
use super::judged;
use super::target::Target;
use crate::websocket::Answer;

const POSTS: &str = "API reference of PostToConnection";

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check::new(
            "@connections: POST",
            "200, and it arrives",
            POSTS,
            |target| {
                Box::pin(async move {
                    let mut client = target.open("").await?;
                    let id = client.id().await?;
                    let answer = target.call("POST", &id, "posted ü".as_bytes()).await?;
                    let told = client.text().await?;
                    Ok(match (answer.status, told.as_str()) {
                        (200, "posted ü") => "200, and it arrives".to_owned(),
                        (status, told) => format!("{status}, and {told} arrives"),
                    })
                })
            },
        ),
        Check::new(
            "@connections: POST of 100 KB",
            "32768 32768 32768 1696",
            "DG: Quotas: frames of 32 KB",
            |target| {
                Box::pin(async move {
                    let mut client = target.open("").await?;
                    let id = client.id().await?;
                    target.call("POST", &id, &vec![b'x'; 100_000]).await?;
                    client.sizes().await
                })
            },
        ),
        Check::new(
            "@connections: POST of more than 128 KB",
            "413 PayloadTooLargeException",
            POSTS,
            |target| {
                Box::pin(async move {
                    let mut client = target.open("").await?;
                    let id = client.id().await?;
                    let body = vec![b'x'; 128 * 1024 + 1];
                    Ok(named(&target.call("POST", &id, &body).await?))
                })
            },
        ),
        Check::new(
            "@connections: POST to a closed connection",
            "410 GoneException",
            POSTS,
            |target| {
                Box::pin(async move {
                    let id = closed(target).await?;
                    Ok(named(&target.call("POST", &id, b"late").await?))
                })
            },
        ),
        Check::new(
            "@connections: POST to an id that was never given",
            "410 GoneException",
            POSTS,
            |target| {
                Box::pin(
                    async move { Ok(named(&target.call("POST", "AAAAAdWnoAMCAAA=", b"x").await?)) },
                )
            },
        ),
        Check::new(
            "@connections: POST to what is no id",
            "400 BadRequestException",
            "seen: serverless-offline issue 749",
            |target| {
                Box::pin(async move { Ok(named(&target.call("POST", "nonsense", b"x").await?)) })
            },
        ),
        Check::new(
            "@connections: GET",
            AS_DOCUMENTED,
            "API reference of GetConnection",
            |target| Box::pin(async move { look(target).await }),
        ),
        Check::new(
            "@connections: GET of a closed connection",
            "410 GoneException",
            "API reference of GetConnection",
            |target| {
                Box::pin(async move {
                    let id = closed(target).await?;
                    Ok(named(&target.call("GET", &id, b"").await?))
                })
            },
        ),
        Check::new(
            "@connections: DELETE",
            "204",
            "API reference of DeleteConnection",
            |target| {
                Box::pin(async move {
                    let mut client = target.open("").await?;
                    let id = client.id().await?;
                    Ok(target.call("DELETE", &id, b"").await?.status.to_string())
                })
            },
        ),
        Check::new(
            "@connections: DELETE of a closed connection",
            "410 GoneException",
            "API reference of DeleteConnection",
            |target| {
                Box::pin(async move {
                    let id = closed(target).await?;
                    Ok(named(&target.call("DELETE", &id, b"").await?))
                })
            },
        ),
    ]
}

/// The id of a connection that has ended for everybody.
async fn closed(target: &Target) -> anyhow::Result<String> {
    let mut client = target.open("").await?;
    let id = client.id().await?;
    target.call("DELETE", &id, b"").await?;
    client.end().await?;
    Ok(id)
}

/// Status and type of an error.
fn named(answer: &Answer) -> String {
    let name = answer
        .header("x-amzn-errortype")
        .unwrap_or("without x-amzn-ErrorType");
    format!("{} {name}", answer.status)
}

async fn look(target: &Target) -> anyhow::Result<String> {
    let mut client = target.open("").await?;
    let id = client.id().await?;
    let answer = target.call("GET", &id, b"").await?;
    let view: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let time = |name: &str| {
        let time = view[name].as_str().unwrap_or_default();
        time.len() == "2024-02-19T07:21:46.706Z".len() && time.ends_with('Z')
    };
    let parts = [
        ("status", answer.status == 200),
        ("connectedAt", time("connectedAt")),
        ("lastActiveAt", time("lastActiveAt")),
        ("identity", view["identity"]["sourceIp"].is_string()),
    ];
    Ok(match judged(&parts) {
        documented if documented == AS_DOCUMENTED => documented,
        other => format!("{}: {other}", answer.body),
    })
}
