//! The application's own word on when and where to connect again.

use nats_proto::Instant;

use crate::options::reconnect::Hooks;
use crate::state::control::Control;

impl Hooks {
    /// Asks the application, once for each attempt.
    pub(crate) fn apply(&self, control: &mut Control, now: Instant) {
        if let Some(delay) = &self.delay {
            control.session.set_reconnect_delay(|failures| delay(failures), now);
        }
        if let Some(choice) = &self.choice {
            let candidates: Vec<_> = control.candidates().collect();
            if let Some((number, delay)) = choice(&candidates, &control.server_info()) {
                control.session.select_server(number, delay, now);
            }
        }
    }
}
