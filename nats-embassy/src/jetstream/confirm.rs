//! Acknowledgements that are confirmed.

use core::future::poll_fn;
use core::task::Context as Task;
use core::task::Poll;

use nats_proto::Instant;
use nats_proto::RequestId;
use nats_proto::Subject;
use nats_proto::jetstream::AckKind;
use nats_proto::wire::Publish;

use crate::error::RequestError;
use crate::state::attempt::Answer;
use crate::state::attempt::Attempt;
use crate::state::attempt::Attempts;
use crate::state::requests::Progress;
use crate::state::shared::Publisher;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::time::now;
use crate::time::wake_at;

/// Sends an acknowledgement to `reply`, and waits for the answer to it.
pub(super) async fn confirm<'d, R: Sizes<'d>>(
    shared: &'d Shared<'d, R>,
    reply: Subject<'_>,
    kind: AckKind<'_>,
    deadline: Instant,
) -> Result<(), RequestError> {
    let message = Publish::new(reply, kind.as_static().unwrap_or_default());
    let place = shared.lock(|state| {
        state.open_inbox()?;
        let attempt = Attempt::Pending(read);
        state.delivery.open_attempt(reply, attempt).ok_or(RequestError::TooMany)
    })?;
    let mut confirmation = Confirmation { publisher: Publisher::new(shared), place };
    poll_fn(|cx| confirmation.poll(&message, deadline, cx)).await
}

struct Confirmation<'d, R: Sizes<'d>> {
    publisher: Publisher<'d, R>,
    place: RequestId,
}

impl<'d, R: Sizes<'d>> Confirmation<'d, R> {
    fn poll(
        &mut self,
        message: &Publish<'_>,
        deadline: Instant,
        cx: &mut Task<'_>,
    ) -> Poll<Result<(), RequestError>> {
        let place = self.place;
        let progress = self.publisher.shared.lock(|state| {
            let progress = state.progress(place, deadline, now())?;
            if progress == Progress::Answered
                && let Some(Attempt::Answered(Answer::NoResponders)) =
                    state.delivery.attempt_mut(place)
            {
                return Err(RequestError::NoResponders);
            }
            state.delivery.register_attempt(place, cx.waker());
            Ok(progress)
        })?;
        match progress {
            Progress::Answered => return Poll::Ready(Ok(())),
            Progress::Unsent => {
                if let Poll::Ready(Err(error)) =
                    self.publisher.poll_request(place, message, false, cx)
                {
                    return Poll::Ready(Err(error));
                }
            }
            Progress::Sent => {}
        }
        wake_at(deadline, cx);
        Poll::Pending
    }
}

impl<'d, R: Sizes<'d>> Drop for Confirmation<'d, R> {
    fn drop(&mut self) {
        let place = self.place;
        self.publisher.shared.lock(|state| state.delivery.close_attempt(place));
    }
}

fn read(message: &nats_proto::Message<&[u8]>) -> Answer {
    if message.is_no_responders() { Answer::NoResponders } else { Answer::NotAnAck }
}
