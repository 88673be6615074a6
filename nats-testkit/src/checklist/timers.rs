//! Row 10: time.

use super::Check;
use super::stage::Checked;
use super::stage::MILLISECOND;
use super::stage::SECOND;
use super::stage::Stage;
use super::stage::ensure;
use crate::driver::Ability;
use crate::driver::Driver;
use crate::driver::Failure;
use crate::server::Message;
use crate::server::Op;

pub(super) fn checks<D: Driver>() -> Vec<Check<D>> {
    vec![
        Check::new(10, "an hour later", suspended),
        Check::new(10, "an hour later, with a request", suspended_with_request)
            .needs(&[Ability::Request]),
        Check::new(10, "an hour later, without a connection", suspended_offline),
        Check::new(10, "a timer that is set while everything sleeps", late_timer)
            .needs(&[Ability::Request]),
    ]
}

fn pings(ops: &[Op]) -> usize {
    ops.iter().filter(|op| **op == Op::Ping).count()
}

fn suspended<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    let before = pings(&connection.ops());
    stage.suspend(3600 * SECOND);
    stage.until(200 * MILLISECOND, "PING after an hour", |_| {
        (pings(&connection.ops()) > before).then_some(())
    })?;
    ensure!(stage.losses().is_empty(), "the connection was lost: {:?}", stage.losses());
    let before = pings(&connection.ops());
    let interval = stage.options.ping_interval;
    stage.until(interval + SECOND, "the PING after that", |_| {
        (pings(&connection.ops()) > before).then_some(())
    })?;
    stage.expect_works()
}

fn suspended_with_request<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    connection.script(|script| script.delivers = false);
    let request = stage.driver().request(&Message::new("x", ""), 5 * SECOND);
    stage.settle();
    let before = pings(&connection.ops());
    stage.suspend(3600 * SECOND);
    let outcome = stage.outcome(&request, 200 * MILLISECOND, "the time-out of a request")?;
    ensure!(outcome == Err(Failure::TimedOut), "a request ended with {outcome:?} after its time");
    stage.until(200 * MILLISECOND, "PING, which was due as well", |_| {
        (pings(&connection.ops()) > before).then_some(())
    })?;
    Ok(())
}

fn suspended_offline<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (server, _) = stage.connected()?;
    server.kill();
    stage.pass(SECOND);
    stage.suspend(3600 * SECOND);
    server.accept();
    stage.until(5 * SECOND, "a connection after an hour", |_| {
        server.connection().filter(crate::network::Connection::is_up)
    })?;
    stage.expect_works()
}

fn late_timer<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    connection.script(|script| script.delivers = false);
    // So that it waits for nothing but the next PING, which is far away.
    stage.pass(SECOND);
    let start = stage.now;
    let request = stage.driver().request(&Message::new("x", ""), SECOND);
    let outcome = stage.outcome(&request, 2 * SECOND, "the time-out of a request")?;
    ensure!(outcome == Err(Failure::TimedOut), "a request ended with {outcome:?}");
    let waited = stage.now - start;
    ensure!(waited + 100 * MILLISECOND >= SECOND, "a request with a second had {waited:?}");
    Ok(())
}
