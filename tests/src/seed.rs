//! The tutorial's chat page as a client: the exact frames it sends and expects.

use anyhow::Context;
use serde_json::Value;
use serde_json::json;

use crate::socket::Received;
use crate::socket::Socket;

/// One opened page.
#[derive(Debug)]
pub struct Page {
    /// Its connection.
    pub socket: Socket,
    username: String,
    userid: Value,
}

impl Page {
    /// Opens the page as it opens itself: connects, and says that it was launched. Waits until
    /// that text has come back, so that the page is registered.
    ///
    /// # Errors
    /// If the handshake or the first frame is refused.
    pub async fn launch(url: &str, userid: impl Into<Value>) -> anyhow::Result<Self> {
        let userid = userid.into();
        let username = format!("user {userid}");
        let mut page = Self {
            socket: Socket::open(url).await?,
            username,
            userid,
        };
        page.say("launched").await?;
        page.hears("launched").await?;
        Ok(page)
    }

    /// Sends a message as the page does.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn say(&mut self, msg: &str) -> anyhow::Result<()> {
        let frame = json!({"username": self.username, "userid": self.userid, "msg": msg});
        self.socket.send(&frame.to_string()).await
    }

    /// Waits for a message with this text, whoever sent it; answers the whole frame.
    ///
    /// # Errors
    /// If it does not come, or something comes that the page could not print.
    pub async fn hears(&mut self, msg: &str) -> anyhow::Result<Value> {
        loop {
            let frame = self
                .next()
                .await
                .with_context(|| format!("waiting for {msg:?}"))?;
            if frame["msg"] == msg {
                return Ok(frame);
            }
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// If it has not exactly the three fields that the page prints.
    pub async fn next(&mut self) -> anyhow::Result<Value> {
        let frame: Value = serde_json::from_str(&self.socket.text().await?)?;
        let fields: Vec<&str> = frame
            .as_object()
            .context("an object")?
            .keys()
            .map(String::as_str)
            .collect();
        let mut sorted = fields.clone();
        sorted.sort_unstable();
        anyhow::ensure!(
            sorted == ["msg", "userid", "username"],
            "not the page's frame: {frame}"
        );
        Ok(frame)
    }

    /// Waits for the close of the connection by the server; answers the code.
    ///
    /// # Errors
    /// If it is not closed.
    pub async fn closed(&mut self) -> anyhow::Result<u16> {
        loop {
            match self.socket.next().await? {
                Received::Text(_) => {}
                Received::Close(code, _) => return Ok(code),
                Received::Dropped => return Ok(1006),
            }
        }
    }
}
