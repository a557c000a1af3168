//! The test's side of the `puppet` function: it moves the process, and speaks to the Runtime API as
//! the runtime would.

use std::net::SocketAddr;

use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::facts::PATIENCE;
use super::http::Answer;
use super::http::Connection;

/// A process and the Runtime API that it was told of.
#[derive(Debug)]
pub(super) struct Puppet {
    orders: BufStream<TcpStream>,
    pub(super) pid: u32,
    pub(super) api: SocketAddr,
    /// The runtime's connection.
    pub(super) runtime: Connection,
}

impl Puppet {
    pub(super) async fn new(stream: TcpStream) -> Self {
        let mut orders = BufStream::new(stream);
        let mut hello = String::new();
        timeout(PATIENCE, orders.read_line(&mut hello))
            .await
            .expect("a puppet's hello")
            .unwrap();
        let (pid, api) = hello.trim_end().split_once(' ').unwrap();
        let api = api.parse().unwrap();
        let pid = pid.parse().unwrap();
        Self {
            orders,
            pid,
            api,
            runtime: Connection::open(api).await,
        }
    }

    /// Has the process do something; what it answers.
    pub(super) async fn order(&mut self, order: &str) -> String {
        self.send_order(order).await;
        let mut answer = String::new();
        timeout(PATIENCE, self.orders.read_line(&mut answer))
            .await
            .expect("an answer")
            .unwrap();
        answer.trim_end().to_owned()
    }

    pub(super) async fn send_order(&mut self, order: &str) {
        self.orders
            .write_all(format!("{order}\n").as_bytes())
            .await
            .unwrap();
        self.orders.flush().await.unwrap();
    }

    /// Ends the process, and with it the runtime's connection.
    pub(super) async fn exit(mut self, code: i32) {
        self.send_order(&format!("exit {code}")).await;
    }

    /// Asks for the next event, and does not wait for it.
    pub(super) async fn ask(&mut self) {
        self.runtime
            .send("GET /2018-06-01/runtime/invocation/next", "", b"")
            .await;
    }

    /// The next event.
    pub(super) async fn next(&mut self) -> Answer {
        self.ask().await;
        self.runtime.receive().await
    }

    pub(super) async fn respond(&mut self, event: &Answer, body: &[u8]) -> Answer {
        self.post(
            event.header("lambda-runtime-aws-request-id"),
            "response",
            body,
        )
        .await
    }

    /// Posts to `/{id}/{what}`.
    pub(super) async fn post(&mut self, id: &str, what: &str, body: &[u8]) -> Answer {
        let request = format!("POST /2018-06-01/runtime/invocation/{id}/{what}");
        self.runtime.call(&request, "", body).await
    }
}
