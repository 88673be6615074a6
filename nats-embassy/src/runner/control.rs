//! What the tasks of a runner wait with: until the session wants something else, or time is up.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::Context;
use core::task::Poll;

use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;

use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::time::now;
use crate::time::wake_at;

/// What the session wants now.
pub(super) fn phase<'d, R: Sizes<'d>>(shared: &Shared<'d, R>) -> Phase {
    shared.lock(|state| state.session.phase())
}

/// Whether these are the same, which are not the end.
fn is_same(one: Phase, other: Phase) -> bool {
    match (one, other) {
        (Phase::Dial(one), Phase::Dial(other)) => one == other,
        (one, other) => core::mem::discriminant(&one) == core::mem::discriminant(&other),
    }
}

/// Ready when the session is in another phase than this one. The runner is woken when time is up, or
/// when a task has changed something.
pub(super) fn poll_control<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    cx: &mut Context<'_>,
    phase: Phase,
) -> Poll<()> {
    let now = now();
    let deadline = shared.lock(|state| {
        state.register_runner(cx.waker());
        state.handle_timeout(now);
        is_same(state.session.phase(), phase).then(|| state.session.poll_timeout())
    });
    let Some(deadline) = deadline else { return Poll::Ready(()) };
    if let Some((deadline, _)) = deadline {
        wake_at(deadline, cx);
    }
    Poll::Pending
}

/// Waits for `future`, unless the session leaves this phase.
pub(super) fn unless_changed<'d, R: Sizes<'d>, F: Future>(
    shared: &Shared<'d, R>,
    phase: Phase,
    mut future: Pin<&mut F>,
) -> impl Future<Output = Option<F::Output>> {
    poll_fn(move |cx| match poll_control(shared, cx, phase) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => future.as_mut().poll(cx).map(Some),
    })
}

/// The connection, or the attempt to make one, failed.
pub(super) fn disconnect<'d, R: Sizes<'d>>(shared: &Shared<'d, R>, reason: DisconnectReason) {
    let now = now();
    shared.lock(|state| {
        let event = state.session.handle_disconnected(reason, now);
        state.handle_events(event);
    });
}
