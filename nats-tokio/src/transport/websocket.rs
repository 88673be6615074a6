//! NATS in the binary frames of a WebSocket.

#[cfg(test)]
mod tests;

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Buf;
use bytes::Bytes;
use bytes::BytesMut;
use futures_core::Stream;
use futures_sink::Sink;
use nats_proto::session::DisconnectReason;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::error::ConnectError;
use crate::message::LONGEST_MESSAGE;
use crate::transport::Broken;
use crate::transport::Target;
use crate::transport::Transport;

/// The longest frame that is sent.
const MAX_FRAME: usize = 64 * 1024;

/// nats-server puts everything that waits for a client into one frame: as much as its `max_pending`
/// allows, 64 MiB by default, and a message.
const MAX_PENDING: usize = 64 * 1024 * 1024;

/// What a connection over WebSocket needs to know.
#[derive(Clone)]
pub(crate) struct WebSocketOptions {
    headers: Vec<(HeaderName, HeaderValue)>,
    /// If the application has set it.
    max_message: Option<usize>,
}

impl WebSocketOptions {
    pub(crate) fn new(
        headers: &[(String, String)],
        max_message: Option<usize>,
    ) -> Result<Self, ConnectError> {
        let headers = headers.iter().map(|(name, value)| {
            header(name, value).ok_or_else(|| ConnectError::InvalidWebSocketHeader(name.clone()))
        });
        Ok(Self { headers: headers.collect::<Result<_, _>>()?, max_message })
    }

    /// Asks the server to go on with WebSocket.
    pub(crate) async fn upgrade(
        &self,
        stream: Box<dyn Transport>,
        target: &Target,
    ) -> Result<Box<dyn Transport>, Broken> {
        let request = self.request(target).map_err(not_opened)?;
        // What the server takes is not known yet.
        let max_message = self.max_message.unwrap_or(LONGEST_MESSAGE);
        let limit = Some(max_message.saturating_add(MAX_PENDING));
        let config = WebSocketConfig::default()
            .write_buffer_size(MAX_FRAME)
            // A buffer that is due, one more frame, and something small of WebSocket's own.
            .max_write_buffer_size(4 * MAX_FRAME)
            .max_frame_size(limit)
            .max_message_size(limit);
        let upgrading = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (stream, _) = upgrading.await.map_err(not_opened)?;
        Ok(Box::new(WebSocket { stream, unread: Bytes::new() }))
    }

    fn request(&self, target: &Target) -> Result<Request, Error> {
        let Target { scheme, host, port, path } = target;
        // A zone has no meaning at the other end.
        let host = host.split('%').next().unwrap_or_default();
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        // A URL without the port that its scheme has anyway is what servers expect in Host.
        let port = if *port == scheme.default_port() { String::new() } else { format!(":{port}") };
        let scheme = scheme.as_str();
        let path = if path.is_empty() { "/" } else { path };
        let url = format!("{scheme}://{open}{host}{close}{port}{path}");
        let mut request = url.into_client_request()?;
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
        Ok(request)
    }
}

/// A header that the application may choose.
fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name: HeaderName = name.parse().ok()?;
    let is_reserved = matches!(name.as_str(), "host" | "connection" | "upgrade")
        || name.as_str().starts_with("sec-websocket-");
    (!is_reserved).then_some((name, value.parse().ok()?))
}

/// A WebSocket as a stream of bytes. Where frames begin and end means nothing to NATS.
struct WebSocket<S> {
    stream: WebSocketStream<S>,
    /// What is left of the frame that came last.
    unread: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Sends a frame, once there is room for it.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        frame: impl FnOnce() -> Bytes,
    ) -> Poll<io::Result<usize>> {
        let mut stream = Pin::new(&mut self.stream);
        ready!(stream.as_mut().poll_ready(cx)).map_err(into_io)?;
        let frame = frame();
        let len = frame.len();
        if len > 0 {
            stream.start_send(Message::Binary(frame)).map_err(into_io)?;
        }
        Poll::Ready(Ok(len))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(Message::Binary(frame))) => self.unread = frame,
                // PING is answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Text(_))) => {
                    let text = "a WebSocket frame of text, which is not NATS";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(into_io(error))),
            }
        }
        let len = self.unread.len().min(buffer.remaining());
        buffer.put_slice(self.unread.get(..len).unwrap_or_default());
        self.unread.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let start = bytes.get(..MAX_FRAME).unwrap_or(bytes);
        self.get_mut().poll_send(cx, || Bytes::copy_from_slice(start))
    }

    /// All slices in one frame, as far as they fit.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(cx, || {
            let len: usize = slices.iter().map(|slice| slice.len()).sum();
            let mut frame = BytesMut::with_capacity(len.min(MAX_FRAME));
            for slice in slices {
                let room = MAX_FRAME - frame.len();
                frame.extend_from_slice(slice.get(..room).unwrap_or(slice));
            }
            frame.freeze()
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx).map_err(into_io)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_close(cx)).map_err(into_io)?;
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }
}

/// A server that answers, but not with a WebSocket, was reached.
fn not_opened(error: Error) -> Broken {
    let reason = match error {
        Error::Http(_) | Error::HttpFormat(_) | Error::Url(_) => DisconnectReason::WebSocket,
        _ => DisconnectReason::Unreachable,
    };
    Broken(reason, Some(into_io(error)))
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::ConnectionAborted.into(),
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}
