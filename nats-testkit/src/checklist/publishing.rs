//! Rows 11 and 12: what is published without a connection, and servers that change.

use std::collections::BTreeMap;

use super::Check;
use super::stage::Checked;
use super::stage::MILLISECOND;
use super::stage::SECOND;
use super::stage::Stage;
use super::stage::ensure;
use crate::driver::Ability;
use crate::driver::Driver;
use crate::network::Connection;
use crate::network::Server;
use crate::server::Message;
use crate::server::Op;

pub(super) fn checks<D: Driver>() -> Vec<Check<D>> {
    vec![
        Check::new(11, "before there is a connection", before),
        Check::new(11, "while the connection is lost", while_lost),
        Check::new(11, "limits are checked again", limits_again),
        Check::new(11, "while a lame duck is left", while_leaving)
            .needs(&[Ability::SeveralServers]),
        Check::new(12, "smaller max_payload", smaller_payload),
        Check::new(12, "other servers", other_servers).needs(&[Ability::SeveralServers]),
        Check::new(12, "lame duck mode", lame_duck).needs(&[Ability::SeveralServers]),
    ]
}

fn before<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let server = stage.network.server("a");
    server.ignore();
    stage.start();
    offline(stage, &server)
}

fn while_lost<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (server, _) = stage.connected()?;
    server.kill();
    stage.settle();
    offline(stage, &server)
}

/// What is published without a connection is refused, or comes to the next one behind the SUBs.
fn offline<D: Driver>(stage: &mut Stage<D>, server: &Server) -> Checked {
    let (id, subscribed) = stage.begin_subscribe("x");
    let published = stage.driver().publish(&Message::new("x", "early"));
    stage.pass(100 * MILLISECOND);
    server.accept();
    let connection = stage.up(server)?;
    stage
        .outcome(&subscribed, SECOND, "subscribing without a connection")?
        .map_err(|error| format!("subscribing without a connection failed: {error:?}"))?;
    let published = stage.outcome(&published, SECOND, "publishing without a connection")?;
    stage.settle();
    let count = connection.published().len();
    ensure!(
        count == usize::from(published.is_ok()),
        "publishing without a connection said {published:?}, and {count} came"
    );
    if published.is_ok() {
        stage.expect_message(id, "early").map_err(|error| format!("PUB before SUB? {error}"))?;
    }
    stage.expect_works()
}

fn limits_again<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (server, _) = stage.connected()?;
    server.kill();
    stage.settle();
    let long = stage.driver().publish(&Message::new("long", "0123456789".repeat(30)));
    let short = stage.driver().publish(&Message::new("short", "1"));
    stage.settle();
    server.script(|script| script.info.max_payload = 100);
    server.accept();
    let connection = stage.up(&server)?;
    stage.outcome(&long, 5 * SECOND, "publishing without a connection")?.ok();
    let short = stage.outcome(&short, 5 * SECOND, "publishing without a connection")?;
    stage.settle();
    let published = connection.published();
    ensure!(
        published.iter().all(|message| message.subject == "short"),
        "what was kept is longer than the server's max_payload, and was sent"
    );
    ensure!(
        published.len() == usize::from(short.is_ok()),
        "publishing said {short:?}, and {} came, behind one that was too long",
        published.len()
    );
    ensure!(stage.losses().len() == 1, "the next connection was lost, too");
    stage.expect_works()
}

fn while_leaving<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (a, b) = (stage.network.server("a"), stage.network.server("b"));
    stage.options.servers = vec![a.url(), b.url()];
    b.refuse();
    let connection = {
        stage.start();
        stage.up(&a)?
    };
    b.accept();
    connection.lame_duck(&["b"]);
    let mut pending = Vec::new();
    for number in 0..100 {
        let subject = format!("n.{number}");
        pending.push((subject.clone(), stage.driver().publish(&Message::new(&subject, "1"))));
        stage.pass(100 * MILLISECOND);
    }
    let next = stage.up(&b)?;
    stage.pass(SECOND);
    let mut came = BTreeMap::<String, usize>::new();
    for message in connection.published().into_iter().chain(next.published()) {
        *came.entry(message.subject).or_default() += 1;
    }
    for (subject, pending) in pending {
        let outcome = stage.outcome(&pending, SECOND, "publishing")?;
        let count = came.get(&subject).copied().unwrap_or_default();
        ensure!(
            count == usize::from(outcome.is_ok()),
            "publishing {subject} said {outcome:?}, and it came {count} times"
        );
    }
    Ok(())
}

fn smaller_payload<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    connection.info(|info| info.max_payload = 100);
    stage.settle();
    let pending = stage.driver().publish(&Message::new("long", "0123456789".repeat(20)));
    let outcome = stage.outcome(&pending, SECOND, "publishing")?;
    ensure!(outcome.is_err(), "a message that is longer than max_payload was taken");
    ensure!(stage.losses().is_empty(), "the connection was lost: {:?}", stage.losses());
    stage.expect_works()
}

fn other_servers<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (a, connection) = stage.connected()?;
    let b = stage.network.server("b");
    connection.info(|info| info.connect_urls.push("b:4222".to_owned()));
    stage.settle();
    a.kill();
    stage.until(5 * SECOND, "the server that INFO told of", |_| {
        b.connection().filter(Connection::is_up)
    })?;
    stage.expect_works()
}

fn lame_duck<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    let b = stage.network.server("b");
    let id = stage.subscribe("x")?;
    let sid = connection.sid("x").ok_or("SUB did not come")?;
    connection.script(|script| script.answers_pings = false);
    connection.lame_duck(&["b"]);
    // Everything that the server sends until it answers belongs to the subscription.
    stage.until(10 * SECOND, "that the lame duck is left", |_| {
        let ops = connection.ops();
        let unsub = ops.iter().position(|op| matches!(op, Op::Unsub { .. }))?;
        ops.get(unsub..)?.contains(&Op::Ping).then_some(())
    })?;
    connection.deliver(sid, &Message::new("x", "last of the old"));
    connection.script(|script| script.answers_pings = true);
    connection.send("PONG");
    stage.expect_message(id, "last of the old")?;
    stage.until(10 * SECOND, "another server", |_| b.connection().filter(Connection::is_up))?;
    stage.settle();
    stage.network.publish(&Message::new("x", "first of the new"));
    stage.expect_message(id, "first of the new")?;
    ensure!(!connection.is_held(), "the old socket is still open");
    stage.expect_works()
}
