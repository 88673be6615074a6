//! Every future of JetStream, dropped at every await.

use embassy_futures::select::Either;
use embassy_futures::select::select;
use embassy_futures::yield_now;

use super::DUPLICATE;
use super::STORED;
use crate::cancel::dropped_everywhere_with;
use crate::clock;
use crate::link::cancel::link_dropped_everywhere;
use crate::peer::Said;
use crate::peer::Script;

fn script(stream: &[Said]) -> Script {
    Script { stream: stream.to_vec(), chunk: 16, ..Script::default() }
}

/// A task that is never without work does not wait for the clock.
async fn while_time_passes<F: Future>(future: F) -> F::Output {
    let pass = async {
        loop {
            clock::pass(20);
            yield_now().await;
        }
    };
    match select(future, pass).await {
        Either::First(value) => value,
        Either::Second(never) => never,
    }
}

#[test]
fn publishing() {
    let refused = [Said::Status("503"), STORED];
    let lost = [Said::HangUp, DUPLICATE];
    for stream in [&[STORED][..], &refused, &lost] {
        dropped_everywhere_with(&script(stream), async |client| {
            let jetstream = client.jetstream();
            for _ in 0..2 {
                let publish = jetstream.publish("js.a", &[1; 150]).message_id("a");
                while_time_passes(publish).await.unwrap();
            }
        });
        link_dropped_everywhere(&script(stream), async |link, client| {
            let jetstream = client.jetstream();
            for _ in 0..2 {
                let publish = jetstream.publish("js.a", &[1; 150]).message_id("a");
                while_time_passes(link.drive(publish, |_| {})).await.unwrap();
            }
        });
    }
}
