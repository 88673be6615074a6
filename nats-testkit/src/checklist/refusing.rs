//! Row 20: nobody is left who takes the client.

use super::Check;
use super::stage::Checked;
use super::stage::SECOND;
use super::stage::Stage;
use super::stage::ensure;
use crate::driver::Driver;
use crate::driver::Reason;
use crate::server::Login;
use crate::server::Message;

pub(super) fn checks<D: Driver>() -> Vec<Check<D>> {
    vec![
        Check::new(20, "credentials refused twice", refused),
        Check::new(20, "no server left", nobody_left),
    ]
}

/// The client has to end, for this reason, and everybody who waits is told.
fn expect_end<D: Driver>(stage: &mut Stage<D>, reasons: &[Reason]) -> Checked {
    let (id, subscribed) = stage.begin_subscribe("x");
    stage.settle();
    let next = subscribed.is_known().then(|| stage.driver().next(id));
    let request = stage.driver().request(&Message::new("x", ""), 600 * SECOND);
    let published = stage.driver().publish(&Message::new("y", "1"));
    let reason = stage.closed(60 * SECOND)?;
    ensure!(
        reasons.contains(&reason),
        "it was closed for {reason:?}, and not for one of {reasons:?}"
    );
    stage.outcome(&subscribed, SECOND, "the outcome of subscribing, at the end")?.ok();
    stage.outcome(&published, SECOND, "the outcome of publishing, at the end")?.ok();
    let outcome = stage.outcome(&request, SECOND, "the outcome of a request, at the end")?;
    ensure!(outcome.is_err(), "a request without a server was answered");
    if let Some(next) = next {
        stage.outcome(&next, SECOND, "the end of a subscription, at the end")?;
    }
    Ok(())
}

fn refused<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let server = stage.network.server("a");
    server.script(|script| script.login = Login::Refuse("Authorization Violation".to_owned()));
    stage.options.token = Some("wrong".to_owned());
    stage.start();
    expect_end(stage, &[Reason::Refused])?;
    let dials = server.dials();
    ensure!(dials == 2, "refused credentials were tried {dials} times, and not twice");
    stage.pass(60 * SECOND);
    ensure!(server.dials() == 2, "it dials after its end");
    Ok(())
}

fn nobody_left<D: Driver>(stage: &mut Stage<D>) -> Checked {
    stage.options.max_reconnects = Some(3);
    let (server, _) = stage.connected()?;
    server.kill();
    expect_end(stage, &[Reason::Unreachable])?;
    let dials = server.dials();
    ensure!((3..=5).contains(&dials), "3 attempts may fail, and there were {}", dials - 1);
    Ok(())
}
