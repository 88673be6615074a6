//! Row 19: close and drop, whatever the client is doing.

use super::Check;
use super::stage::Checked;
use super::stage::SECOND;
use super::stage::Stage;
use super::stage::ensure;
use crate::driver::Ability;
use crate::driver::Driver;
use crate::network::Connection;
use crate::network::Server;
use crate::server::Message;

pub(super) fn checks<D: Driver>() -> Vec<Check<D>> {
    let drops = vec![
        Check::new(19, "drop while dialling", |stage| drop_client(stage, dialling)),
        Check::new(19, "drop before INFO", |stage| drop_client(stage, before_info)),
        Check::new(19, "drop before PONG", |stage| drop_client(stage, before_pong)),
        Check::new(19, "drop while connected", |stage| drop_client(stage, connected)),
        Check::new(19, "drop before the next attempt", |stage| drop_client(stage, waiting)),
        Check::new(19, "drop while writing is stuck", |stage| drop_client(stage, stuck)),
    ];
    let drops = drops.into_iter().map(|check| check.needs(&[Ability::DropClient]));
    let closes = vec![
        Check::new(19, "close while dialling", |stage| close(stage, dialling)),
        Check::new(19, "close before INFO", |stage| close(stage, before_info)),
        Check::new(19, "close before PONG", |stage| close(stage, before_pong)),
        Check::new(19, "close while connected", |stage| close(stage, connected)),
        Check::new(19, "close before the next attempt", |stage| close(stage, waiting)),
        Check::new(19, "close while writing is stuck", |stage| close(stage, stuck)),
    ];
    closes.into_iter().chain(drops).collect()
}

/// Brings the client into a state, with this server.
type Reach<D> = fn(&mut Stage<D>, &Server) -> Checked;

fn dialling<D: Driver>(stage: &mut Stage<D>, server: &Server) -> Checked {
    server.ignore();
    stage.start();
    stage.until(SECOND, "a dial", |_| (server.dials() == 1).then_some(()))
}

fn before_info<D: Driver>(stage: &mut Stage<D>, server: &Server) -> Checked {
    server.script(|script| script.sends_info = false);
    stage.start();
    stage.until(SECOND, "a dial", |_| (server.dials() == 1).then_some(()))
}

fn before_pong<D: Driver>(stage: &mut Stage<D>, server: &Server) -> Checked {
    server.script(|script| script.answers_pings = false);
    stage.start();
    stage.until(SECOND, "CONNECT", |_| server.connection().filter(Connection::is_up).map(drop))
}

fn connected<D: Driver>(stage: &mut Stage<D>, _: &Server) -> Checked {
    stage.connected().map(drop)
}

fn waiting<D: Driver>(stage: &mut Stage<D>, server: &Server) -> Checked {
    stage.connected()?;
    server.kill();
    stage.pass(SECOND);
    Ok(())
}

fn stuck<D: Driver>(stage: &mut Stage<D>, _: &Server) -> Checked {
    let (_, connection) = stage.connected()?;
    connection.stall();
    stage.fill().map(drop)
}

fn close<D: Driver>(stage: &mut Stage<D>, reach: Reach<D>) -> Checked {
    let server = stage.network.server("a");
    reach(stage, &server)?;
    let (id, subscribed) = stage.begin_subscribe("x");
    stage.settle();
    let next = subscribed.is_known().then(|| stage.driver().next(id));
    let request = stage.driver().request(&Message::new("x", ""), 60 * SECOND);
    let flush = stage.driver().flush();
    let published = stage.driver().publish(&Message::new("y", "1"));
    stage.settle();
    let close = stage.driver().close();
    let within = stage.options.flush_timeout + 2 * SECOND;
    stage.outcome(&close, within, "closing")?;
    stage.closed(SECOND)?;
    expect_no_sockets(stage, &server)?;
    stage.outcome(&subscribed, SECOND, "the outcome of subscribing, when closed")?.ok();
    stage.outcome(&request, SECOND, "the outcome of a request, when closed")?.ok();
    stage.outcome(&flush, SECOND, "the outcome of a flush, when closed")?.ok();
    stage.outcome(&published, SECOND, "the outcome of publishing, when closed")?.ok();
    if let Some(next) = next {
        stage.outcome(&next, SECOND, "the end of a subscription, when closed")?;
    }
    Ok(())
}

fn drop_client<D: Driver>(stage: &mut Stage<D>, reach: Reach<D>) -> Checked {
    let server = stage.network.server("a");
    reach(stage, &server)?;
    stage.driver().drop_client();
    stage.pass(stage.options.flush_timeout + 2 * SECOND);
    expect_no_sockets(stage, &server)
}

/// All sockets are closed, and none is opened again; nor is one that comes late kept.
fn expect_no_sockets<D: Driver>(stage: &mut Stage<D>, server: &Server) -> Checked {
    stage.until(SECOND, "that sockets are closed", |_| {
        server.connections().iter().all(|connection| !connection.is_held()).then_some(())
    })?;
    let dials = server.dials();
    server.accept();
    stage.pass(5 * SECOND);
    ensure!(server.dials() == dials, "it dials after it was closed");
    let is_held = server.connections().iter().any(Connection::is_held);
    ensure!(!is_held, "it keeps a socket that came after it was closed");
    Ok(())
}
