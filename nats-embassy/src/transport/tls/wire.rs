//! What is between TLS and the transport: bytes in memory.
//!
//! `embedded-tls` reads from here and writes to here, and is polled until it has nothing left to do.
//! What moves bytes between here and the transport runs to its end, and meanwhile TLS waits. So none of
//! the transport's futures is dropped, and TLS never borrows the transport for longer than a call.

use core::future::poll_fn;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embedded_io_async::ErrorKind;
use embedded_io_async::ErrorType;
use embedded_io_async::Read;
use embedded_io_async::Write;

use crate::fmt::note;

/// Both directions. Each is used by one side at a time: nothing here ever waits for a lock.
pub(super) struct Wire<'d> {
    incoming: Mutex<NoopRawMutex, Incoming<'d>>,
    outgoing: Mutex<NoopRawMutex, Outgoing<'d>>,
    /// How long a record may be that comes in.
    max_record: usize,
}

struct Incoming<'d> {
    memory: &'d mut [u8],
    start: usize,
    end: usize,
    is_over: bool,
    records: Records,
}

struct Outgoing<'d> {
    memory: &'d mut [u8],
    start: usize,
    end: usize,
    /// Some of it may be gone already.
    is_writing: bool,
}

impl<'d> Wire<'d> {
    pub(super) fn new(incoming: &'d mut [u8], outgoing: &'d mut [u8], max_record: usize) -> Self {
        let incoming = Incoming {
            memory: incoming,
            start: 0,
            end: 0,
            is_over: false,
            records: Records::default(),
        };
        let outgoing = Outgoing { memory: outgoing, start: 0, end: 0, is_writing: false };
        let (incoming, outgoing) = (Mutex::new(incoming), Mutex::new(outgoing));
        Self { incoming, outgoing, max_record }
    }

    /// For a new connection.
    pub(super) fn reset(&mut self) {
        let incoming = self.incoming.get_mut();
        (incoming.start, incoming.end, incoming.is_over) = (0, 0, false);
        incoming.records = Records::default();
        let outgoing = self.outgoing.get_mut();
        (outgoing.start, outgoing.end, outgoing.is_writing) = (0, 0, false);
    }

    /// Reads what TLS waits for. It has read all there was before.
    pub(super) async fn fill(&self, reader: &mut impl Read) -> Result<(), ErrorKind> {
        let mut incoming = self.incoming.try_lock().map_err(|_| ErrorKind::Other)?;
        let Incoming { memory, start, end, is_over, records } = &mut *incoming;
        let len = reader.read(memory).await.map_err(|error| kind(&error))?;
        (*start, *end, *is_over) = (0, len, len == 0);
        let is_sound = memory.get(..len).is_some_and(|bytes| records.check(bytes));
        is_sound.then_some(()).ok_or(ErrorKind::InvalidData)
    }

    /// Writes what TLS left here.
    pub(super) async fn drain(&self, writer: &mut impl Write) -> Result<(), ErrorKind> {
        let mut outgoing = self.outgoing.try_lock().map_err(|_| ErrorKind::Other)?;
        let Outgoing { memory, start, end, is_writing } = &mut *outgoing;
        while let Some(bytes) = memory.get(*start..*end).filter(|bytes| !bytes.is_empty()) {
            *is_writing = true;
            let len = writer.write(bytes).await.map_err(|error| kind(&error))?;
            *is_writing = false;
            if len == 0 {
                return Err(ErrorKind::WriteZero);
            }
            *start = start.saturating_add(len);
        }
        (*start, *end) = (0, 0);
        Ok(())
    }

    /// Whether TLS has left something to be written.
    pub(super) fn has_output(&self) -> bool {
        self.outgoing.try_lock().is_ok_and(|outgoing| outgoing.start < outgoing.end)
    }

    /// The length of the record that TLS has no room for, if there is one.
    pub(super) fn too_long(&self) -> Option<u16> {
        let last = self.incoming.try_lock().ok()?.records.longest;
        (usize::from(last) > self.max_record).then_some(last)
    }

    /// Whether a write was given up: it is unknown how much of it has left, so that nothing may
    /// follow it.
    pub(super) fn is_broken(&self) -> bool {
        self.outgoing.try_lock().map_or(true, |outgoing| outgoing.is_writing)
    }
}

fn kind(error: &impl embedded_io_async::Error) -> ErrorKind {
    error.kind()
}

/// The end of the wire that TLS has: never ready when there is something for the other end to do.
#[derive(Clone, Copy)]
pub(super) struct Plug<'c, 'd>(pub(super) &'c Wire<'d>);

impl ErrorType for Plug<'_, '_> {
    type Error = ErrorKind;
}

impl Read for Plug<'_, '_> {
    async fn read(&mut self, memory: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| {
            let Ok(mut incoming) = self.0.incoming.try_lock() else { return Poll::Pending };
            let rest = incoming.memory.get(incoming.start..incoming.end).unwrap_or_default();
            if rest.is_empty() && !incoming.is_over {
                return Poll::Pending;
            }
            let len = copy(rest, memory);
            incoming.start = incoming.start.saturating_add(len);
            Poll::Ready(Ok(len))
        })
        .await
    }
}

impl Write for Plug<'_, '_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| {
            let Ok(mut outgoing) = self.0.outgoing.try_lock() else { return Poll::Pending };
            let end = outgoing.end;
            let len = copy(bytes, outgoing.memory.get_mut(end..).unwrap_or_default());
            if len == 0 && !bytes.is_empty() {
                return Poll::Pending;
            }
            outgoing.end = end.saturating_add(len);
            Poll::Ready(Ok(len))
        })
        .await
    }

    /// [`Wire::drain`] is on its way.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// As much as there is room for.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    to.iter_mut().zip(from).map(|(place, byte)| *place = *byte).count()
}

/// Looks at the headers of records, as `embedded-tls` would panic on an encrypted one that is too short
/// to say what it contains. An attacker can send one, before the server is authenticated.
#[derive(Clone, Copy, Default)]
struct Records {
    header: [u8; 5],
    /// How much of the header was there.
    header_len: usize,
    /// How much of the record is to come.
    rest: usize,
    /// How long the longest record was.
    longest: u16,
}

impl Records {
    const ENCRYPTED: u8 = 23;
    /// A byte for what it is, and 16 that prove it.
    const MIN_LEN: usize = 17;

    fn check(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            let skipped = self.rest.min(bytes.len());
            self.rest = self.rest.saturating_sub(skipped);
            bytes = bytes.get(skipped..).unwrap_or_default();
            let Some((byte, after)) = bytes.split_first() else { return true };
            bytes = after;
            if let Some(place) = self.header.get_mut(self.header_len) {
                *place = *byte;
                self.header_len = self.header_len.saturating_add(1);
            }
            if self.header_len == self.header.len() {
                let [what, _, _, high, low] = self.header;
                self.header_len = 0;
                let len = u16::from_be_bytes([high, low]);
                self.longest = self.longest.max(len);
                self.rest = usize::from(len);
                if what == Self::ENCRYPTED && self.rest < Self::MIN_LEN {
                    note!("TLS: a record is too short:", self.rest);
                    return false;
                }
            }
        }
    }
}
