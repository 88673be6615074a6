//! The network card of QEMU's `virt`: virtio, the first of its places on the bus.

use core::cell::RefCell;
use core::ptr::NonNull;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering;
use core::task::Context;

use embassy_net_driver::Capabilities;
use embassy_net_driver::Driver;
use embassy_net_driver::HardwareAddress;
use embassy_net_driver::LinkState;
use embassy_net_driver::RxToken;
use embassy_net_driver::TxToken;
use embassy_sync::waitqueue::AtomicWaker;
use riscv::interrupt::Interrupt;
use riscv_rt::core_interrupt;
use virtio_drivers::BufferDirection;
use virtio_drivers::Hal;
use virtio_drivers::PAGE_SIZE;
use virtio_drivers::PhysAddr;
use virtio_drivers::device::net::VirtIONetRaw;
use virtio_drivers::transport::mmio::MmioTransport;
use virtio_drivers::transport::mmio::VirtIOHeader;

const MTU: usize = 1514;
/// The longest frame, with the card's header in front of it.
const BUFFER: usize = 1528;
/// How many frames may be on their way here.
const FRAMES: usize = 4;

const BASE: usize = 0x1000_1000;
const LEN: usize = 0x200;
const INTERRUPT_STATUS: usize = BASE + 0x60;
const INTERRUPT_ACKNOWLEDGE: usize = BASE + 0x64;

/// The interrupt controller, and the card's number there.
const PLIC: usize = 0x0C00_0000;
const IRQ: u32 = 1;
const PRIORITY: usize = PLIC + 4 * IRQ as usize;
const ENABLED: usize = PLIC + 0x2000;
const THRESHOLD: usize = PLIC + 0x20_0000;
const CLAIM: usize = PLIC + 0x20_0004;

static WAKER: AtomicWaker = AtomicWaker::new();

type Card = VirtIONetRaw<Pages, MmioTransport<'static>, FRAMES>;

/// Memory that the card reads and writes.
pub struct Buffers {
    rx: [Incoming; FRAMES],
    tx: Outgoing,
}

struct Incoming {
    /// By which the card knows the buffer.
    token: u16,
    buffer: [u8; BUFFER],
}

struct Outgoing {
    /// What the card has not sent yet: its token, and its length.
    pending: Option<(u16, usize)>,
    buffer: [u8; BUFFER],
}

impl Buffers {
    /// Memory, before the card is started.
    pub const fn new() -> Self {
        Self {
            rx: [const { Incoming { token: 0, buffer: [0; BUFFER] } }; FRAMES],
            tx: Outgoing { pending: None, buffer: [0; BUFFER] },
        }
    }
}

/// The card.
pub struct Network {
    card: RefCell<Card>,
    buffers: &'static mut Buffers,
}

impl Network {
    /// Starts the card; `None` if there is none. To be called once.
    pub fn start(buffers: &'static mut Buffers) -> Option<Self> {
        let header = NonNull::new(BASE as *mut VirtIOHeader)?;
        // SAFETY: these are the card's registers, which nobody else uses.
        let transport = unsafe { MmioTransport::new(header, LEN) }.ok()?;
        let mut card = Card::new(transport).ok()?;
        for Incoming { token, buffer } in &mut buffers.rx {
            // SAFETY: nobody touches the buffer until the card is done with it.
            *token = unsafe { card.receive_begin(buffer) }.ok()?;
        }
        card.enable_interrupts();
        write(PRIORITY, 1);
        write(ENABLED, 1 << IRQ);
        write(THRESHOLD, 0);
        // SAFETY: the handler is below.
        unsafe { riscv::register::mie::set_mext() };
        Some(Self { card: RefCell::new(card), buffers })
    }
}

pub struct Received<'a> {
    card: &'a RefCell<Card>,
    incoming: &'a mut Incoming,
}

pub struct Sending<'a> {
    card: &'a RefCell<Card>,
    outgoing: &'a mut Outgoing,
}

impl Driver for Network {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, Sending<'_>)> {
        WAKER.register(cx.waker());
        let Buffers { rx, tx } = &mut *self.buffers;
        if !tx.is_free(self.card.get_mut()) {
            return None;
        }
        let token = self.card.get_mut().poll_receive()?;
        let incoming = rx.iter_mut().find(|incoming| incoming.token == token)?;
        let card = &self.card;
        Some((Received { card, incoming }, Sending { card, outgoing: tx }))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<Sending<'_>> {
        WAKER.register(cx.waker());
        let outgoing = &mut self.buffers.tx;
        outgoing.is_free(self.card.get_mut()).then_some(Sending { card: &self.card, outgoing })
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities.max_burst_size = Some(FRAMES);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.card.borrow().mac_address())
    }
}

impl Outgoing {
    /// Whether the card has sent what it had to.
    fn is_free(&mut self, card: &mut Card) -> bool {
        let Some((token, len)) = self.pending else { return true };
        if card.poll_transmit() != Some(token) {
            return false;
        }
        // SAFETY: these are the token and the bytes that it was begun with.
        let done = unsafe { card.transmit_complete(token, &self.buffer[..len]) };
        done.expect("the card has sent it");
        self.pending = None;
        true
    }
}

impl RxToken for Received<'_> {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, f: F) -> T {
        let Self { card, incoming: Incoming { token, buffer } } = self;
        // SAFETY: these are the token and the buffer that it was begun with.
        let received = unsafe { card.borrow_mut().receive_complete(*token, buffer) };
        let (start, len) = received.expect("the card has received it");
        // The network may answer from in there, with the card.
        let value = f(&mut buffer[start..start + len]);
        // SAFETY: nobody touches the buffer until the card is done with it.
        let begun = unsafe { card.borrow_mut().receive_begin(buffer) };
        *token = begun.expect("there is room for one");
        value
    }
}

impl TxToken for Sending<'_> {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, len: usize, f: F) -> T {
        let Self { card, outgoing: Outgoing { pending, buffer } } = self;
        let start = card.borrow().fill_buffer_header(buffer).expect("it is long enough");
        let value = f(&mut buffer[start..start + len]);
        // SAFETY: nobody touches the buffer until the card is done with it.
        let token = unsafe { card.borrow_mut().transmit_begin(&buffer[..start + len]) };
        *pending = Some((token.expect("there is room for one"), start + len));
        value
    }
}

#[core_interrupt(Interrupt::MachineExternal)]
fn on_interrupt() {
    let claimed = read(CLAIM);
    write(INTERRUPT_ACKNOWLEDGE, read(INTERRUPT_STATUS));
    WAKER.wake();
    write(CLAIM, claimed);
}

/// Memory for the card's two queues, each of which takes two pages.
struct Pages;

#[repr(align(4096))]
struct Page(#[expect(dead_code, reason = "the card's")] [u8; PAGE_SIZE]);

const PAGES: usize = 4;
static mut POOL: [Page; PAGES] = [const { Page([0; PAGE_SIZE]) }; PAGES];

// SAFETY: no page is given out twice, and the card's addresses are the processor's.
unsafe impl Hal for Pages {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let first = NEXT.fetch_add(pages, Ordering::Relaxed);
        assert!(first + pages <= PAGES, "the card wants more than two queues");
        // SAFETY: it is within the pool.
        let page = unsafe { (&raw mut POOL).cast::<Page>().add(first) };
        let page = NonNull::new(page.cast()).expect("it is not at 0");
        (page.addr().get() as PhysAddr, page)
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        // The card is never given up.
        -1
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        NonNull::new(address as usize as *mut u8).expect("it is not at 0")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.addr().get() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

fn read(register: usize) -> u32 {
    // SAFETY: it is the card's, or the interrupt controller's, and nobody else's.
    unsafe { (register as *const u32).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: it is the card's, or the interrupt controller's, and nobody else's.
    unsafe { (register as *mut u32).write_volatile(value) }
}
