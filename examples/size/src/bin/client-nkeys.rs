//! The whole client, without a network and TLS, but with signatures.
#![no_std]
#![no_main]

use core::ptr::null_mut;
use core::time::Duration;

use embassy_executor::raw::Executor;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use nats_embassy::Auth;
use nats_embassy::Client;
use nats_embassy::Config;
use nats_embassy::KeySigner;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::Resources;
use nats_embassy::Runner;
use nats_embassy::Subject;
use size::Wire;
use size::fill;
use size::output;
use size::put;
use static_cell::ConstStaticCell;
use static_cell::StaticCell;

/// 1 KiB to receive, 1 KiB to send, 4 subscriptions, 4 messages of 128 bytes, 1 request.
type Nats = Resources<'static, NoopRawMutex, 1024, 1024, 4, 4, 128, 1>;

static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());
static EXECUTOR: StaticCell<Executor> = StaticCell::new();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let executor = EXECUTOR.init(Executor::new(null_mut()));
    let spawner = executor.spawner();
    let config = Config::new("nats://10.0.0.1").auth(Auth::Jwt("jwt"));
    let mut seed = [0; 58];
    fill(&mut seed);
    let made = nats_embassy::new(config, Wire, NATS.take(), [1; 32]);
    if let Ok((client, runner)) = made
        && let Ok(signer) = KeySigner::new(core::str::from_utf8(&seed).unwrap_or_default())
        && let (Ok(app), Ok(run)) = (app(client), run(runner.with_signer(signer)))
    {
        spawner.spawn(app);
        spawner.spawn(run);
    }
    loop {
        // SAFETY: it is never run.
        unsafe { executor.poll() };
    }
}

#[embassy_executor::task]
async fn run(mut runner: Runner<'static, Nats, Wire, KeySigner>) {
    runner.run().await;
}

#[embassy_executor::task]
async fn app(client: Client<'static, Nats>) {
    let Ok(mut lamp) = client.subscribe("lamp", PendingLimits::drop_oldest(2)) else { return };
    let message = Publish::new(Subject::from_static("t"), &[]);
    let _ = client.publish_in_place(&message, 10, |space| space.len()).await;
    let _ = client.publish_message(&message).await;
    if let Ok(reply) = client.request("time", b"", Duration::from_secs(1)).await {
        put(reply.payload());
    }
    while let Some(command) = lamp.next().await {
        put(command.payload());
        let _ = client.respond(&command, b"ok").await;
        let _ = client.flush().await;
    }
    output(lamp.dropped());
    if client.next_event().await.is_some() {
        output(client.statistics().in_messages);
    }
    let _ = client.drain().await;
}
