//! Watch, broadcast, cancel token.

use std::cell::RefCell;
use std::rc::Rc;

use windlass_sync::cancel::CancelToken;
use windlass_sync::{broadcast, watch};

use super::{Subject, Wait};

pub fn all() -> Vec<Subject> {
    vec![
        watch_changed(),
        watch_wait_for(),
        watch_over(),
        watch_closed(),
        broadcast_recv(),
        broadcast_over(),
        broadcast_closed(),
        cancelled(),
        run_until_cancelled(),
        cancelled_with_the_parent(),
    ]
}

/// A subject that serves everybody at once.
fn for_all(
    name: &'static str,
    wait: impl Fn() -> Wait + 'static,
    serve: impl Fn() + 'static,
    waiting: impl Fn() -> usize + 'static,
    poke: impl Fn() + 'static,
) -> Subject {
    let (wait, serve) = (Box::new(wait), Box::new(serve));
    let (waiting, poke) = (Box::new(waiting), Box::new(poke));
    Subject { name, wait, serve, waiting, poke, one_at_a_time: false }
}

fn watch_changed() -> Subject {
    let (sender, receiver) = watch::channel(0);
    let [waits, serves, counts] = [(); 3].map(|()| sender.clone());
    for_all(
        "watch changed",
        move || {
            let mut receiver = waits.subscribe();
            Box::pin(async move { receiver.changed().await.unwrap() })
        },
        move || serves.send(1).unwrap(),
        move || counts.stats().waiting,
        move || {
            let _ = (sender.get(), sender.subscribe(), sender.clone(), sender.receiver_count());
            let mut mine = receiver.clone();
            let _ = (mine.has_changed(), mine.update(), format!("{sender:?} {mine:?}"));
            assert!(!sender.modify_if(|_| false));
        },
    )
}

fn watch_wait_for() -> Subject {
    let (sender, receiver) = watch::channel(0);
    let [waits, counts] = [(); 2].map(|()| sender.clone());
    let poked = receiver.clone();
    for_all(
        "watch wait_for",
        move || {
            let (mut receiver, sender) = (waits.subscribe(), waits.clone());
            let met = move |value: &i32| {
                drop(sender.get()); // no lock is held while it is asked
                *value > 0
            };
            Box::pin(async move { drop(receiver.wait_for(met).await.unwrap()) })
        },
        move || sender.modify(|value| *value += 1),
        move || counts.stats().waiting,
        move || drop(poked.get()),
    )
}

fn watch_over() -> Subject {
    let (sender, receiver) = watch::channel(0);
    let sender = RefCell::new(Some(sender));
    let (waits, counts) = (receiver.clone(), receiver.clone());
    for_all(
        "watch, last sender",
        move || {
            let mut receiver = waits.clone();
            Box::pin(async move { receiver.changed().await.unwrap_err().0 })
        },
        move || drop(sender.take()),
        move || counts.stats().waiting,
        move || drop(receiver.get()),
    )
}

fn watch_closed() -> Subject {
    let (sender, receiver) = watch::channel(0);
    let receiver = RefCell::new(Some(receiver));
    let [waits, counts] = [(); 2].map(|()| sender.clone());
    for_all(
        "watch closed",
        move || {
            let sender = waits.clone();
            Box::pin(async move { sender.closed().await })
        },
        move || drop(receiver.take()),
        move || counts.stats().waiting,
        move || drop(sender.send_replace(1)),
    )
}

fn broadcast_recv() -> Subject {
    let (sender, receiver) = broadcast::channel(1);
    let [waits, serves, counts] = [(); 3].map(|()| sender.clone());
    let receiver = Rc::new(RefCell::new(receiver));
    for_all(
        "broadcast recv",
        move || {
            let mut receiver = waits.subscribe();
            Box::pin(async move { receiver.recv().await.unwrap() })
        },
        move || assert!(serves.send(()).is_ok()),
        move || counts.stats().waiting,
        move || {
            let _ = (sender.subscribe(), sender.clone(), sender.is_empty(), sender.len());
            let mut receiver = receiver.borrow_mut();
            let _ = (receiver.try_recv(), receiver.resubscribe(), receiver.len());
            let _ = format!("{sender:?} {receiver:?}");
        },
    )
}

fn broadcast_over() -> Subject {
    let (sender, receiver) = broadcast::channel::<()>(1);
    let sender = RefCell::new(Some(sender));
    let [waits, counts] = [(); 2].map(|()| receiver.resubscribe());
    for_all(
        "broadcast, last sender",
        move || {
            let mut receiver = waits.resubscribe();
            Box::pin(async move { assert!(receiver.recv().await.is_err()) })
        },
        move || drop(sender.take()),
        move || counts.stats().waiting,
        move || drop(receiver.resubscribe()),
    )
}

fn broadcast_closed() -> Subject {
    let (sender, receiver) = broadcast::channel::<()>(1);
    let receiver = RefCell::new(Some(receiver));
    let [waits, counts] = [(); 2].map(|()| sender.clone());
    for_all(
        "broadcast closed",
        move || {
            let sender = waits.clone();
            Box::pin(async move { sender.closed().await })
        },
        move || drop(receiver.take()),
        move || counts.stats().waiting,
        move || assert!(sender.is_empty()),
    )
}

fn cancelled() -> Subject {
    let token = CancelToken::new();
    let [waits, serves, counts] = [(); 3].map(|()| token.clone());
    for_all(
        "cancelled",
        move || Box::pin(waits.cancelled()),
        move || serves.cancel(),
        move || counts.stats().waiting,
        move || {
            let _ = (token.is_cancelled(), token.reason(), format!("{token:?}"));
            drop((token.child(), token.cancelled()));
        },
    )
}

fn run_until_cancelled() -> Subject {
    let token = CancelToken::new();
    let [waits, serves, counts] = [(); 3].map(|()| token.clone());
    for_all(
        "run_until_cancelled",
        move || {
            let run = waits.run_until_cancelled(std::future::pending::<()>());
            Box::pin(async move { drop(run.await.unwrap_err()) })
        },
        move || serves.cancel_with("enough"),
        move || counts.stats().waiting,
        move || {
            // The child goes while its parent may be on the way to it.
            let child = token.child();
            child.cancel();
        },
    )
}

fn cancelled_with_the_parent() -> Subject {
    let parent = CancelToken::new();
    let child = parent.child();
    let [waits, counts] = [(); 2].map(|()| child.clone());
    let poked = parent.clone();
    for_all(
        "cancelled with the parent",
        move || Box::pin(waits.cancelled()),
        move || parent.cancel(),
        move || counts.stats().waiting,
        move || drop((poked.child(), child.child())),
    )
}
