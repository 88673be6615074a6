use std::vec::Vec;

use super::*;
use crate::RngSeed;
use crate::ServerUrl;
use crate::session::Auth;
use crate::session::ClientInfo;
use crate::session::Config;
use crate::session::DisconnectReason;
use crate::session::store::Growable;
use crate::time::Instant;
use crate::wire::Control;
use crate::wire::InfoPart;

const NOW: Instant = Instant::from_millis(0);

fn dialing() -> Session<Growable<()>> {
    let mut session = Session::new(Config::DEFAULT, RngSeed([5; 16]));
    for server in ["a", "b"] {
        session.add_server(&ServerUrl::new(server).unwrap()).unwrap();
    }
    session.connect(NOW);
    session
}

fn establish(session: &mut Session<Growable<()>>) {
    session.handle_open();
    session.handle_control(Control::Info(InfoPart { json: b"{}", is_last: true }), NOW);
    session.log_in(&ClientInfo::DEFAULT, &Auth::None, &mut [0; 512]).unwrap();
    session.poll_transmit(&mut Vec::new()).unwrap();
    session.handle_control(Control::Pong, NOW);
}

#[test]
fn each_is_told_once_whatever_happens() {
    let mut session = dialing();
    let mut flushes = Flushes::with_max(3);
    let mut told = Vec::new();
    let settle = |flushes: &mut Flushes<u8>, session: &mut _, told: &mut Vec<_>| {
        flushes.settle(session, false, |owner, is_done| told.push((owner, is_done)));
    };
    flushes.open(1).unwrap();
    settle(&mut flushes, &mut session, &mut told);
    assert!(told.is_empty(), "it waits for a connection");
    establish(&mut session);
    settle(&mut flushes, &mut session, &mut told);
    session.poll_transmit(&mut Vec::new()).unwrap();
    flushes.open(2).unwrap();
    settle(&mut flushes, &mut session, &mut told);
    session.poll_transmit(&mut Vec::new()).unwrap();
    session.handle_control(Control::Pong, NOW);
    settle(&mut flushes, &mut session, &mut told);
    assert_eq!(told, [(1, true)]);

    session.handle_disconnected(DisconnectReason::Closed, NOW);
    flushes.open(3).unwrap();
    settle(&mut flushes, &mut session, &mut told);
    assert_eq!(told, [(1, true), (2, false)]);
    session.abort();
    settle(&mut flushes, &mut session, &mut told);
    assert_eq!(told, [(1, true), (2, false), (3, false)]);
    assert!(flushes.is_empty());
}

#[test]
fn there_is_a_maximum_and_a_place_is_free_when_nobody_waits() {
    let mut flushes = Flushes::with_max(2);
    flushes.open(1).unwrap();
    flushes.open(2).unwrap();
    assert_eq!(flushes.open(3), Err(Full));
    flushes.retain(|owner| *owner == 2);
    assert_eq!((flushes.open(3), flushes.len()), (Ok(()), 2));
}
