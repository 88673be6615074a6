//! Rows 3, 5, 6 and 7: from the dial to the first PONG.

use std::time::Duration;

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
        Check::new(3, "bytes before TLS", bytes_before_tls),
        Check::new(3, "TLS", tls).needs(&[Ability::Tls]),
        Check::new(5, "another server meanwhile", slow_dial).needs(&[Ability::SeveralServers]),
        Check::new(5, "one server, and two sockets", late_socket),
        Check::new(5, "timers while dialling", timers_while_dialling).needs(&[Ability::Request]),
        Check::new(6, "before INFO", |stage| {
            lost_early(stage, |script| script.sends_info = false, 0)
        }),
        Check::new(6, "before PONG", |stage| {
            lost_early(stage, |script| script.answers_pings = false, 2)
        }),
        Check::new(6, "in the middle of CONNECT", |stage| {
            lost_early(stage, |script| script.room = Some(10), 0)
        }),
        Check::new(6, "next server", next_server).needs(&[Ability::SeveralServers]),
        Check::new(6, "back-off", back_off),
        Check::new(6, "nothing before PONG", nothing_before_pong),
        Check::new(7, "in parts of seven bytes", |stage| long_connect(stage, 7)),
        Check::new(7, "in one part", |stage| long_connect(stage, usize::MAX)),
    ]
}

/// The next connection to a server, right after it was opened.
fn opened<D: Driver>(stage: &mut Stage<D>, server: &Server) -> Checked<Connection> {
    stage.until(10 * SECOND, "dialling", |_| server.connection().filter(Connection::is_held))
}

fn bytes_before_tls<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let server = stage.network.server("a");
    server.script(|script| {
        script.sends_info = false;
        script.info.tls_required = true;
    });
    stage.start();
    let connection = opened(stage, &server)?;
    connection.info(|_| {});
    connection.send("PONG");
    stage.settle();
    let ops = connection.ops();
    ensure!(ops.is_empty(), "it goes on after bytes that came before TLS: {ops:?}");
    ensure!(!connection.is_held(), "the connection stays open after bytes that came before TLS");
    Ok(())
}

fn tls<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let server = stage.network.server("a");
    server.script(|script| script.info.tls_required = true);
    stage.start();
    let connection = opened(stage, &server)?;
    stage.until(SECOND, "a TLS handshake", |_| {
        (connection.ops().first() == Some(&Op::Tls)).then_some(())
    })
}

fn slow_dial<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (a, b) = (stage.network.server("a"), stage.network.server("b"));
    a.ignore();
    stage.options.servers = vec![a.url(), b.url()];
    stage.start();
    stage.until(10 * SECOND, "another server than one that does not answer", |_| {
        b.connection().filter(Connection::is_up)
    })?;
    let now = stage.now;
    ensure!(now + 500 * MILLISECOND >= stage.options.connect_timeout, "it waited only {now:?}");
    a.accept();
    stage.pass(SECOND);
    let late = a.connection().filter(Connection::is_held);
    ensure!(late.is_none(), "it keeps a socket that came after its time: {late:?}");
    stage.expect_works()
}

fn late_socket<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let server = stage.network.server("a");
    server.ignore();
    stage.start();
    stage.until(20 * SECOND, "a second attempt", |_| (server.dials() >= 2).then_some(()))?;
    server.accept();
    stage.up(&server)?;
    stage.pass(SECOND);
    let held = server.connections().iter().filter(|connection| connection.is_held()).count();
    ensure!(held == 1, "it has {held} sockets of {} attempts", server.dials());
    stage.expect_works()
}

fn timers_while_dialling<D: Driver>(stage: &mut Stage<D>) -> Checked {
    stage.options.connect_timeout = 20 * SECOND;
    let (server, connection) = stage.connected()?;
    server.ignore();
    connection.cut();
    let what = "the second attempt";
    stage.until(20 * SECOND, what, |_| (server.dials() >= 2).then_some(()))?;
    let pending = stage.driver().request(&Message::new("x", ""), SECOND);
    let outcome =
        stage.outcome(&pending, 2 * SECOND, "the time-out of a request while dialling")?;
    ensure!(outcome.is_err(), "a request without a connection was answered: {outcome:?}");
    Ok(())
}

/// The first connection is lost before it is ready, when so many operations have come.
fn lost_early<D: Driver>(
    stage: &mut Stage<D>,
    script: fn(&mut crate::server::Script),
    ops: usize,
) -> Checked {
    let server = stage.network.server("a");
    server.script(script);
    stage.start();
    let first = opened(stage, &server)?;
    stage.settle();
    ensure!(first.ops().len() == ops, "before the login it sends {:?}", first.log());
    server.script(|script| {
        script.sends_info = true;
        script.answers_pings = true;
        script.room = None;
    });
    first.cut();
    let next = stage.up(&server)?;
    ensure!(stage.losses().is_empty(), "a connection was lost that there never was");
    let log = next.log();
    let is_login = matches!(next.ops().as_slice(), [Op::Connect(_), Op::Ping, ..]);
    ensure!(is_login, "the next connection begins with {log:?}");
    stage.expect_works()
}

fn next_server<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (a, b) = (stage.network.server("a"), stage.network.server("b"));
    a.script(|script| script.sends_info = false);
    stage.options.servers = vec![a.url(), b.url()];
    stage.start();
    opened(stage, &a)?.cut();
    stage.until(SECOND, "the next server", |_| b.connection().filter(Connection::is_up))?;
    stage.expect_works()
}

fn back_off<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let server = stage.network.server("a");
    stage.start();
    let end = stage.now + 20 * SECOND;
    while stage.now < end {
        server.connections().iter().filter(|it| it.is_held()).for_each(Connection::cut);
        stage.pass(10 * MILLISECOND);
    }
    let dials = server.dials();
    let wait = stage.options.reconnect_wait;
    ensure!(dials <= 12, "{dials} attempts in 20 s, where {wait:?} are to lie between two");
    ensure!(dials >= 3, "only {dials} attempts in 20 s, where {wait:?} are to lie between two");
    Ok(())
}

fn nothing_before_pong<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let server = stage.network.server("a");
    server.script(|script| script.answers_pings = false);
    stage.start();
    let pending = stage.driver().publish(&Message::new("early", "1"));
    let (_, subscribed) = stage.begin_subscribe("early");
    let connection = opened(stage, &server)?;
    stage.pass(Duration::from_millis(500));
    let log = connection.log();
    ensure!(log.len() == 2, "before the first PONG it sends {log:?}");
    connection.script(|script| script.answers_pings = true);
    connection.send("PONG");
    stage.outcome(&subscribed, SECOND, "subscribing before there is a connection")?.ok();
    let is_taken =
        stage.outcome(&pending, SECOND, "publishing before there is a connection")?.is_ok();
    let published = connection.published().len();
    ensure!(published == usize::from(is_taken), "published: {is_taken}, and {published} came");
    Ok(())
}

fn long_connect<D: Driver>(stage: &mut Stage<D>, chunk: usize) -> Checked {
    let token = "0123456789".repeat(300);
    stage.options.token = Some(token.clone());
    stage.network.server("a").script(|script| script.write_chunk = chunk);
    let (_, connection) = stage.connected()?;
    let is_whole =
        matches!(connection.ops().first(), Some(Op::Connect(json)) if json.contains(&token));
    ensure!(is_whole, "CONNECT came without its token");
    stage.expect_works()
}
