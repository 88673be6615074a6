//! Rows 8 and 9: the server accepts nothing.

use super::Check;
use super::stage::Checked;
use super::stage::SECOND;
use super::stage::Stage;
use super::stage::ensure;
use crate::driver::Ability;
use crate::driver::Driver;
use crate::driver::Failure;
use crate::driver::Pending;
use crate::network::Connection;
use crate::server::Message;
use crate::server::Op;

pub(super) fn checks<D: Driver>() -> Vec<Check<D>> {
    vec![
        Check::new(8, "they are answered later", |stage| pings(stage, false)),
        Check::new(8, "memory stays flat", |stage| pings(stage, true)).needs(&[Ability::Unsent]),
        Check::new(9, "at SUB", full_at_sub),
        Check::new(9, "at UNSUB", full_at_unsub),
        Check::new(9, "at PING", full_at_ping).needs(&[Ability::Flush]),
    ]
}

/// How many messages a client may take while nothing is written.
const MAX_TAKEN: usize = 20_000;

impl<D: Driver> Stage<D> {
    /// Publishes until the client takes no more. Returns what it did not refuse.
    pub(super) fn fill(&mut self) -> Checked<Vec<Pending<Result<(), Failure>>>> {
        let message = Message::new("fill", "0123456789".repeat(10));
        let mut taken = Vec::new();
        while taken.len() < MAX_TAKEN {
            let pending = self.driver().publish(&message);
            if taken.len() % 64 < 8 {
                self.settle();
            }
            match pending.take() {
                Some(Err(_)) => return Ok(taken),
                Some(Ok(())) => taken.push(Pending::resolved(Ok(()))),
                None => {
                    self.settle();
                    let is_full = !pending.is_known();
                    taken.push(pending);
                    if is_full {
                        return Ok(taken);
                    }
                }
            }
        }
        Err(format!("it took {MAX_TAKEN} messages while the server accepted nothing"))
    }

    /// Connected, and the output is full.
    fn stuck(&mut self) -> Checked<(Connection, Vec<Pending<Result<(), Failure>>>)> {
        let (_, connection) = self.connected()?;
        connection.stall();
        let taken = self.fill()?;
        Ok((connection, taken))
    }

    /// The server accepts everything again, in small parts.
    fn unstuck(&mut self, connection: &Connection) {
        // It must not have been spinning.
        self.pass(2 * SECOND);
        connection.script(|script| script.write_chunk = 61);
        connection.resume();
    }
}

fn pings<D: Driver>(stage: &mut Stage<D>, is_measured: bool) -> Checked {
    let (connection, _taken) = stage.stuck()?;
    let before = stage.driver().unsent();
    let rounds = 100;
    for _ in 0..rounds {
        connection.send(&["PING"; 100].join("|"));
        stage.settle();
    }
    let after = stage.driver().unsent();
    if is_measured {
        ensure!(before > 0, "nothing waits to be written, where the server accepts nothing");
        let is_flat = after <= before + 1024;
        ensure!(
            is_flat,
            "{before} B waited to be written before 10,000 PINGs, and {after} B after"
        );
    }
    connection.resume();
    let pongs =
        |connection: &Connection| connection.ops().iter().filter(|op| **op == Op::Pong).count();
    stage.until(10 * SECOND, "PONG", |_| (pongs(&connection) > 0).then_some(()))?;
    ensure!(stage.losses().is_empty(), "the connection was lost: {:?}", stage.losses());
    stage.expect_works()
}

fn full_at_sub<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (connection, _taken) = stage.stuck()?;
    let (id, subscribed) = stage.begin_subscribe("x");
    // As soon as there is room for it, or it waits for that.
    for _ in 0..1000 {
        let published = stage.driver().publish(&Message::new("x", "1"));
        stage.settle();
        if !matches!(published.take(), Some(Err(_))) {
            break;
        }
        connection.stall_after(50);
        stage.settle();
    }
    stage.unstuck(&connection);
    stage
        .outcome(&subscribed, 10 * SECOND, "subscribing where the output was full")?
        .map_err(|error| format!("subscribing failed: {error:?}"))?;
    stage.until(10 * SECOND, "SUB", |_| connection.sid("x"))?;
    stage.pass(SECOND);
    let order: Vec<_> = connection
        .ops()
        .into_iter()
        .filter_map(|op| match op {
            Op::Sub { filter, .. } if filter == "x" => Some("SUB"),
            Op::Pub(message) if message.subject == "x" => Some("PUB"),
            _ => None,
        })
        .collect();
    ensure!(order != ["PUB", "SUB"], "PUB has overtaken the SUB that was made before it");
    if order == ["SUB", "PUB"] {
        stage.expect_message(id, "1")?;
    }
    stage.expect_works()
}

fn full_at_unsub<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    let id = stage.subscribe("x")?;
    let sid = connection.sid("x").ok_or("SUB did not come")?;
    connection.stall();
    let _taken = stage.fill()?;
    stage.driver().unsubscribe(id);
    stage.unstuck(&connection);
    stage.until(10 * SECOND, "UNSUB", |_| {
        connection.ops().contains(&Op::Unsub { sid, max: None }).then_some(())
    })?;
    stage.expect_works()
}

fn full_at_ping<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (connection, taken) = stage.stuck()?;
    let flush = stage.driver().flush();
    stage.pass(SECOND);
    ensure!(!flush.is_known(), "a flush ended while the server accepted nothing");
    connection.script(|script| script.write_chunk = 61);
    connection.resume();
    let flushed = stage.outcome(&flush, 10 * SECOND, "a flush where the output was full")?;
    ensure!(flushed.is_ok(), "a flush failed: {flushed:?}");
    let taken = taken.into_iter().filter(|pending| pending.take() == Some(Ok(()))).count();
    let came = connection.published().len();
    // What was not taken when the flush was asked for may come, too.
    ensure!(came + 1 >= taken, "the flush is done, and {came} of {taken} messages came");
    Ok(())
}
