//! Many who wait, for room and for a connection: all have their turn, and a device sleeps meanwhile.

use std::cell::Cell;
use std::pin::Pin;
use std::pin::pin;

use embassy_futures::join::join;
use embassy_futures::join::join3;
use embassy_futures::select::select;
use embassy_futures::yield_now;
use embassy_time::Timer;
use embassy_time::with_timeout;
use nats_embassy::Client;
use nats_embassy::Config;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::PublishError;
use nats_embassy::RequestError;
use nats_embassy::Subject;

use crate::Nats;
use crate::SECOND;
use crate::executor::run_tasks;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;
use crate::with_client;

/// Everything that may wait for a connection.
async fn wait<'d>(client: Client<'d, Nats<'d>>, number: usize) {
    match number % 4 {
        0 => client.publish("a", b"1").await.unwrap(),
        1 => client.connected().await.unwrap(),
        2 => client.flush().await.unwrap(),
        _ => client.publish_batch(&[Publish::new(Subject::from_static("a"), b"2")]).await.unwrap(),
    }
}

/// Ten seconds without a connection, in tasks of which each waits for it. Then it is there.
fn polls_of(tasks: usize) -> usize {
    let peer = Peer::new(Script { listens: false, ..Script::default() });
    let mut resources = Nats::new();
    let config = Config::new("nats://one");
    let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
    let (client, mut runner) = made.unwrap();
    let done = Cell::new(0);
    let waiting = |number| async move {
        wait(client, number).await;
    };
    let mut waiting: Vec<Pin<Box<dyn Future<Output = ()>>>> =
        (0..tasks).map(|number| Box::pin(waiting(number)) as Pin<Box<_>>).collect();
    let mut counted = Vec::new();
    for task in &mut waiting {
        counted.push(Box::pin(async {
            task.as_mut().await;
            done.set(done.get() + 1);
        }));
    }
    let mut running = pin!(async {
        runner.run().await;
    });
    let mut timer = pin!(Timer::after_secs(10));
    let mut all: Vec<Pin<&mut dyn Future<Output = ()>>> = vec![timer.as_mut(), running.as_mut()];
    for task in &mut counted {
        all.push(task.as_mut());
    }
    let polls = run_tasks(&mut all);
    peer.script(|script| script.listens = true);
    let mut end = pin!(async {
        while done.get() < tasks {
            Timer::after_millis(100).await;
        }
    });
    let mut all: Vec<Pin<&mut dyn Future<Output = ()>>> = vec![end.as_mut(), running.as_mut()];
    for task in &mut counted {
        all.push(task.as_mut());
    }
    run_tasks(&mut all);
    polls
}

#[test]
fn a_device_with_ten_waiting_tasks_sleeps() {
    // Each is woken when an attempt to connect begins or fails, of which there are about ten.
    let one = polls_of(1);
    for tasks in [2, 6, 8] {
        assert!(polls_of(tasks) <= one + tasks * 25, "{tasks} tasks, {one}");
    }
    // Those beyond the eighth look again ten times a second.
    for tasks in [10, 30] {
        assert!(polls_of(tasks) <= one + tasks * 25 + (tasks - 8) * 110, "{tasks} tasks, {one}");
    }
}

#[test]
fn three_equal_loops_have_equal_shares() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let counts = [const { Cell::new(0_u32) }; 3];
        let flood = async |number: usize| {
            loop {
                client.publish("a", &[0; 60]).await.unwrap();
                counts[number].set(counts[number].get() + 1);
            }
        };
        let end = async {
            while counts.iter().map(Cell::get).sum::<u32>() < 3000 {
                yield_now().await;
            }
        };
        select(join3(flood(0), flood(1), flood(2)), end).await;
        let counts = counts.map(Cell::into_inner);
        let (least, most) = (*counts.iter().min().unwrap(), *counts.iter().max().unwrap());
        assert!(most <= 2 * least, "{counts:?}");
    });
}

#[test]
fn others_have_their_turn_beside_a_flood() {
    for len in [1, 60, 200, 240] {
        let peer = Peer::new(Script::default());
        with_client(&peer, async |client| {
            let mut service = client.subscribe("echo", PendingLimits::drop_newest(1)).unwrap();
            let flood = async {
                loop {
                    client.publish("a", &[0; 20]).await.unwrap();
                }
            };
            let serve = async {
                while let Some(request) = service.next().await {
                    client.respond(&request, b"").await.unwrap();
                }
            };
            let other = async {
                let payload = vec![1; len];
                for _ in 0..20 {
                    client.publish("b", &payload).await.unwrap();
                    client.flush().await.unwrap();
                    client.request("echo", b"", SECOND).await.unwrap();
                }
            };
            let other = with_timeout(embassy_time::Duration::from_secs(5), other);
            let ended = select(join(flood, serve), other).await;
            assert!(matches!(ended, embassy_futures::select::Either::Second(Ok(()))), "{len}");
        });
    }
}

#[test]
fn who_does_not_wait_does_not_push_in() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        let (short, half) = (&[0; 10][..], [0; 200]);
        let [short, half] = [short, &half].map(|it| Publish::new(Subject::from_static("a"), it));
        client.try_publish(&half).unwrap();
        let mut waiting = Box::pin(client.publish_message(&half));
        assert!(embassy_futures::poll_once(waiting.as_mut()).is_pending());
        assert_eq!(client.try_publish(&short), Err(PublishError::Full));
        // Those who give up leave the line.
        drop(waiting);
        assert_eq!(client.try_publish(&short), Ok(()));
        client.flush().await.unwrap();
    });
}

#[test]
fn what_is_known_at_once_is_told_at_once() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        let half = Publish::new(Subject::from_static("a"), &[0; 200]);
        client.try_publish(&half).unwrap();
        let waiting = client.publish_message(&half);
        let wrong = async {
            let long = client.publish("a", [0; 300]).await;
            assert_eq!(long, Err(PublishError::TooLong { max: 256 }));
            assert!(matches!(client.publish("a b", "").await, Err(PublishError::Subject(_))));
            let request = client.request("a", [0; 300], SECOND).await.unwrap_err();
            let too_long = PublishError::TooLong { max: 256 };
            assert_eq!(request, RequestError::Publish(too_long));
        };
        let (published, ()) = join(waiting, wrong).await;
        published.unwrap();
    });
}
