//! The next pull: its time and its size.

use super::ABSENCE;
use super::INFO_TIMEOUT;
use super::Info;
use super::NO_HOLD;
use super::Phase;
use super::Pull;
use super::PullConfig;
use super::PullConsumer;
use super::PullOutput;
use crate::jetstream::consume::inbox::InboxId;
use crate::jetstream::consume::inbox::PullId;
use crate::time::Instant;

impl<const SLOTS: usize> PullConsumer<SLOTS> {
    pub(super) fn poll_running(&mut self, now: Instant) -> Option<PullOutput> {
        if self.wants_probe {
            self.wants_probe = false;
            return Some(PullOutput::Probe);
        }
        if self.is_absent && self.info == Info::Idle && self.hold <= now {
            self.info = Info::Wanted;
            self.hold = now + ABSENCE;
        }
        if self.info == Info::Wanted {
            self.info = Info::Asked { until: now + INFO_TIMEOUT };
            return Some(PullOutput::RequestInfo);
        }
        if self.is_absent || self.hold > now {
            return None;
        }
        let (batch, max_bytes) = self.demand()?;
        let slot = self.slots.iter_mut().find(|slot| !slot.is_open())?;
        let Some(inbox) = slot.inbox else {
            self.last_inbox = self.last_inbox.wrapping_add(1);
            let inbox = InboxId(self.last_inbox);
            slot.inbox = Some(inbox);
            return Some(PullOutput::Subscribe(inbox));
        };
        self.last_number = self.last_number.wrapping_add(1);
        let pull = Pull {
            id: PullId { inbox, number: self.last_number },
            batch,
            max_bytes,
            is_pinned: self.is_pinned,
            no_wait: false,
            expires: self.caps.expires,
            heartbeat: self.caps.heartbeat,
        };
        slot.open(&pull, now);
        Some(PullOutput::Pull(pull))
    }

    /// How many messages and bytes to ask for, if it is worth it.
    fn demand(&self) -> Option<(u32, u32)> {
        let PullConfig { max_messages, max_bytes, .. } = self.config;
        let asked = self.outstanding();
        let is_idle = asked == 0;
        let messages = max_messages.saturating_sub(self.messages).saturating_sub(asked);
        // Rounded up, as half of one is not nothing.
        if messages == 0 || !(is_idle || messages >= max_messages.div_ceil(2)) {
            return None;
        }
        let batch = messages.min(self.caps.messages);
        if max_bytes == 0 {
            return Some((batch, 0));
        }
        let asked = self.slots.iter().fold(0_u32, |sum, slot| sum.saturating_add(slot.bytes_left));
        let bytes = max_bytes.saturating_sub(self.bytes).saturating_sub(asked);
        let is_enough = is_idle || bytes >= max_bytes.div_ceil(2);
        let most = max_bytes.min(self.caps.bytes);
        let bytes = bytes.min(most);
        // Twice as much as did not do, so that it does not take a pull for each message released.
        let least = self.too_small.saturating_mul(2).max(1).min(most);
        (is_enough && bytes >= least).then_some((batch, bytes))
    }

    /// Whether more messages would be asked for. If not, there is nothing to collect after a
    /// [release](Self::release).
    #[must_use]
    pub fn has_demand(&self) -> bool {
        self.phase == Phase::Running
            && self.is_connected
            && self.slots.iter().any(|slot| !slot.is_open())
            && self.demand().is_some()
    }

    /// Whether something would be asked for, were it not for a pause.
    pub(super) fn is_held(&self) -> bool {
        self.phase == Phase::Running
            && self.hold > NO_HOLD
            && ((self.is_absent && self.info == Info::Idle)
                || (!self.is_absent
                    && self.slots.iter().any(|slot| !slot.is_open())
                    && self.demand().is_some()))
    }
}
