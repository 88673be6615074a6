//! Row 16: requests.

use std::time::Duration;

use super::Check;
use super::stage::Checked;
use super::stage::MILLISECOND;
use super::stage::SECOND;
use super::stage::Stage;
use super::stage::ensure;
use crate::driver::Ability;
use crate::driver::Driver;
use crate::driver::Failure;
use crate::driver::Pending;
use crate::network::Connection;
use crate::server::Message;

pub(super) fn checks<D: Driver>() -> Vec<Check<D>> {
    let checks = vec![
        Check::new(16, "answered", answered),
        Check::new(16, "no responders", no_responders),
        Check::new(16, "late", late),
        Check::new(16, "two replies", two_replies),
        Check::new(16, "connection lost", connection_lost),
        Check::new(16, "inbox refused", inbox_refused),
    ];
    let mut checks: Vec<_> =
        checks.into_iter().map(|check| check.needs(&[Ability::Request])).collect();
    let needs = &[Ability::Request, Ability::Oversized];
    let several = &[Ability::Request, Ability::SeveralRequests];
    checks.push(Check::new(16, "answered in another order", another_order).needs(several));
    checks.push(Check::new(16, "a reply that is too long", reply_too_long).needs(needs));
    checks
}

/// More requests than any table has places, where it is small on purpose.
const MANY: u32 = 40;

type Reply = Pending<Result<Message, Failure>>;

impl<D: Driver> Stage<D> {
    /// A connection to a server that delivers nothing by itself.
    fn silent(&mut self) -> Checked<Connection> {
        let (_, connection) = self.connected()?;
        connection.script(|script| script.delivers = false);
        Ok(connection)
    }

    /// Makes a request, and says where its reply is to go.
    fn ask(&mut self, connection: &Connection, timeout: Duration) -> Checked<(Reply, String)> {
        let before = connection.published().len();
        let pending = self.driver().request(&Message::new("ask", "?"), timeout);
        let reply = self.until(SECOND, "a request", |_| {
            connection.published().get(before).and_then(|message| message.reply.clone())
        })?;
        Ok((pending, reply))
    }

    fn answer(&self, reply: &str, text: &str) {
        self.network.publish(&Message::new(reply, text));
    }

    fn expect_reply(&mut self, pending: &Reply, text: &str) -> Checked {
        let outcome = self.outcome(pending, SECOND, "a reply")?;
        let received = outcome.map_err(|error| format!("a request failed: {error:?}"))?;
        ensure!(received.text() == text, "the reply is {:?}, not {text:?}", received.text());
        Ok(())
    }
}

fn answered<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let connection = stage.silent()?;
    for _ in 0..MANY {
        let (request, reply) = stage.ask(&connection, SECOND)?;
        stage.answer(&reply, "yes");
        stage.expect_reply(&request, "yes")?;
    }
    Ok(())
}

fn another_order<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let connection = stage.silent()?;
    for _ in 0..MANY {
        let (first, first_reply) = stage.ask(&connection, SECOND)?;
        let (second, second_reply) = stage.ask(&connection, SECOND)?;
        stage.answer(&second_reply, "two");
        stage.expect_reply(&second, "two")?;
        stage.answer(&first_reply, "one");
        stage.expect_reply(&first, "one")?;
    }
    Ok(())
}

fn no_responders<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    for _ in 0..MANY {
        let (request, _) = stage.ask(&connection, 10 * SECOND)?;
        let outcome = stage.outcome(&request, SECOND, "that a request has no responders")?;
        let is_it = outcome == Err(Failure::NoResponders);
        ensure!(is_it, "a request without responders ended with {outcome:?}");
    }
    Ok(())
}

fn late<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let connection = stage.silent()?;
    for number in 0..MANY {
        let (request, reply) = stage.ask(&connection, 100 * MILLISECOND)?;
        let outcome = stage.outcome(&request, SECOND, "the time-out of a request")?;
        ensure!(outcome == Err(Failure::TimedOut), "a late request ended with {outcome:?}");
        // The others are never answered.
        if number % 4 == 0 {
            stage.answer(&reply, "too late");
        }
    }
    let (request, reply) = stage.ask(&connection, SECOND)?;
    stage.answer(&reply, "in time");
    stage.expect_reply(&request, "in time")
}

fn two_replies<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let connection = stage.silent()?;
    for _ in 0..MANY {
        let (request, reply) = stage.ask(&connection, SECOND)?;
        stage.answer(&reply, "first");
        stage.answer(&reply, "second");
        stage.expect_reply(&request, "first")?;
    }
    stage.pass(SECOND);
    ensure!(stage.losses().is_empty(), "the connection was lost: {:?}", stage.losses());
    Ok(())
}

fn reply_too_long<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let connection = stage.silent()?;
    for _ in 0..MANY {
        let (request, reply) = stage.ask(&connection, SECOND)?;
        stage.network.publish(&Message::new(&reply, vec![b'x'; D::MAX_MESSAGE + 1]));
        let outcome = stage.outcome(&request, 2 * SECOND, "the end of a request")?;
        ensure!(outcome.is_err(), "a reply that is too long was received");
    }
    let (request, reply) = stage.ask(&connection, SECOND)?;
    stage.answer(&reply, "short");
    stage.expect_reply(&request, "short")
}

fn connection_lost<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let server = stage.network.server("a");
    let mut connection = stage.silent()?;
    for _ in 0..5 {
        let (request, _) = stage.ask(&connection, 10 * SECOND)?;
        connection.cut();
        connection = stage.up(&server)?;
        connection.script(|script| script.delivers = false);
        let outcome =
            stage.outcome(&request, 11 * SECOND, "a request whose connection was lost")?;
        ensure!(outcome.is_err(), "a request was answered that nobody answered");
    }
    let (request, reply) = stage.ask(&connection, SECOND)?;
    stage.answer(&reply, "here");
    stage.expect_reply(&request, "here")
}

fn inbox_refused<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let server = stage.network.server("a");
    server.script(|script| script.forbidden.push("_INBOX.>".to_owned()));
    let connection = stage.silent()?;
    for _ in 0..5 {
        let request = stage.driver().request(&Message::new("ask", "?"), 2 * SECOND);
        let outcome = stage.outcome(&request, 3 * SECOND, "a request whose inbox is refused")?;
        ensure!(outcome.is_err(), "a request was answered that nobody answered");
    }
    connection.script(|script| script.forbidden.clear());
    stage.settle();
    let (request, reply) = stage.ask(&connection, SECOND)?;
    stage.answer(&reply, "permitted");
    stage.expect_reply(&request, "permitted")
}
