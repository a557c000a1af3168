//! Names of the endpoint: Developer Guide, "Set up custom domain names for WebSocket APIs" and "Map
//! WebSocket API stages to a custom domain name".

use gatepost_template::At;
use gatepost_template::Mapping;

use super::client::Answer;
use super::client::CLOSE;
use super::client::FIN;
use super::client::frame;
use super::script::always;
use super::script::echo;
use super::script::response;
use super::script::status;
use super::served::Served;
use super::served::Wanted;
use super::served::api;

/// An API whose stage `local` is at these mapping keys of `chat.example.com`.
fn mapped(keys: &[&str]) -> Wanted {
    let wanted = api()
        .one_way("$connect", always(status(200)))
        .one_way("$disconnect", always(status(200)))
        .two_way("$default", echo());
    wanted.change(|wanted| {
        let at: At = wanted.api.at.clone();
        let mapping = |key: &&str| Mapping {
            domain: "chat.example.com".to_owned(),
            key: (*key).to_owned(),
            stage: "local".to_owned(),
            at: at.clone(),
        };
        wanted.api.mappings = keys.iter().map(mapping).collect();
    })
}

async fn handshake(served: &Served, host: &str, path: &str) -> Answer {
    served.dial().await.at(host).handshake(path, &[]).await
}

async fn http(served: &Served, host: &str, method: &str, path: &str) -> Answer {
    let client = served.dial().await;
    client.at(host).request(method, path, b"hello").await
}

const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;

/// `wss://{domain}/{mapping key}`; the key is optional.
#[tokio::test]
async fn a_custom_domain_is_reached_by_its_mapping_key() {
    let served = mapped(&["v1", "$-_.+!*'()"]).serve().await;
    for (host, path, want) in [
        ("chat.example.com", "/v1", 101),
        ("chat.example.com", "/v1/", 101),
        ("chat.example.com:3001", "/v1?a=1", 101),
        ("CHAT.example.com", "/v1", 101),
        ("chat.example.com", "/$-_.+!*'()", 101),
        ("chat.example.com.localhost:3001", "/v1", 101),
        // The stage is no key, and nothing is mapped at the root.
        ("chat.example.com", "/local", 403),
        ("chat.example.com", "/V1", 403),
        ("chat.example.com", "/", 403),
        ("other.example.com", "/v1", 403),
        // The default endpoint is still there.
        ("127.0.0.1:3001", "/local", 101),
    ] {
        let answer = handshake(&served, host, path).await;
        assert_eq!(answer.status, want, "{host}{path}");
        if want == 403 {
            assert_eq!(answer.body, FORBIDDEN);
        }
    }
    let root = mapped(&[""]).serve().await;
    for (path, want) in [("/", 101), ("/?a=1", 101), ("/local", 403)] {
        let answer = handshake(&root, "chat.example.com", path).await;
        assert_eq!(answer.status, want, "{path}");
    }
}

/// Logged February 2024 of a custom domain: `Host` and `domainName` are the domain, `stage` is the
/// real stage; so it stays for the whole connection, and in what the authorizer sees.
#[tokio::test]
async fn events_name_the_domain_and_the_real_stage() {
    let policy = serde_json::json!({ "principalId": "me", "policyDocument": { "Statement": [
        { "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*/local/$connect" } ] } });
    let wanted = mapped(&["v1"]).authorizer(&[], always(response(&policy)));
    let mut served = wanted.serve().await;
    let mut client = served.dial().await.at("chat.example.com");
    client.upgrade("/v1", &[]).await;
    client.text("hi").await;
    client.next_text().await;
    client.send(&frame(FIN | CLOSE, b"")).await;
    for function in ["authorizer", "$connect", "$default", "$disconnect"] {
        let event = served.call_of(function).await.event();
        let context = &event["requestContext"];
        assert_eq!(context["domainName"], "chat.example.com", "{function}");
        assert_eq!(context["stage"], "local", "{function}");
        assert_eq!(context["apiId"], "abcdef1234", "{function}");
        if function != "$default" {
            assert_eq!(event["headers"]["Host"], "chat.example.com", "{function}");
        }
    }
}

/// aws-samples/simple-websockets-chat-app issue 40: the mapping key stands where the stage stands
/// otherwise, and `domainName + '/' + stage` on a domain that is mapped at its root is told this.
#[tokio::test]
async fn callbacks_go_below_the_mapping_key() {
    let served = mapped(&["", "v1"]).serve().await;
    let mut client = served.dial().await.at("chat.example.com");
    client.upgrade("/v1", &[]).await;
    let id = served.only_id();
    for (path, want) in [
        (format!("/v1/@connections/{id}"), 200),
        (format!("/@connections/{id}"), 200),
        (format!("/%40connections/{}", id.replace('=', "%3D")), 200),
    ] {
        let answer = http(&served, "chat.example.com", "POST", &path).await;
        assert_eq!(answer.status, want, "{path}");
        assert_eq!(client.next_text().await, "hello");
    }
    for method in ["POST", "GET", "DELETE"] {
        let path = format!("/local/%40connections/{}", id.replace('=', "%3D"));
        let answer = http(&served, "chat.example.com", method, &path).await;
        let want = format!(
            r#"{{"message":"No method found matching route local/@connections/{id} for http method {method}."}}"#
        );
        assert_eq!((answer.status, answer.body), (404, want));
    }
    // At the address of this machine the stage is what it always was.
    let path = format!("/local/@connections/{id}");
    assert_eq!(http(&served, "127.0.0.1", "POST", &path).await.status, 200);
}

/// `--guess no-method`, where the domain is mapped at its root.
#[tokio::test]
async fn the_status_of_a_callback_that_is_no_route_can_be_chosen() {
    let served = mapped(&[""]).guess("no-method", "403").serve().await;
    let path = "/local/@connections/AAAAAAAAAAAAAAA=";
    let answer = http(&served, "chat.example.com", "POST", path).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("No method found"), "{}", answer.body);
}

/// The host of the default endpoint is known by any ending, so that `{api-id}.execute-api.localhost`
/// works; another API's is not served here.
#[tokio::test]
async fn the_api_answers_by_its_own_id() {
    let mut served = mapped(&[]).serve().await;
    for host in [
        "abcdef1234.execute-api.localhost:3001",
        "abcdef1234.execute-api.eu-west-1.amazonaws.com",
    ] {
        assert_eq!(handshake(&served, host, "/local").await.status, 101);
        let connect = served.call_of("$connect").await.event();
        assert_eq!(connect["requestContext"]["domainName"], host);
    }
    let other = "zzzzzzzzzz.execute-api.eu-west-1.amazonaws.com";
    let answer = handshake(&served, other, "/local").await;
    assert_eq!((answer.status, answer.body.as_str()), (403, FORBIDDEN));
}

/// `DisableExecuteApiEndpoint`: "clients can access your API by using a custom domain name only".
/// Functions on this machine go on posting by its address: they could not resolve the domain.
#[tokio::test]
async fn a_disabled_default_endpoint_refuses_clients() {
    let wanted = mapped(&["v1"]);
    let wanted = wanted.change(|wanted| wanted.api.disable_execute_api_endpoint = true);
    let served = wanted.serve().await;
    for host in ["127.0.0.1:3001", "abcdef1234.execute-api.localhost"] {
        let answer = handshake(&served, host, "/local").await;
        assert_eq!((answer.status, answer.body.as_str()), (403, FORBIDDEN));
        let kind = answer.header("x-amzn-ErrorType");
        assert_eq!(kind, Some("ForbiddenException"));
    }
    let mut client = served.dial().await.at("chat.example.com");
    client.upgrade("/v1", &[]).await;
    let path = format!("/local/@connections/{}", served.only_id());
    assert_eq!(http(&served, "127.0.0.1", "POST", &path).await.status, 200);
    assert_eq!(client.next_text().await, "hello");
}
