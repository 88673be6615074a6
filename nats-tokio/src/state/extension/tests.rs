use super::*;

/// One that does nothing.
struct Idle;

impl Extension for Idle {
    fn handle_messages(&self, _: &[Incoming], _: &Bytes, _: Instant, _: &mut Vec<Waker>) {}
    fn handle_connected(&self) {}
    fn handle_disconnected(&self, _: u64, _: Instant, _: &mut Vec<Waker>) {}
    fn handle_violation(&self, _: &Violation<'_>, _: &mut Vec<Waker>) {}
    fn handle_closed(&self, _: &mut Vec<Waker>) {}
    fn poll(&self, _: &mut dyn Io, _: Instant) -> Next {
        Next::At(None)
    }
}

fn at(millis: u64) -> Option<Instant> {
    Some(Instant::from_millis(millis))
}

#[test]
fn the_first_time_is_that_of_the_extensions_that_there_are() {
    let mut extensions = Extensions::default();
    let [one, two, three] = [(); 3].map(|()| extensions.add(Arc::new(Idle)));
    let now = Instant::from_millis;
    assert_eq!(extensions.due(), None);
    extensions.set_due(one, at(30), now(0));
    extensions.set_due(two, at(25), now(0));
    extensions.set_due(two, at(20), now(0));
    extensions.set_due(three, at(20), now(0));
    assert_eq!(extensions.due(), at(20));
    assert_eq!(extensions.due_until(now(19)), [0; 0]);
    assert_eq!(extensions.due_until(now(20)), [two, three]);
    // When it has come, another time replaces it.
    extensions.set_due(two, at(40), now(20));
    extensions.set_due(three, None, now(20));
    assert_eq!(extensions.due(), at(30));
    extensions.remove(one);
    extensions.set_due(one, at(25), now(20));
    assert_eq!(extensions.due(), at(40), "one that is gone is not polled");
    extensions.clear();
    assert_eq!(extensions.due(), None);
}

#[test]
fn a_time_that_is_put_off_stays_until_it_has_come() {
    let mut extensions = Extensions::default();
    let one = extensions.add(Arc::new(Idle));
    let now = Instant::from_millis;
    extensions.set_due(one, at(30), now(0));
    extensions.set_due(one, at(50), now(10));
    extensions.set_due(one, None, now(20));
    assert_eq!(extensions.due(), at(30));
    extensions.set_due(one, at(50), now(30));
    assert_eq!(extensions.due(), at(50));
    extensions.set_due(one, at(40), now(31));
    assert_eq!(extensions.due(), at(40));
    extensions.set_due(one, None, now(40));
    assert_eq!(extensions.due(), None);
}

#[test]
fn those_that_wait_for_a_pong_are_known() {
    let mut extensions = Extensions::default();
    let [one, two] = [(); 2].map(|()| extensions.add(Arc::new(Idle)));
    extensions.set_ping(one, true);
    extensions.set_ping(two, true);
    extensions.set_ping(two, false);
    assert_eq!(extensions.pinging(), [one]);
    extensions.remove(one);
    extensions.set_ping(one, true);
    assert_eq!(extensions.pinging(), [0; 0]);
}
