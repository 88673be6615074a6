//! Making a connection: to dial, to secure it, to log in.

use std::future::Future;
use std::future::poll_fn;
use std::task::Poll;

use nats_proto::Scheme;
use nats_proto::session::DisconnectReason;
use nats_proto::session::NoNonce;
use nats_proto::session::Phase;
use zeroize::Zeroizing;

use super::Driver;
use crate::auth::ResolvedAuth;
use crate::error::AuthError;
use crate::error::Failure;
use crate::error::TlsError;
use crate::state::batch::Batch;
use crate::sync::lock;
use crate::transport::Broken;
use crate::transport::Dialing;
use crate::transport::Target;
use crate::transport::Transport;

impl Driver {
    /// Opens a connection, with what its address wants: TLS, a WebSocket.
    pub(super) async fn dial(&mut self, phase: Phase) {
        self.stream = None;
        self.inbound.reset();
        self.batch = Batch::default();
        let (target, name, first) = {
            let mut control = lock(&self.shared.control);
            let Some(server) = control.session.target() else { return };
            let (target, address) = (Target::new(&server), server.to_string());
            let name = control.session.tls_name().to_owned();
            control.failure = None;
            // Of others, an event tells.
            let is_first = !(control.has_failed || control.session.was_connected());
            let first = is_first.then(|| address.clone());
            control.dialled = address;
            (target, name, first)
        };
        if let Some(address) = first {
            self.shared.control.log.connecting(&address);
        }
        let is_secure = target.scheme == Scheme::Wss;
        let dialing = self.dialer.open(target, name);
        let Some(stream) = self.prepare(phase, dialing).await else { return };
        let mut control = lock(&self.shared.control);
        if control.session.phase() != phase {
            return;
        }
        control.session.handle_open();
        // A server that begins with TLS is not expected to say anything before.
        if !is_secure && control.session.phase() == Phase::Exchange {
            control.failure = Some(Failure::NoInfo);
        }
        drop(control);
        self.stream = Some(stream);
    }

    /// Puts TLS on the connection, unless the server has said something before that.
    pub(super) async fn secure(&mut self) {
        let Some(stream) = self.stream.take() else {
            return self.lose(Phase::Secure, DisconnectReason::Closed, None);
        };
        let unread = self.inbound.unread();
        if unread == 0 {
            let name = lock(&self.shared.control).session.tls_name().to_owned();
            let securing = self.dialer.secure(stream, name);
            let Some(stream) = self.prepare(Phase::Secure, securing).await else { return };
            self.stream = Some(stream);
        }
        let now = self.shared.now();
        let mut control = lock(&self.shared.control);
        if unread > 0 {
            control.failure = Some(Failure::Io(TlsError::Injected.into()));
        }
        if let Some(event) = control.session.handle_secured(unread, now) {
            self.shared.apply(&mut control, &event);
            self.shared.transmit(&mut control);
        }
    }

    /// Waits for a stream, unless the session wants something else.
    async fn prepare(&mut self, phase: Phase, dialing: Dialing) -> Option<Box<dyn Transport>> {
        match self.unless_changed(phase, dialing).await? {
            Ok(stream) => Some(stream),
            Err(Broken(reason, error)) => {
                self.lose(phase, reason, error.map(Failure::Io));
                None
            }
        }
    }

    /// Waits for `future`, unless the session wants something else than `phase`.
    async fn unless_changed<F: Future + Unpin>(
        &mut self,
        phase: Phase,
        mut future: F,
    ) -> Option<F::Output> {
        poll_fn(|cx| match self.poll_phase(cx, phase) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => std::pin::Pin::new(&mut future).poll(cx).map(Some),
        })
        .await
    }

    /// Gets the credentials, which may take its time, and writes CONNECT and what follows it.
    pub(super) async fn log_in(&mut self) {
        let resolving = {
            let control = lock(&self.shared.control);
            let Some(challenge) = control.session.challenge() else { return };
            self.auth.resolve_for(&control.url_credentials, &challenge)
        };
        let auth = match self.unless_changed(Phase::Login, resolving).await {
            None => return,
            Some(auth) => auth.and_then(|auth| self.put_connect(&auth)),
        };
        if let Err(error) = auth {
            self.lose(Phase::Login, DisconnectReason::Auth, Some(Failure::Login(error)));
        }
    }

    fn put_connect(&mut self, auth: &ResolvedAuth) -> Result<(), AuthError> {
        let client = self.shared.options.client_info();
        let mut control = lock(&self.shared.control);
        let session = &mut control.session;
        let len = session.log_in_len(&client, &auth.get()).map_err(|NoNonce| AuthError::NoNonce)?;
        let mut line = Zeroizing::new(vec![0; len]);
        let len = session.log_in(&client, &auth.get(), &mut line);
        line.truncate(len.map_err(|NoNonce| AuthError::NoNonce)?);
        if !line.is_empty() {
            self.batch.put_secret(line);
        }
        self.batch.put_control(|out| session.poll_transmit(out));
        Ok(())
    }
}
