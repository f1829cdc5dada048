use super::*;
use crate::context::Effect;
use crate::lone::Lone;

type Effects = Vec<Effect<Message>>;

fn key() -> Value {
    Value::from("x")
}

/// The first of five nodes, which does nothing of its own accord.
fn node(options: QuorumOptions) -> Lone<Quorum> {
    Lone::new(options, 5)
}

fn read(node: &mut Lone<Quorum>) -> Effects {
    let call = node.call();
    node.handle(|store, context| store.request(context, call, Request::Read { key: key() }))
}

fn write(node: &mut Lone<Quorum>, value: i32) -> Effects {
    let call = node.call();
    let request = Request::Write {
        key: key(),
        value: Value::from(value),
    };
    node.handle(|store, context| store.request(context, call, request))
}

fn tell(node: &mut Lone<Quorum>, from: usize, message: &Message) -> Effects {
    let message = message.clone();
    node.handle(|store, context| store.message(context, NodeId::new(from), message))
}

/// The ticket and the receivers of what was sent.
fn sent(effects: &Effects) -> (Ticket, Vec<usize>) {
    let mut ticket = Ticket::default();
    let mut receivers = Vec::new();
    for effect in effects {
        if let Effect::Send { to, message } = effect {
            if let Message::Find { ticket: own, .. } | Message::Keep { ticket: own, .. } = message {
                ticket = *own;
            }
            receivers.push(to.index());
        }
    }
    (ticket, receivers)
}

fn reply(effects: &Effects) -> Option<&Reply> {
    effects.iter().find_map(|effect| match effect {
        Effect::Reply { reply, .. } => Some(reply),
        _ => None,
    })
}

fn cell(time: u64, value: i32) -> Cell {
    let stamp = Stamp {
        time,
        ..Stamp::default()
    };
    Cell {
        stamp,
        value: Value::from(value),
    }
}

#[test]
fn a_replica_counts_once_however_often_it_answers() {
    let mut node = node(QuorumOptions::default());
    let (ticket, receivers) = sent(&read(&mut node));
    assert_eq!(receivers, [1, 2, 3, 4]);
    let found = Message::Found {
        ticket,
        cell: cell(1, 7),
    };
    for _ in 0..5 {
        assert!(tell(&mut node, 1, &found).is_empty());
    }
    // Three of five answered, but only two hold the value: it is written back, and that is counted per replica as well.
    let effects = tell(&mut node, 2, &found);
    assert_eq!(sent(&effects).1, [1, 2, 3, 4]);
    assert_eq!(reply(&effects), None);
    let kept = Message::Kept { ticket };
    for _ in 0..5 {
        assert!(tell(&mut node, 1, &kept).is_empty());
    }
    let effects = tell(&mut node, 3, &kept);
    assert_eq!(reply(&effects), Some(&Reply::Value(Value::from(7))));
    assert!(tell(&mut node, 4, &kept).is_empty(), "it is over");
}

#[test]
fn a_value_that_a_majority_holds_is_not_written_back() {
    let mut node = node(QuorumOptions::default());
    node.disk.put(key(), cell(1, 7));
    let (ticket, _) = sent(&read(&mut node));
    let found = |time, value| Message::Found {
        ticket,
        cell: cell(time, value),
    };
    assert!(tell(&mut node, 1, &found(1, 7)).is_empty());
    let effects = tell(&mut node, 2, &found(1, 7));
    assert_eq!(reply(&effects), Some(&Reply::Value(Value::from(7))));

    let (ticket, _) = sent(&read(&mut node));
    let found = |time, value| Message::Found {
        ticket,
        cell: cell(time, value),
    };
    assert!(tell(&mut node, 1, &found(1, 7)).is_empty());
    let effects = tell(&mut node, 2, &found(2, 8));
    assert_eq!(
        reply(&effects),
        None,
        "the newer value is on one replica only"
    );
    assert_eq!(sent(&effects).1, [1, 2, 3, 4]);
}

#[test]
fn an_answer_to_a_call_before_the_crash_is_not_counted() {
    let mut node = node(QuorumOptions::default());
    let (old, _) = sent(&write(&mut node, 1));
    node.restart();
    let (new, _) = sent(&write(&mut node, 2));
    assert_ne!(old, new);
    for from in 1..5 {
        let cell = Cell::default();
        assert!(tell(&mut node, from, &Message::Found { ticket: old, cell }).is_empty());
    }
}

#[test]
fn two_writes_of_one_node_have_two_stamps() {
    let mut node = node(QuorumOptions::default());
    let tickets = [write(&mut node, 1), write(&mut node, 2)].map(|effects| sent(&effects).0);
    let mut stamps = Vec::new();
    for ticket in tickets {
        let found = Message::Found {
            ticket,
            cell: Cell::default(),
        };
        tell(&mut node, 1, &found);
        for effect in tell(&mut node, 2, &found) {
            if let Effect::Send {
                message: Message::Keep { cell, .. },
                ..
            } = effect
            {
                stamps.push(cell.stamp);
            }
        }
    }
    stamps.dedup();
    assert_eq!(stamps.len(), 2);
}

#[test]
fn those_that_have_not_answered_are_asked_again_until_it_is_given_up() {
    let options = QuorumOptions::default();
    let (retry, give_up) = (options.retry, options.give_up);
    let mut node = node(options);
    let effects = write(&mut node, 1);
    assert!(matches!(
        effects.last(),
        Some(Effect::Timer { tag: RETRY, .. })
    ));
    let found = Message::Found {
        ticket: sent(&effects).0,
        cell: Cell::default(),
    };
    tell(&mut node, 3, &found);
    node.pass(retry);
    let effects = node.handle(|store, context| store.timer(context, RETRY));
    assert_eq!(sent(&effects).1, [1, 2, 4]);
    node.pass(give_up);
    let effects = node.handle(|store, context| store.timer(context, RETRY));
    assert!(
        matches!(reply(&effects), Some(Reply::Refused(refusal)) if refusal.certain),
        "it was stored nowhere"
    );
    assert_eq!(effects.len(), 1, "and no timer is left");

    let effects = write(&mut node, 2);
    let found = Message::Found {
        ticket: sent(&effects).0,
        cell: Cell::default(),
    };
    tell(&mut node, 1, &found);
    tell(&mut node, 2, &found);
    node.pass(give_up);
    let effects = node.handle(|store, context| store.timer(context, RETRY));
    assert!(
        matches!(reply(&effects), Some(Reply::Refused(refusal)) if !refusal.certain),
        "it was stored here and perhaps elsewhere"
    );
}

#[test]
fn few_means_one_after_the_other_and_then_the_rest() {
    let options = QuorumOptions {
        contact: Contact::Few,
        stamps: Stamps::WallClock,
        ..QuorumOptions::default()
    };
    let retry = options.retry;
    let mut node = node(options);
    let (_, receivers) = sent(&read(&mut node));
    assert_eq!(receivers.len(), 2, "with its own that is a majority");

    let (ticket, first) = sent(&write(&mut node, 1));
    assert_eq!(first.len(), 1);
    // The first one does not answer in time, and is passed over.
    node.pass(retry);
    let effects = node.handle(|store, context| store.timer(context, RETRY));
    let second: Vec<usize> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send {
                to,
                message: Message::Keep { .. },
            } => Some(to.index()),
            _ => None,
        })
        .collect();
    assert_eq!(second.len(), 1);
    assert_ne!(first, second);
    let kept = Message::Kept { ticket };
    let effects = tell(&mut node, second[0], &kept);
    let (_, third) = sent(&effects);
    assert_eq!((third.len(), reply(&effects)), (1, None));
    let effects = tell(&mut node, third[0], &kept);
    let (_, fourth) = sent(&effects);
    assert_eq!((fourth.len(), reply(&effects)), (1, Some(&Reply::Done)));
    let mut all = [first, second, third, fourth].concat();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4]);
}

#[test]
fn a_value_that_is_being_stored_is_not_seen_and_lost_in_a_crash() {
    let options = QuorumOptions {
        store_takes: Duration::from_millis(5),
        ..QuorumOptions::default()
    };
    let mut node = node(options);
    let keep = Message::Keep {
        ticket: Ticket::default(),
        key: key(),
        cell: cell(1, 7),
    };
    let effects = tell(&mut node, 1, &keep);
    assert!(matches!(effects[..], [Effect::Timer { tag: STORED, .. }]));
    assert_eq!(node.disk.get(&key()), None);
    node.restart();
    let effects = node.handle(|store, context| store.timer(context, STORED));
    assert!(effects.is_empty());

    tell(&mut node, 1, &keep);
    let effects = node.handle(|store, context| store.timer(context, STORED));
    assert_eq!(sent(&effects).1, [1], "it says so to who sent it");
    assert_eq!(node.disk.get(&key()), Some(&cell(1, 7)));
}
