//! Row 17: flushes.

use super::Check;
use super::stage::Checked;
use super::stage::MILLISECOND;
use super::stage::SECOND;
use super::stage::Stage;
use super::stage::ensure;
use crate::driver::Ability;
use crate::driver::Driver;
use crate::server::Op;

pub(super) fn checks<D: Driver>() -> Vec<Check<D>> {
    let checks = vec![
        Check::new(17, "while connected", connected),
        Check::new(17, "before there is a connection", before),
        Check::new(17, "across a loss", across),
        Check::new(17, "two", two),
        Check::new(17, "without an answer", unanswered),
    ];
    checks.into_iter().map(|check| check.needs(&[Ability::Flush])).collect()
}

fn connected<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    connection.script(|script| script.answers_pings = false);
    let published = stage.driver().publish(&crate::server::Message::new("x", "1"));
    let flush = stage.driver().flush();
    stage.pass(100 * MILLISECOND);
    ensure!(published.take() == Some(Ok(())), "publishing failed");
    ensure!(!flush.is_known(), "a flush ended that the server has not answered");
    let ops = connection.ops();
    let is_in_order = matches!(ops.as_slice(), [.., Op::Pub(_), Op::Ping]);
    ensure!(is_in_order, "PING does not follow what was published: {:?}", connection.log());
    connection.send("PONG");
    let flushed = stage.outcome(&flush, SECOND, "a flush")?;
    ensure!(flushed.is_ok(), "a flush failed: {flushed:?}");
    Ok(())
}

fn before<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let server = stage.network.server("a");
    server.ignore();
    stage.start();
    let flush = stage.driver().flush();
    stage.pass(100 * MILLISECOND);
    server.accept();
    stage.up(&server)?;
    stage.outcome(&flush, 15 * SECOND, "a flush before there is a connection")?.ok();
    stage.expect_works()
}

fn across<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (server, connection) = stage.connected()?;
    connection.hang();
    stage.publish("x", "1")?;
    let flush = stage.driver().flush();
    stage.settle();
    connection.cut();
    let flushed = stage.outcome(&flush, 15 * SECOND, "a flush whose connection was lost")?;
    ensure!(flushed.is_err(), "a flush is done, and its connection was lost without an answer");
    stage.up(&server)?;
    stage.expect_works()
}

fn two<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    connection.script(|script| script.answers_pings = false);
    let first = stage.driver().flush();
    stage.settle();
    let second = stage.driver().flush();
    stage.settle();
    connection.send("PONG");
    let first = stage.outcome(&first, SECOND, "the first of two flushes")?;
    connection.send("PONG");
    let second = stage.outcome(&second, SECOND, "the second of two flushes")?;
    ensure!(first.is_ok() && second.is_ok(), "two flushes end with {first:?} and {second:?}");
    Ok(())
}

fn unanswered<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    connection.hang();
    let flush = stage.driver().flush();
    // At the latest, the connection is found to be dead.
    let within = 4 * stage.options.ping_interval;
    let flushed = stage.outcome(&flush, within, "a flush that nobody answers")?;
    ensure!(flushed.is_err(), "a flush is done that nobody answered");
    Ok(())
}
