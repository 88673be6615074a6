//! Row 14: how subscriptions end.

use super::Check;
use super::stage::Checked;
use super::stage::SECOND;
use super::stage::Stage;
use super::stage::ensure;
use crate::driver::Ability;
use crate::driver::Driver;
use crate::driver::Event;
use crate::server::Message;
use crate::server::Op;

pub(super) fn checks<D: Driver>() -> Vec<Check<D>> {
    vec![
        Check::new(14, "unsubscribed", unsubscribed),
        Check::new(14, "maximum reached", max_reached).needs(&[Ability::MaxMessages]),
        Check::new(14, "not permitted", not_permitted),
        Check::new(14, "closed", closed),
    ]
}

/// More than any table of subscriptions has places, where it is small on purpose.
const MANY: u32 = 70;

fn unsubscribed<D: Driver>(stage: &mut Stage<D>) -> Checked {
    let (_, connection) = stage.connected()?;
    for number in 0..MANY {
        let id = stage.subscribe("x")?;
        stage.driver().unsubscribe(id);
        stage.settle();
        stage.expect_end(id)?;
        let unsubs = connection.ops().iter().filter(|op| matches!(op, Op::Unsub { .. })).count();
        ensure!(unsubs == number as usize + 1, "{unsubs} of {} UNSUBs came", number + 1);
    }
    stage.expect_works()
}

fn max_reached<D: Driver>(stage: &mut Stage<D>) -> Checked {
    stage.connected()?;
    for _ in 0..MANY {
        let id = stage.subscribe("x")?;
        stage.driver().unsubscribe_after(id, 2);
        stage.settle();
        for text in ["1", "2", "3"] {
            stage.network.publish(&Message::new("x", text));
        }
        stage.expect_message(id, "1")?;
        stage.expect_message(id, "2")?;
        stage.expect_end(id)?;
    }
    stage.expect_works()
}

fn not_permitted<D: Driver>(stage: &mut Stage<D>) -> Checked {
    stage.network.server("a").script(|script| script.forbidden.push("secret".to_owned()));
    stage.connected()?;
    for _ in 0..MANY {
        let (id, subscribed) = stage.begin_subscribe("secret");
        // A client may wait for the server's answer, or not.
        if stage.outcome(&subscribed, SECOND, "subscribing to what is not permitted")?.is_ok() {
            stage.expect_end(id)?;
        }
    }
    ensure!(
        stage.events.contains(&Event::ServerError),
        "that it is not permitted was not reported"
    );
    ensure!(stage.losses().is_empty(), "the connection was lost: {:?}", stage.losses());
    stage.expect_works()
}

fn closed<D: Driver>(stage: &mut Stage<D>) -> Checked {
    stage.connected()?;
    let (id, waiting) = (stage.subscribe("x")?, stage.subscribe("y")?);
    stage.network.publish(&Message::new("x", "1"));
    let next = stage.driver().next(waiting);
    stage.settle();
    let close = stage.driver().close();
    stage.outcome(&close, SECOND, "closing")?;
    let end = stage.outcome(&next, SECOND, "the end of a subscription that is waited for")?;
    ensure!(end.is_none(), "it received {end:?}, which nobody sent");
    // What has come before may still be there.
    let next = stage.driver().next(id);
    if stage.outcome(&next, SECOND, "the end of a subscription")?.is_some() {
        stage.expect_end(id)?;
    }
    Ok(())
}
