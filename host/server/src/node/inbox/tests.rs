//! Proves the queue: order, wakes, gathering and its end.

use std::thread;
use std::time::{Duration, Instant};

use super::inbox;
use crate::node::life::Message;

const LONG: Duration = Duration::from_secs(60);

fn closed(messages: &[Message]) -> Vec<u64> {
    let number = |message: &Message| match message {
        Message::Closed(number) => *number,
        _ => 0,
    };
    messages.iter().map(number).collect()
}

#[test]
fn what_many_send_comes_once_and_in_the_order_of_each() {
    let (sender, inbox) = inbox();
    let threads: Vec<_> = (1..=4_u64)
        .map(|who| {
            let sender = sender.clone();
            thread::spawn(move || {
                for n in 0..1_000 {
                    assert!(sender.send(Message::Closed(who * 10_000 + n)));
                }
            })
        })
        .collect();
    let (mut all, mut taken) = (Vec::new(), Vec::new());
    while all.len() < 4_000 {
        inbox.take(&mut taken, Duration::ZERO, LONG);
        all.extend(closed(&taken));
        taken.clear();
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for who in 1..=4 {
        let of_one: Vec<_> = all.iter().filter(|n| **n / 10_000 == who).collect();
        assert!(of_one.is_sorted() && of_one.len() == 1_000);
    }
}

#[test]
fn what_is_urgent_ends_the_gathering() {
    let (sender, inbox) = inbox();
    let mut taken = Vec::new();
    let began = Instant::now();
    let later = sender.clone();
    let thread = thread::spawn(move || {
        later.send(Message::Closed(1));
        later.send(Message::Stop);
    });
    inbox.take(&mut taken, LONG, LONG);
    assert!(matches!(taken[..], [Message::Closed(1), Message::Stop]), "{taken:?}");
    assert!(began.elapsed() < LONG / 2);
    thread.join().unwrap();
    // Not the next one too.
    taken.clear();
    sender.send(Message::Closed(2));
    let (began, gather) = (Instant::now(), Duration::from_millis(20));
    inbox.take(&mut taken, gather, LONG);
    assert!(began.elapsed() >= gather && taken.len() == 1);
}

#[test]
fn nothing_comes_when_nothing_is_sent() {
    let (_sender, inbox) = inbox();
    let mut taken = Vec::new();
    inbox.take(&mut taken, Duration::from_millis(1), Duration::from_millis(2));
    assert!(taken.is_empty());
}

#[test]
fn sending_fails_when_nobody_takes() {
    let (sender, inbox) = inbox();
    assert!(sender.send(Message::Closed(1)));
    drop(inbox);
    assert!(!sender.send(Message::Closed(2)));
}
