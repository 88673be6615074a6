// The network of the client, in memory.

use std::future::Future;
use std::io;
use std::io::Read;
use std::io::Write;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use nats_proto::Instant;
use nats_proto::ServerUrl;
use nats_testkit::Clock;
use nats_testkit::Dial;
use nats_testkit::Network;
use nats_testkit::Pipe;

use crate::my_driver;

/// Where the client would wait, the clock jumps: nothing else happens meanwhile.
pub(crate) struct PipeNetwork {
    network: Network,
    clock: Clock,
    dial: Option<Dial>,
    pipe: Option<Pipe>,
}

impl PipeNetwork {
    pub(crate) const fn new(network: Network, clock: Clock) -> Self {
        Self { network, clock, dial: None, pipe: None }
    }

    fn jump(&self, until: Instant) {
        self.clock.set(Duration::from_millis(until.as_millis()));
    }

    fn pipe(&mut self) -> io::Result<&mut Pipe> {
        self.pipe.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl my_driver::Network for PipeNetwork {
    fn now(&self) -> Instant {
        Instant::from_millis(self.clock.now().as_millis().try_into().unwrap())
    }

    fn sleep(&mut self, until: Instant) {
        self.jump(until);
    }

    fn dial(&mut self, server: &ServerUrl<'_>) -> io::Result<()> {
        self.hang_up();
        self.dial = Some(self.network.dial(server.host(), server.port()));
        Ok(())
    }

    fn poll_open(&mut self, until: Instant) -> io::Result<bool> {
        let dial = self.dial.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        match Pin::new(dial).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(pipe) => {
                self.dial = None;
                self.pipe = Some(pipe?);
                Ok(true)
            }
            Poll::Pending => {
                self.jump(until);
                Ok(false)
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8], until: Instant) -> io::Result<usize> {
        let result = self.pipe()?.read(buffer);
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            self.jump(until);
        }
        result
    }

    fn write(&mut self, bytes: &[u8], until: Instant) -> io::Result<usize> {
        let result = self.pipe()?.write(bytes);
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            self.jump(until);
        }
        result
    }

    fn hang_up(&mut self) {
        self.dial = None;
        self.pipe = None;
    }
}
