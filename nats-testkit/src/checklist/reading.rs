//! Rows 1, 2 and 15: what is read, and what is not for anybody.

use super::Check;
use super::stage::Checked;
use super::stage::SECOND;
use super::stage::Stage;
use super::stage::ensure;
use crate::driver::Ability;
use crate::driver::Driver;
use crate::driver::Event;
use crate::network::Connection;
use crate::server::Message;
use crate::server::Op;

pub(super) fn checks<D: Driver>() -> Vec<Check<D>> {
    vec![
        Check::new(1, "all in one read", |stage| several_operations(stage, usize::MAX)),
        Check::new(1, "each byte in a read of its own", |stage| several_operations(stage, 1)),
        Check::new(1, "in reads of seven bytes", |stage| several_operations(stage, 7)),
        Check::new(2, "after an error", |stage| rest(stage, |it| it.error("Stale Connection"))),
        Check::new(2, "after what is no operation", |stage| rest(stage, |it| it.send("NONSENSE"))),
        Check::new(15, "for a subscription that is gone", gone),
        Check::new(15, "longer than the buffer", too_long).needs(&[Ability::Oversized]),
        Check::new(15, "longer than the buffer, with a maximum", too_long_counts)
            .needs(&[Ability::Oversized, Ability::MaxMessages]),
    ]
}

fn several_operations<D: Driver>(stage: &mut Stage<D>, chunk: usize) -> Checked {
    stage.network.server("a").script(|script| script.read_chunk = chunk);
    let (_, connection) = stage.connected()?;
    let id = stage.subscribe("in.*")?;
    let sid = connection.sid("in.*").ok_or("SUB did not come")?;
    connection.info(|_| {});
    connection.send("PONG");
    connection.deliver(sid, &Message::new("in.a", "1"));
    connection.deliver(sid, &Message::new("in.b", "2").reply("r"));
    connection.error("Permissions Violation for Publish to \"x\"");
    connection.deliver(sid, &Message::new("in.c", "3"));
    connection.send("PING");
    for (subject, reply, text) in
        [("in.a", None, "1"), ("in.b", Some("r"), "2"), ("in.c", None, "3")]
    {
        let message = stage.next(id)?;
        let is_it = message.subject == subject && message.text() == text;
        ensure!(is_it && message.reply.as_deref() == reply, "it received {message}");
    }
    stage.until(SECOND, "PONG", |_| (connection.ops().last() == Some(&Op::Pong)).then_some(()))?;
    ensure!(stage.events.contains(&Event::ServerError), "-ERR was not reported");
    ensure!(stage.losses().is_empty(), "the connection was lost: {:?}", stage.losses());
    stage.expect_works()
}

/// Something ends the connection, and more stands behind it.
fn rest<D: Driver>(stage: &mut Stage<D>, end: impl Fn(&Connection)) -> Checked {
    let (server, connection) = stage.connected()?;
    let id = stage.subscribe("x")?;
    let sid = connection.sid("x").ok_or("SUB did not come")?;
    end(&connection);
    connection.deliver(sid, &Message::new("x", "late"));
    connection.send("PING|PING");
    connection.info(|info| info.max_payload = 1);
    connection.send_bytes(format!("MSG x {sid} 10\r\nhal").as_bytes());
    connection.close();
    let next = stage.up(&server)?;
    let losses = stage.losses().len();
    ensure!(losses == 1, "{losses} losses were reported, and not one");
    ensure!(!connection.is_held(), "the old socket is still open");
    let log = next.log();
    ensure!(!log.contains(&"PONG".to_owned()), "PINGs of the old connection are answered: {log:?}");
    stage.publish("x", "fresh")?;
    stage.expect_message(id, "fresh")?;
    stage.expect_works()
}

fn gone<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    let (gone, stays) = (stage.subscribe("gone")?, stage.subscribe("stays")?);
    let sid = connection.sid("gone").ok_or("SUB did not come")?;
    stage.driver().unsubscribe(gone);
    stage.settle();
    for sid in [sid, 987_654_321, 0] {
        connection.deliver(sid, &Message::new("gone", "for nobody"));
    }
    let sid = connection.sid("stays").ok_or("SUB did not come")?;
    connection.deliver(sid, &Message::new("stays", "here"));
    stage.expect_message(stays, "here")?;
    ensure!(stage.losses().is_empty(), "the connection was lost: {:?}", stage.losses());
    Ok(())
}

fn too_long<D: Driver>(stage: &mut Stage<D>) -> Checked {
    stage.connected()?;
    let id = stage.subscribe("x")?;
    stage.network.publish(&Message::new("x", vec![b'x'; D::MAX_MESSAGE + 1]));
    stage.network.publish(&Message::new("x", "short"));
    stage.expect_message(id, "short")?;
    ensure!(stage.events.contains(&Event::Oversized), "the long message was not reported");
    ensure!(stage.losses().is_empty(), "the connection was lost: {:?}", stage.losses());
    Ok(())
}

fn too_long_counts<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (server, connection) = stage.connected()?;
    let id = stage.subscribe("x")?;
    stage.driver().unsubscribe_after(id, 3);
    stage.settle();
    stage.network.publish(&Message::new("x", vec![b'x'; D::MAX_MESSAGE + 1]));
    stage.settle();
    connection.cut();
    let next = stage.up(&server)?;
    let left = stage.until(SECOND, "UNSUB with what is left of the maximum", |_| {
        next.ops().into_iter().find_map(|op| match op {
            Op::Unsub { max, .. } => max,
            _ => None,
        })
    })?;
    ensure!(left == 2, "of a maximum of 3, {left} are left after one that was too long");
    stage.network.publish(&Message::new("x", "second"));
    stage.network.publish(&Message::new("x", "third"));
    stage.expect_message(id, "second")?;
    stage.expect_message(id, "third")?;
    stage.expect_end(id)
}
