//! Rows 4, 13 and 21: how connections end, and what was on its way.

use super::Check;
use super::stage::Checked;
use super::stage::SECOND;
use super::stage::Stage;
use super::stage::ensure;
use crate::driver::Ability;
use crate::driver::Driver;
use crate::driver::Event;
use crate::driver::Reason;
use crate::network::Connection;
use crate::server::Message;

pub(super) fn checks<D: Driver>() -> Vec<Check<D>> {
    vec![
        Check::new(4, "reading returns 0", |stage| {
            lost(stage, Connection::close, &[Reason::Closed])
        }),
        Check::new(4, "reading fails", |stage| lost(stage, Connection::reset, &[Reason::Io])),
        Check::new(4, "writing fails", |stage| {
            lost(stage, Connection::fail_writes, &[Reason::Io, Reason::Closed])
        }),
        Check::new(4, "what is no operation", |stage| {
            lost(stage, |connection| connection.send("NONSENSE"), &[Reason::Protocol])
        }),
        Check::new(4, "again and again", again_and_again),
        Check::new(13, "not continued", half_published),
        Check::new(13, "perhaps lost", perhaps_lost).needs(&[Ability::PerhapsLost]),
        Check::new(21, "nothing is answered", |stage| stale(stage, false)),
        Check::new(21, "nothing is accepted either", |stage| stale(stage, true)),
    ]
}

fn lost<D: Driver>(stage: &mut Stage<D>, lose: fn(&Connection), reasons: &[Reason]) -> Checked {
    let (server, connection) = stage.connected()?;
    let id = stage.subscribe("x")?;
    lose(&connection);
    // So that there is something to write.
    let _pending = stage.driver().publish(&Message::new("y", "1"));
    stage.settle();
    stage.up(&server)?;
    stage.expect_loss(reasons)?;
    ensure!(!connection.is_held(), "the old socket is still open");
    stage.network.publish(&Message::new("x", "2"));
    stage.expect_message(id, "2")?;
    stage.expect_works()
}

fn again_and_again<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (server, mut connection) = stage.connected()?;
    let id = stage.subscribe("x")?;
    for round in 0..6_u8 {
        match round % 3 {
            0 => connection.close(),
            1 => connection.reset(),
            _ => connection.send("NONSENSE"),
        }
        stage.settle();
        connection = stage.up(&server)?;
        stage.network.publish(&Message::new("x", [b'0' + round]));
        stage.expect_message(id, &round.to_string())?;
    }
    ensure!(stage.losses().len() == 6, "6 losses were reported as {:?}", stage.losses());
    Ok(())
}

fn half_published<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (server, connection) = stage.connected()?;
    connection.stall_after(20);
    let _pending = stage.driver().publish(&Message::new("half", "0123456789".repeat(20)));
    stage.settle();
    connection.cut();
    let next = stage.up(&server)?;
    stage.expect_works()?;
    let count = next.published().iter().filter(|message| message.subject == "half").count();
    ensure!(count <= 1, "the message came {count} times");
    Ok(())
}

fn perhaps_lost<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    connection.hang();
    stage.publish("written", "1")?;
    connection.stall_after(20);
    stage.publish("half", "0123456789".repeat(20))?;
    connection.cut();
    stage.pass(SECOND);
    let count = stage.events.iter().find_map(|event| match event {
        Event::PerhapsLost(count) => Some(*count),
        _ => None,
    });
    ensure!(count == Some(2), "perhaps lost are 2 messages, and reported {count:?}");
    Ok(())
}

fn stale<D: Driver>(stage: &mut Stage<D>, is_stuck: bool) -> Checked {
    let (server, connection) = stage.connected()?;
    connection.hang();
    if is_stuck {
        connection.stall();
        stage.fill()?;
    }
    let start = stage.now;
    let interval = stage.options.ping_interval;
    stage.until(4 * interval, "that the server hangs", |stage| {
        (!stage.losses().is_empty()).then_some(())
    })?;
    stage.expect_loss(&[Reason::Stale])?;
    let waited = stage.now - start;
    let is_on_time = waited + 2 * SECOND >= 2 * interval && waited <= 3 * interval + 2 * SECOND;
    ensure!(is_on_time, "it took {waited:?}, where PINGs are {interval:?} apart");
    stage.up(&server)?;
    ensure!(!connection.is_held(), "the old socket is still open");
    Ok(())
}
