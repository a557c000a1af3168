//! What a client's frames go over.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::socket::Received;
use crate::socket::Socket;

/// Opens connections.
#[async_trait]
pub trait Dial: std::fmt::Debug + Send + Sync {
    /// Opens one for a user.
    ///
    /// # Errors
    /// If there is none to be had now.
    async fn dial(&self, user: &str) -> anyhow::Result<Link>;
}

/// What a client puts into a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A text message.
    Text(String),
    /// A close frame with code 1000.
    Close,
}

/// An open connection. Dropping `out` ends it without a close frame.
#[derive(Debug)]
pub struct Link {
    /// To the server.
    pub out: mpsc::UnboundedSender<Outgoing>,
    /// From the server; ends after [`Received::Close`] or [`Received::Dropped`].
    pub inbox: mpsc::UnboundedReceiver<Received>,
}

/// Connections over a WebSocket in guest mode.
#[derive(Debug, Clone)]
pub struct WebSocket {
    /// `ws://host:port/stage`.
    pub url: String,
}

#[async_trait]
impl Dial for WebSocket {
    async fn dial(&self, user: &str) -> anyhow::Result<Link> {
        let socket = Socket::open(&format!("{}?user={user}&name={user}", self.url)).await?;
        let (out, outgoing) = mpsc::unbounded_channel();
        let (incoming, inbox) = mpsc::unbounded_channel();
        tokio::spawn(pump(socket, outgoing, incoming));
        Ok(Link { out, inbox })
    }
}

async fn pump(
    mut socket: Socket,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
    incoming: mpsc::UnboundedSender<Received>,
) {
    loop {
        tokio::select! {
            out = outgoing.recv() => {
                let is_sent = match out {
                    Some(Outgoing::Text(text)) => socket.send(&text).await.is_ok(),
                    Some(Outgoing::Close) => {
                        // Whether the server closed as well or not, it is over.
                        let _ = socket.close().await;
                        let _ = incoming.send(Received::Close(1000, String::new()));
                        return;
                    }
                    None => return,
                };
                if !is_sent {
                    let _ = incoming.send(Received::Dropped);
                    return;
                }
            }
            received = socket.arrival() => {
                let is_last = !matches!(received, Received::Text(_));
                if incoming.send(received).is_err() || is_last {
                    return;
                }
            }
        }
    }
}
