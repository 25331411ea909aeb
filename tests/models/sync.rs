//! Models of the sync floor.

pub mod channels;
pub mod condvar;
pub mod hands;
pub mod lending;
pub mod locks;
pub mod meetings;
mod others;
pub mod queue;
mod semaphore;

use crate::Model;

/// The models of this floor.
pub const MODELS: &[Model] = &[
    Model {
        name: "a_release_wakes_an_acquirer_at_whatever_moment_it_goes_to_sleep",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "take_or_wait answering Short without setting WAITERS",
        body: semaphore::a_release_wakes_an_acquirer_at_whatever_moment_it_goes_to_sleep,
    },
    Model {
        name: "what_was_done_under_a_permit_is_seen_by_its_next_holder",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "Relaxed in Word::give; Release instead of AcqRel in Word::step",
        body: semaphore::what_was_done_under_a_permit_is_seen_by_its_next_holder,
    },
    Model {
        name: "a_waiter_that_is_dropped_passes_its_grant_on",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "leave not giving a granted permit back; leave not handing out",
        body: semaphore::a_waiter_that_is_dropped_passes_its_grant_on,
    },
    Model {
        name: "closing_ends_every_wait_and_loses_no_permit",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "close dropping the wakers of those it refuses; look taking Closed for Short",
        body: semaphore::closing_ends_every_wait_and_loses_no_permit,
    },
    Model {
        name: "who_hears_that_it_is_closed_sees_what_came_before",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "Relaxed in is_closed",
        body: semaphore::who_hears_that_it_is_closed_sees_what_came_before,
    },
    Model {
        name: "who_is_refused_because_it_is_closed_sees_what_came_before",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "Relaxed in the first load of Word::step, or in its exchange that fails",
        body: semaphore::who_is_refused_because_it_is_closed_sees_what_came_before,
    },
    Model {
        name: "a_request_for_more_than_is_free_is_met_when_enough_came_back",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "hand_out_in unsetting WAITERS although the first could not be served",
        body: semaphore::a_request_for_more_than_is_free_is_met_when_enough_came_back,
    },
    Model {
        name: "adding_trying_and_forgetting_at_once_add_up",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "take_up_to computing from a load before step, outside its loop",
        body: semaphore::adding_trying_and_forgetting_at_once_add_up,
    },
    Model {
        name: "a_task_may_take_what_was_handed_to_another_of_its_futures",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "borrow returning false; borrow not marking that somebody waits again",
        body: semaphore::a_task_may_take_what_was_handed_to_another_of_its_futures,
    },
    Model {
        name: "a_mutex_goes_from_holder_to_holder",
        threads: 3,
        weak: Some(4),
        interleaving: Some(4),
        killed_by: "unlock waking nobody; hand_over promising without granting",
        body: others::a_mutex_goes_from_holder_to_holder,
    },
    Model {
        name: "a_dropped_lock_future_passes_the_mutex_on",
        threads: 3,
        weak: None,
        interleaving: None,
        killed_by: "Mutex::leave not handing over what was promised",
        body: others::a_dropped_lock_future_passes_the_mutex_on,
    },
    Model {
        name: "a_set_event_ends_every_wait_and_shows_what_came_before",
        threads: 3,
        weak: Some(4),
        interleaving: Some(4),
        killed_by: "not looking at the flag again under the lock; Relaxed in Event::set",
        body: others::a_set_event_ends_every_wait_and_shows_what_came_before,
    },
    Model {
        name: "a_waiter_is_woken_where_it_was_polled_last",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "WaitList::renew answering Yes for a waker that differs",
        body: others::a_waiter_is_woken_where_it_was_polled_last,
    },
    Model {
        name: "a_single_notification_is_never_lost",
        threads: 3,
        weak: None,
        interleaving: None,
        killed_by: "notify_one not keeping; dropping a told Notified without passing it on",
        body: others::a_single_notification_is_never_lost,
    },
    Model {
        name: "who_was_told_by_all_gives_his_place_back",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "was_told_alone not comparing the calls; Relaxed in tell_one",
        body: others::who_was_told_by_all_gives_his_place_back,
    },
    Model {
        name: "who_looks_before_waiting_misses_no_notify_all",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "Relaxed in notified; look not comparing the calls",
        body: others::who_looks_before_waiting_misses_no_notify_all,
    },
    Model {
        name: "a_sent_value_arrives_or_comes_back",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "State::put not looking whether it is over",
        body: others::a_sent_value_arrives_or_comes_back,
    },
    Model {
        name: "a_receiver_hears_of_the_value_and_of_a_sender_that_is_gone",
        threads: 3,
        weak: None,
        interleaving: None,
        killed_by: "send or the sender's drop leaving the receiver's waker",
        body: others::a_receiver_hears_of_the_value_and_of_a_sender_that_is_gone,
    },
    Model {
        name: "a_sender_hears_of_a_receiver_that_is_gone",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "the receiver's drop leaving the sender's waker",
        body: others::a_sender_hears_of_a_receiver_that_is_gone,
    },
    Model {
        name: "a_thread_that_blocks_is_woken",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "Bell::wait not looking whether it was rung; a wake that only rings, or only tells",
        body: others::a_thread_that_blocks_is_woken,
    },
];
