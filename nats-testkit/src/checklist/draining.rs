//! Row 18: drain.

use super::Check;
use super::stage::Checked;
use super::stage::SECOND;
use super::stage::Stage;
use super::stage::ensure;
use crate::driver::Ability;
use crate::driver::Driver;
use crate::driver::Failure;
use crate::driver::Pending;
use crate::server::Message;

pub(super) fn checks<D: Driver>() -> Vec<Check<D>> {
    let checks = vec![
        Check::new(18, "no subscriptions", no_subscriptions),
        Check::new(18, "messages kept", messages_kept),
        Check::new(18, "offline", |stage| offline(stage, false)),
        Check::new(18, "offline, with a message kept", |stage| offline(stage, true)),
        Check::new(18, "lost meanwhile", lost_meanwhile),
        Check::new(18, "no answer", no_answer),
        Check::new(18, "twice", twice),
    ];
    let mut checks: Vec<_> =
        checks.into_iter().map(|check| check.needs(&[Ability::Drain])).collect();
    let needs = &[Ability::Drain, Ability::Queues];
    checks.push(Check::new(18, "a slow consumer", slow_consumer).needs(needs));
    checks
}

type Drained = Pending<Result<(), Failure>>;

impl<D: Driver> Stage<D> {
    /// The outcome of draining, which comes within its time.
    fn drained(&mut self, drain: &Drained) -> Checked<Result<(), Failure>> {
        let within = self.options.drain_timeout + self.options.flush_timeout + SECOND;
        let outcome = self.outcome(drain, within, "the end of draining")?;
        self.closed(SECOND)?;
        Ok(outcome)
    }
}

fn no_subscriptions<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    for text in ["1", "2", "3"] {
        stage.publish("x", text)?;
    }
    let drain = stage.driver().drain();
    let outcome = stage.outcome(&drain, SECOND, "the end of draining, with nothing to wait for")?;
    ensure!(outcome.is_ok(), "draining failed: {outcome:?}");
    let came = connection.published().len();
    ensure!(came == 3, "drained, and {came} of 3 messages came");
    ensure!(!connection.is_held(), "drained, and the socket is still open");
    Ok(())
}

fn messages_kept<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    connection.stall();
    let taken = stage.fill()?;
    let drain = stage.driver().drain();
    stage.pass(SECOND);
    ensure!(!drain.is_known(), "draining ended while the server accepted nothing");
    connection.resume();
    let outcome = stage.drained(&drain)?;
    ensure!(outcome.is_ok(), "draining failed: {outcome:?}");
    let taken = taken.into_iter().filter(|pending| pending.take() == Some(Ok(()))).count();
    let came = connection.published().len();
    ensure!(came == taken, "drained, and {came} of {taken} messages came");
    Ok(())
}

fn offline<D: Driver>(stage: &mut Stage<D>, has_message: bool) -> Checked {
    let (server, _) = stage.connected()?;
    server.kill();
    stage.settle();
    let published = has_message.then(|| stage.driver().publish(&Message::new("x", "1")));
    stage.settle();
    let drain = stage.driver().drain();
    let outcome = stage.drained(&drain)?;
    let is_taken = published.is_some_and(|published| published.take() == Some(Ok(())));
    ensure!(!(is_taken && outcome.is_ok()), "drained, and the server does not have a message");
    Ok(())
}

fn lost_meanwhile<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (server, connection) = stage.connected()?;
    connection.hang();
    stage.publish("x", "1")?;
    let drain = stage.driver().drain();
    stage.settle();
    server.kill();
    let outcome = stage.drained(&drain)?;
    ensure!(outcome.is_err(), "drained, and the connection was lost without an answer");
    Ok(())
}

fn no_answer<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    connection.hang();
    stage.publish("x", "1")?;
    let drain = stage.driver().drain();
    let outcome = stage.drained(&drain)?;
    ensure!(outcome.is_err(), "drained, and the server has not answered");
    ensure!(!connection.is_held(), "the socket is still open");
    Ok(())
}

fn twice<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    connection.script(|script| script.answers_pings = false);
    stage.subscribe("x")?;
    let (first, second) = (stage.driver().drain(), stage.driver().drain());
    stage.settle();
    connection.script(|script| script.answers_pings = true);
    connection.send("PONG");
    let outcome = stage.drained(&first)?;
    ensure!(outcome.is_ok(), "draining failed: {outcome:?}");
    let outcome = stage.outcome(&second, SECOND, "the end of draining, asked for again")?;
    ensure!(outcome.is_ok(), "draining succeeded, and failed for who asked again: {outcome:?}");
    Ok(())
}

fn slow_consumer<D: Driver>(stage: &mut Stage<D>) -> Checked {
    stage.connected()?;
    let id = stage.subscribe("x")?;
    for text in ["1", "2"] {
        stage.network.publish(&Message::new("x", text));
    }
    stage.settle();
    let drain = stage.driver().drain();
    stage.pass(SECOND);
    stage.expect_message(id, "1")?;
    stage.pass(SECOND);
    stage.expect_message(id, "2")?;
    stage.expect_end(id)?;
    let outcome = stage.drained(&drain)?;
    ensure!(outcome.is_ok(), "draining failed: {outcome:?}");
    Ok(())
}
