//! An HTTP endpoint, as an integration calls it.

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::served::PATIENCE;

/// A request, as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) line: String,
    head: String,
    pub(super) body: String,
}

impl Request {
    /// A header, its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (n, value) = line.split_once(": ")?;
            n.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Answers every request by a status and a body, and keeps it.
pub(super) struct Endpoint {
    pub(super) url: String,
    requests: mpsc::UnboundedReceiver<Request>,
    serving: JoinHandle<()>,
}

impl Endpoint {
    pub(super) async fn start(
        answer: impl Fn(&Request) -> (u16, String) + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::unbounded_channel();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), sender.clone()));
            }
        });
        Self {
            url,
            requests,
            serving,
        }
    }

    /// One that takes connections and never answers.
    pub(super) async fn silent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
        Self {
            url,
            requests: mpsc::unbounded_channel().1,
            serving,
        }
    }

    /// Stops listening; the URL that nobody answers at any more.
    pub(super) async fn close(self) -> String {
        self.serving.abort();
        // Whatever comes of it, the listener is dropped then.
        let _ = self.serving.await;
        self.url
    }

    /// The next request.
    pub(super) async fn request(&mut self) -> Request {
        tokio::time::timeout(PATIENCE, self.requests.recv())
            .await
            .expect("a request")
            .unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: impl Fn(&Request) -> (u16, String),
    requests: mpsc::UnboundedSender<Request>,
) {
    let mut read = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8(read.drain(..end + 4).collect()).unwrap();
        let lower = head.to_ascii_lowercase();
        let len = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let len: usize = len.map_or(0, |len| len.parse().unwrap());
        while read.len() < len {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let request = Request {
            line: head.lines().next().unwrap().to_owned(),
            body: String::from_utf8(read.drain(..len).collect()).unwrap(),
            head,
        };
        let (status, body) = answer(&request);
        // The test may have what it wanted.
        let _ = requests.send(request);
        let len = body.len();
        let response = format!("HTTP/1.1 {status} X\r\nContent-Length: {len}\r\n\r\n{body}");
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}
