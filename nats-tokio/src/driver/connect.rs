//! Making a connection: to dial, to secure it, to log in.

use std::future::Future;
use std::future::poll_fn;
use std::task::Poll;

use nats_proto::Scheme;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;
use nats_proto::wire::Connect;
use zeroize::Zeroizing;

use super::Driver;
use crate::auth::ResolvedAuth;
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
        self.is_secure = target.scheme == Scheme::Wss;
        let dialing = self.dialer.open(target, name);
        let Some(stream) = self.prepare(phase, dialing).await else { return };
        let mut control = lock(&self.shared.control);
        if control.session.phase() != phase {
            return;
        }
        control.session.handle_open();
        // A server that begins with TLS is not expected to say anything before.
        if !self.is_secure && control.session.phase() == Phase::Exchange {
            control.failure = Some(Failure::NoInfo);
        }
        drop(control);
        self.stream = Some(stream);
    }

    /// Puts TLS on the connection.
    pub(super) async fn secure(&mut self) {
        let Some(stream) = self.stream.take() else {
            return self.lose(Phase::Secure, DisconnectReason::Closed, None);
        };
        if !self.inbound.is_empty() {
            let injected = Failure::Io(TlsError::Injected.into());
            return self.lose(Phase::Secure, DisconnectReason::Tls, Some(injected));
        }
        let name = lock(&self.shared.control).session.tls_name().to_owned();
        let securing = self.dialer.secure(stream, name);
        let Some(stream) = self.prepare(Phase::Secure, securing).await else { return };
        let mut control = lock(&self.shared.control);
        if control.session.phase() == Phase::Secure {
            // Nothing was unread: it was looked at before.
            control.session.handle_secured(0, self.shared.now());
            drop(control);
            (self.stream, self.is_secure) = (Some(stream), true);
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

    /// Finds out what to say of who we are, which may take its time, and says it.
    pub(super) async fn log_in(&mut self) {
        let proving = {
            let control = lock(&self.shared.control);
            let Some(challenge) = control.session.challenge() else { return };
            self.login.prove(&control.url_credentials, &challenge)
        };
        match self.unless_changed(Phase::Login, proving).await {
            Some(Ok(proof)) => self.put_connect(&proof),
            Some(Err(error)) => {
                self.lose(Phase::Login, DisconnectReason::Auth, Some(Failure::Login(error)))
            }
            None => {}
        }
    }

    /// Writes CONNECT and what follows it.
    fn put_connect(&mut self, proof: &ResolvedAuth) {
        let mut control = lock(&self.shared.control);
        let Some(challenge) = control.session.challenge() else { return };
        let connect = Connect {
            tls_required: self.is_secure,
            ..self.login.connect(challenge.headers, proof)
        };
        let mut line = Zeroizing::new(vec![0; connect.encoded_len()]);
        let len = control.session.login(&connect, &mut line);
        line.truncate(len);
        self.batch.put_secret(line);
        self.batch.put_control(|out| control.session.poll_transmit(out));
    }
}
