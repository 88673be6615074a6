//! WebSockets.

use crate::options::ConnectOptions;

/// WebSocket, with the feature `websocket`. See the [crate's documentation](crate#websocket).
impl ConnectOptions {
    /// Sends this HTTP header to a WebSocket's server, or whatever stands before it, with the
    /// request to begin. Default none.
    ///
    /// Connecting fails with [`ConnectError::InvalidWebSocketHeader`](crate::ConnectError::InvalidWebSocketHeader) if it is malformed, or one of
    /// those that WebSocket itself needs. It is sent to every server, `ws` or `wss`.
    ///
    /// ```
    /// # #[cfg(feature = "websocket")] {
    /// let options = nats_tokio::ConnectOptions::new().websocket_header("Authorization", "Bearer eyJhbGciOi");
    /// # let _ = options; }
    /// ```
    #[must_use]
    pub fn websocket_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.websocket_headers.push((name.into(), value.into()));
        self
    }
}
