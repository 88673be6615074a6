//! What the server does not permit, and what it does not take.

use super::*;

#[test]
fn what_is_not_permitted_is_settled_and_the_rest_is_not() {
    let mut window = window(WindowConfig::new(4));
    for data in 1..=3 {
        window.publish(message(data).with_id()).unwrap();
    }
    assert_eq!(send(&mut window, 5, 0).len(), 3);
    window.handle_disconnected(5, at(1), |_| panic!());
    window.handle_connected();
    window.publish(message(4)).unwrap();
    assert_eq!(window.count_sent(|_| true), 0);
    assert_eq!(send(&mut window, 6, 2).len(), 4);
    assert_eq!(window.count_sent(|data| *data > 2), 2);
    let mut settled = Vec::new();
    window.handle_not_permitted(|data| *data > 2, |one| settled.push((one.data, one.outcome)));
    let expected = [
        (3, Outcome::MayBeStored(MayBeStored::NotPermitted)),
        (4, Outcome::NotStored(NotStored::NotPermitted)),
    ];
    assert_eq!(settled, expected);
    assert_eq!((window.len(), window.in_flight()), (2, 2));
}

#[test]
fn without_an_inbox_nothing_is_waited_for() {
    let mut window = window(WindowConfig::new(4));
    window.publish(message(1).retries(9)).unwrap();
    let [(1, request_id)] = send(&mut window, 1, 0)[..] else { panic!() };
    assert_eq!(reply(&mut window, request_id, NOBODY, 0), None);
    window.publish(message(2)).unwrap();
    let mut settled = Vec::new();
    window.handle_inbox_not_permitted(|one| settled.push((one.data, one.outcome)));
    let expected = [
        (1, Outcome::NotStored(NotStored::NoResponders)),
        (2, Outcome::NotSent(NotSent::InboxNotPermitted)),
    ];
    assert_eq!(settled, expected);
    window.publish(message(3)).unwrap();
    assert_eq!(send(&mut window, 2, 900).len(), 1);
    window.handle_inbox_not_permitted(|one| settled.push((one.data, one.outcome)));
    let outcome = Outcome::MayBeStored(MayBeStored::InboxNotPermitted);
    assert_eq!((settled[2], window.is_empty()), ((3, outcome), true));
}

#[test]
fn what_is_too_large_for_another_server_is_settled() {
    let mut window = window(WindowConfig::new(4));
    window.publish(message(1).with_id()).unwrap();
    let [(1, request_id)] = send(&mut window, 1, 0)[..] else { panic!() };
    let settled = window.handle_too_large(request_id).unwrap();
    assert_eq!(settled.outcome, Outcome::NotSent(NotSent::TooLarge));
    assert_eq!(window.handle_too_large(request_id), None);
    assert_eq!((window.len(), window.in_flight()), (0, 0));
    // One that may have been stored by way of an earlier connection.
    window.publish(message(2).with_id()).unwrap();
    assert_eq!(send(&mut window, 5, 0).len(), 1);
    window.handle_disconnected(5, at(1), |_| panic!());
    window.handle_connected();
    let [(2, request_id)] = send(&mut window, 6, 2)[..] else { panic!() };
    let settled = window.handle_too_large(request_id).unwrap();
    assert_eq!(settled.outcome, Outcome::MayBeStored(MayBeStored::Disconnected));
}

#[test]
fn the_first_message_without_an_outcome_is_known() {
    let mut window = window(WindowConfig::new(4));
    assert_eq!((window.first_open(), window.last_number()), (None, 0));
    for data in 1..=3 {
        window.publish(message(data)).unwrap();
    }
    let sent = send(&mut window, 1, 0);
    assert_eq!((window.first_open(), window.last_number()), (Some(1), 3));
    assert!(reply(&mut window, sent[1].1, ACK, 1).is_some());
    assert_eq!(window.first_open(), Some(1));
    assert!(reply(&mut window, sent[0].1, ACK, 1).is_some());
    assert_eq!(window.first_open(), Some(3));
    assert!(reply(&mut window, sent[2].1, ACK, 1).is_some());
    assert_eq!((window.first_open(), window.last_number()), (None, 3));
}
