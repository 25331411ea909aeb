use super::*;

/// The keys in line, first to last, checked against the links the other way round.
fn line<P>(list: &WaitList<P>) -> Vec<usize> {
    let walk = |from, step: fn(&Links) -> usize| {
        let next = move |key: &usize| key_of(step(&list.slots[*key].links));
        std::iter::successors(key_of(from), next).collect::<Vec<_>>()
    };
    let forward = walk(list.waiting.first, |links| links.behind);
    let mut backward = walk(list.waiting.last, |links| links.before);
    backward.reverse();
    assert_eq!(forward, backward);
    assert_eq!(forward.len(), list.waiting());
    forward
}

fn filled(count: usize) -> (WaitList<usize>, Vec<usize>) {
    let mut list = WaitList::new();
    let keys = (0..count).map(|i| list.enter(Some(Waker::noop().clone()), i)).collect();
    (list, keys)
}

#[test]
fn waiters_stand_in_the_order_they_came() {
    let (list, keys) = filled(4);
    assert_eq!(line(&list), keys);
    assert_eq!(list.first(), Some(keys[0]));
}

#[test]
fn who_leaves_the_line_closes_the_gap_wherever_it_stood() {
    for leaving in 0..4 {
        let (mut list, mut keys) = filled(4);
        let key = keys.remove(leaving);
        assert_eq!(list.remove(key).payload, leaving);
        assert_eq!(line(&list), keys);
    }
}

#[test]
fn grants_taken_back_in_any_order_restore_the_order_of_arrival() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (mut list, keys) = filled(4);
        for key in &keys[..3] {
            assert!(list.grant(*key).is_some());
        }
        for i in order {
            list.take_back(keys[i]);
        }
        assert_eq!(line(&list), keys, "after {order:?}");
    }
}

#[test]
fn a_grant_taken_back_leaves_no_waker_until_the_next_poll_brings_one() {
    let (mut list, keys) = filled(1);
    assert!(list.grant(keys[0]).is_some());
    list.take_back(keys[0]);
    let mut spare = Spare::none();
    assert_eq!(list.renew(keys[0], Waker::noop(), &mut spare), Renewed::NeedsWaker);
    spare = Spare::of(Waker::noop());
    assert_eq!(list.renew(keys[0], Waker::noop(), &mut spare), Renewed::Yes);
    assert!(spare.cloned.is_none() && spare.replaced.is_none());
    assert!(list.grant(keys[0]).is_some());
}

#[test]
fn the_grants_of_an_owner_are_found_latest_first() {
    let mut list = WaitList::new();
    let keys = [7, 8, 7].map(|owner| {
        let _owned = waiting::enter(owner);
        list.enter(None, ())
    });
    for key in &keys {
        let _ = list.grant(*key);
    }
    assert_eq!(list.granted_to(7).collect::<Vec<_>>(), [keys[2], keys[0]]);
    assert_eq!(list.granted(), 3);
    assert_eq!(keys.map(|key| list.owner(key)), [7, 8, 7]);
}

#[test]
fn however_many_are_granted_those_of_an_owner_are_found() {
    let mut list = WaitList::new();
    let owner_of = |key: usize| if key.is_multiple_of(2) { 1 } else { key as u64 };
    for key in 0..600 {
        let _owned = waiting::enter(owner_of(key));
        assert_eq!(list.enter(None, ()), key);
    }
    let check = |list: &WaitList<()>, granted: &[usize]| {
        for owner in (0..40).chain([301, 599]) {
            let found: Vec<usize> = list.granted_to(owner).collect();
            let latest_first = granted.iter().rev().copied();
            let expected: Vec<usize> = latest_first.filter(|key| owner_of(*key) == owner).collect();
            assert_eq!(found, expected, "owner {owner} of {} granted", granted.len());
        }
    };
    let mut granted = Vec::new();
    for key in 0..600 {
        list.grant(key);
        granted.push(key);
        if key < 40 || key % 50 == 0 {
            check(&list, &granted);
        }
    }
    assert_eq!(list.grantees.0.len(), MOST_COUNTERS, "a page is enough for any number");
    for key in (0..600).filter(|key| key % 3 > 0) {
        granted.retain(|other| *other != key);
        match key % 3 {
            1 => drop(list.remove(key)),
            _ => list.take_back(key),
        }
    }
    check(&list, &granted);
    for key in granted.drain(..) {
        list.remove(key);
    }
    check(&list, &[]);
    let strangers = (2..1000).filter(|owner| list.grantees.may_have(*owner)).count();
    assert!(strangers <= 1, "nobody is granted, and {strangers} of 1000 would walk");
}

#[test]
fn everybody_is_served_in_the_order_they_came() {
    let (mut list, keys) = filled(3);
    let mut wakes = Wakes::new();
    list.grant_all(&mut wakes);
    wakes.fire();
    assert_eq!((list.waiting(), list.granted()), (0, 3));
    assert_eq!(list.granted_to(waiting::owner()).collect::<Vec<_>>(), [keys[2], keys[1], keys[0]]);
}

#[test]
fn a_waiter_who_was_sent_away_is_in_no_line() {
    let (mut list, keys) = filled(2);
    assert!(list.refuse(keys[0]).is_some());
    assert_eq!((line(&list), list.first()), (vec![keys[1]], Some(keys[1])));
    assert_eq!(list.remove(keys[0]).phase, Phase::Refused);
    assert_eq!(line(&list), [keys[1]]);
}

#[test]
fn the_slots_of_those_who_left_are_used_again() {
    let mut list = WaitList::new();
    for round in 0..1000 {
        let key = list.enter(None, round);
        assert_eq!(key, 0);
        assert_eq!(list.remove(key).payload, round);
    }
}
