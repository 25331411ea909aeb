//! The cancel token.

use std::cell::Cell;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use windlass::task::{spawn, yield_now};
use windlass_sync::budget;
use windlass_sync::cancel::CancelToken;
use windlass_sync::error::Cancelled;
use windlass_sync::event::Event;

use crate::executor::rig::{on_1_2_and_4, runtime};
use crate::kit::Hand;

/// Tokens so many that recursion would overflow the stack.
const MANY: usize = 200_000;

#[test]
fn a_cancel_goes_down_and_neither_up_nor_sideways() {
    let parent = CancelToken::new();
    let (child, other) = (parent.child(), parent.child());
    let grandchild = child.child();
    child.cancel();
    let tokens = [&parent, &other, &child, &grandchild];
    assert_eq!(tokens.map(CancelToken::is_cancelled), [false, false, true, true]);
    parent.cancel();
    assert_eq!(tokens.map(CancelToken::is_cancelled), [true; 4]);
}

#[test]
fn a_cancel_wakes_everybody_who_waits_for_the_token_or_one_below() {
    let parent = CancelToken::new();
    let child = parent.child();
    let mut hands =
        [&parent, &parent, &child].map(|token| Hand::new(token.cancelled())).map(|mut hand| {
            hand.pending();
            hand
        });
    parent.cancel();
    for hand in &mut hands {
        assert_eq!(hand.wakes(), 1);
        hand.ready();
    }
}

#[test]
fn clones_are_one_token() {
    let token = CancelToken::new();
    let clone = token.clone();
    let mut wait = Hand::new(clone.cancelled());
    drop(clone);
    wait.pending();
    token.cancel();
    wait.ready();
}

#[test]
fn a_child_of_a_cancelled_token_is_born_cancelled_with_its_reason() {
    let parent = CancelToken::new();
    parent.cancel_with("too late");
    let child = parent.child();
    assert!(child.is_cancelled());
    assert_eq!(child.reason().as_deref(), Some("too late"));
    Hand::new(child.cancelled()).ready();
}

#[test]
fn the_reason_of_the_first_cancel_counts() {
    let parent = CancelToken::new();
    let (child, other) = (parent.child(), parent.child());
    let grandchild = child.child();
    assert_eq!(parent.reason(), None);
    child.cancel_with("first");
    parent.cancel_with("second");
    parent.cancel_with("third");
    let reasons = [&child, &grandchild, &parent, &other].map(|token| token.reason().unwrap());
    assert_eq!(reasons.each_ref().map(|reason| &**reason), ["first", "first", "second", "second"]);
}

#[test]
fn a_token_whose_handles_are_gone_passes_a_cancel_on() {
    let grandparent = CancelToken::new();
    let child = grandparent.child().child();
    assert_eq!(grandparent.stats().children, 1);
    grandparent.cancel();
    assert!(child.is_cancelled());
}

// TSK-08, TMO-11
#[test]
fn a_task_that_is_asked_by_a_token_may_clean_up_with_waits_and_give_a_value() {
    on_1_2_and_4(|workers| {
        runtime(workers).block_on(async {
            let token = CancelToken::new();
            let task = spawn({
                let token = token.child();
                async move {
                    let asked = token.run_until_cancelled(pending::<()>()).await.unwrap_err();
                    yield_now().await;
                    format!("cleaned up, {asked}")
                }
            });
            yield_now().await;
            token.cancel_with("enough");
            assert_eq!(task.await.unwrap(), "cleaned up, cancelled: enough");
        });
    });
}

// TSK-09, TMO-12
#[test]
fn a_token_stays_cancelled_so_every_later_wait_is_over_at_once() {
    let token = CancelToken::new();
    token.cancel_with("stop");
    for _ in 0..3 {
        Hand::new(token.cancelled()).ready();
        let begun = Cell::new(false);
        let run = Hand::new(token.run_until_cancelled(async { begun.set(true) })).ready();
        assert_eq!(run, Err(Cancelled { reason: Some("stop".into()) }));
        assert!(!begun.get(), "the token is looked at first");
    }
}

#[test]
fn work_ends_with_its_token_or_before() {
    let token = CancelToken::new();
    let event = Event::new();
    let mut quick = Hand::new(token.run_until_cancelled(event.wait()));
    let mut slow = Hand::new(token.run_until_cancelled(pending::<()>()));
    quick.pending();
    slow.pending();
    event.set();
    assert_eq!(quick.ready(), Ok(()));
    token.cancel();
    assert_eq!(slow.wakes(), 1);
    assert_eq!(slow.ready(), Err(Cancelled { reason: None }));
}

#[test]
fn work_under_a_cancelled_token_does_not_begin_even_if_the_budget_is_spent() {
    let token = CancelToken::new();
    token.cancel();
    let begun = Cell::new(false);
    let mut run = Hand::new(token.run_until_cancelled(async { begun.set(true) }));
    let limit = budget::enter();
    (0..budget::OPERATIONS).for_each(|_| budget::spend());
    run.pending();
    assert_eq!(run.wakes(), 1);
    drop(limit);
    assert!(run.ready().is_err());
    assert!(!begun.get());
}

#[test]
fn a_child_that_is_dropped_leaves_its_parent_at_once() {
    let parent = CancelToken::new();
    for _ in 0..1_000 {
        let child = parent.child();
        let grandchild = child.child();
        drop(child);
        assert_eq!(parent.stats().children, 1, "the grandchild keeps it");
        drop(grandchild);
        assert_eq!(parent.stats().children, 0);
    }
}

#[test]
fn a_cancelled_token_keeps_no_list_of_its_children() {
    let parent = CancelToken::new();
    let child = parent.child();
    parent.cancel();
    assert_eq!(parent.stats().children, 0);
    drop(child);
    parent.cancel();
}

#[test]
fn a_guard_cancels_on_every_way_out_unless_it_is_disarmed() {
    let token = CancelToken::new();
    let guard = token.clone().drop_guard();
    drop(guard.disarm());
    assert!(!token.is_cancelled());
    let panics = std::panic::AssertUnwindSafe(|| {
        let _guard = token.clone().drop_guard();
        panic!("on purpose");
    });
    assert!(std::panic::catch_unwind(panics).is_err());
    assert!(token.is_cancelled());
}

/// A root, and the last of its many descendants; the handles between them are gone.
fn deep() -> (CancelToken, CancelToken) {
    let root = CancelToken::new();
    let deepest = (0..MANY).fold(root.child(), |token, _| token.child());
    (root, deepest)
}

#[test]
fn a_deep_tree_is_cancelled_and_dropped_without_recursion() {
    let (root, deepest) = deep();
    root.cancel();
    assert!(deepest.is_cancelled());
    drop((root, deepest));
    let (root, deepest) = deep();
    drop(deepest);
    assert_eq!(root.stats().children, 0);
}

#[test]
fn a_wide_tree_is_cancelled_as_a_whole() {
    let root = CancelToken::new();
    let children: Vec<CancelToken> = (0..MANY).map(|_| root.child()).collect();
    root.cancel_with("all of you");
    assert!(children.iter().all(CancelToken::is_cancelled));
    let reasons = children.iter().map(|child| child.reason().unwrap());
    let first = root.reason().unwrap();
    assert!(reasons.into_iter().all(|reason| Arc::ptr_eq(&reason, &first)), "one text for all");
}

/// Uses the tokens when it is woken, and drops them.
struct Meddles(Mutex<Option<[CancelToken; 3]>>);

impl Wake for Meddles {
    fn wake(self: Arc<Self>) {
        let [parent, child, other] = self.0.lock().unwrap().take().unwrap();
        parent.cancel();
        assert!(parent.child().is_cancelled());
        assert!(child.is_cancelled() && other.is_cancelled(), "all are, before anybody runs");
        drop((child, other, parent));
    }
}

#[test]
fn a_waker_may_use_and_drop_the_tokens_of_its_tree() {
    let parent = CancelToken::new();
    let tokens = [parent.clone(), parent.child(), parent.child()];
    let mut told = Box::pin(tokens[1].cancelled());
    let waker = Waker::from(Arc::new(Meddles(Mutex::new(Some(tokens)))));
    assert!(told.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    parent.cancel();
    assert!(told.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}
