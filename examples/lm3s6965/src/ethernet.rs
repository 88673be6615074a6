//! The Ethernet controller of the LM3S6965 (its data sheet, chapter 15): a FIFO for each direction,
//! which is read and written a word at a time.

use core::task::Context;

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use embassy_net_driver::Capabilities;
use embassy_net_driver::Driver;
use embassy_net_driver::HardwareAddress;
use embassy_net_driver::LinkState;
use embassy_net_driver::RxToken;
use embassy_net_driver::TxToken;
use embassy_sync::waitqueue::AtomicWaker;

/// The longest frame, with the two bytes of length in front of it, in whole words.
const BUFFER: usize = 1520;
const MTU: usize = 1514;

const BASE: usize = 0x4004_8000;

/// The registers, by their offsets.
#[derive(Clone, Copy)]
enum Register {
    /// Which interrupts are pending; written, it acknowledges them.
    Interrupt = 0x00,
    InterruptMask = 0x04,
    ReceiveControl = 0x08,
    TransmitControl = 0x0C,
    Data = 0x10,
    AddressLow = 0x14,
    AddressHigh = 0x18,
    PacketCount = 0x34,
    TransmitRequest = 0x38,
}

const RECEIVED: u32 = 1;
const RECEIVER_ENABLE: u32 = 1;
const REJECT_BAD: u32 = 1 << 3;
const RESET_FIFO: u32 = 1 << 4;
const TRANSMITTER_ENABLE: u32 = 1;
const PAD: u32 = 1 << 1;
const CHECKSUM: u32 = 1 << 2;
const FULL_DUPLEX: u32 = 1 << 4;

static WAKER: AtomicWaker = AtomicWaker::new();

/// The device, and a buffer for each direction.
pub struct Ethernet {
    address: [u8; 6],
    rx: [u8; BUFFER],
    tx: [u8; BUFFER],
}

impl Ethernet {
    /// Memory, before the device is started.
    pub const fn new() -> Self {
        Self { address: [0; 6], rx: [0; BUFFER], tx: [0; BUFFER] }
    }

    /// Starts the device.
    pub fn start(&mut self, address: [u8; 6]) {
        self.address = address;
        let [a, b, c, d, e, f] = self.address;
        write(Register::AddressLow, u32::from_le_bytes([a, b, c, d]));
        write(Register::AddressHigh, u32::from_le_bytes([e, f, 0, 0]));
        write(Register::ReceiveControl, RESET_FIFO);
        write(Register::ReceiveControl, RECEIVER_ENABLE | REJECT_BAD);
        write(Register::TransmitControl, TRANSMITTER_ENABLE | PAD | CHECKSUM | FULL_DUPLEX);
        write(Register::Interrupt, u32::MAX);
        write(Register::InterruptMask, RECEIVED);
        // SAFETY: the handler is in the table, and touches nothing that is not its own.
        unsafe { NVIC::unmask(Irq) };
    }
}

pub struct Received<'a>(&'a mut [u8; BUFFER]);

pub struct Sending<'a>(&'a mut [u8; BUFFER]);

impl Driver for &'static mut Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, Sending<'_>)> {
        if read(Register::PacketCount) == 0 {
            WAKER.register(cx.waker());
            write(Register::Interrupt, RECEIVED);
            write(Register::InterruptMask, RECEIVED);
            // One may have come before the interrupt was on.
            if read(Register::PacketCount) == 0 {
                return None;
            }
        }
        Some((Received(&mut self.rx), Sending(&mut self.tx)))
    }

    fn transmit(&mut self, _: &mut Context<'_>) -> Option<Sending<'_>> {
        // QEMU has sent a frame as soon as it is asked to.
        Some(Sending(&mut self.tx))
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}

impl RxToken for Received<'_> {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, f: F) -> T {
        let Self(buffer) = self;
        // In front of the frame is its length, these two bytes and the checksum's four included.
        let first = read(Register::Data).to_le_bytes();
        let total = usize::from(u16::from_le_bytes([first[0], first[1]]));
        buffer[..4].copy_from_slice(&first);
        for at in 1..total.div_ceil(4) {
            let word = read(Register::Data).to_le_bytes();
            if let Some(place) = buffer.get_mut(at * 4..at * 4 + 4) {
                place.copy_from_slice(&word);
            }
        }
        let end = total.saturating_sub(4).clamp(2, BUFFER);
        f(&mut buffer[2..end])
    }
}

impl TxToken for Sending<'_> {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, len: usize, f: F) -> T {
        let Self(buffer) = self;
        let value = f(&mut buffer[2..2 + len]);
        // The length without the addresses and the type.
        let payload = u16::try_from(len.saturating_sub(14)).unwrap_or_default();
        buffer[..2].copy_from_slice(&payload.to_le_bytes());
        for word in buffer[..(len + 2).next_multiple_of(4)].as_chunks().0 {
            write(Register::Data, u32::from_le_bytes(*word));
        }
        write(Register::TransmitRequest, 1);
        value
    }
}

fn read(register: Register) -> u32 {
    // SAFETY: it is a register of this device, and nobody else's.
    unsafe { ((BASE + register as usize) as *const u32).read_volatile() }
}

fn write(register: Register, value: u32) {
    // SAFETY: it is a register of this device, and nobody else's.
    unsafe { ((BASE + register as usize) as *mut u32).write_volatile(value) }
}

#[derive(Clone, Copy)]
struct Irq;

// SAFETY: it is the controller's number.
unsafe impl InterruptNumber for Irq {
    fn number(self) -> u16 {
        42
    }
}

/// An entry of the table of interrupts.
#[derive(Clone, Copy)]
pub union Vector {
    handler: unsafe extern "C" fn(),
    _reserved: u32,
}

unsafe extern "C" {
    fn DefaultHandler();
}

// SAFETY: `cortex-m-rt` wants the table here.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [Vector; 43] = {
    let mut vectors = [Vector { handler: DefaultHandler }; 43];
    vectors[42] = Vector { handler: on_interrupt };
    vectors
};

/// Something came: no more interrupts until somebody has looked.
extern "C" fn on_interrupt() {
    write(Register::InterruptMask, 0);
    WAKER.wake();
}
