//! Models of the executor floor.

mod deque;
mod hands;
mod task;

use crate::Model;

/// The models of this floor.
pub const MODELS: &[Model] = &[
    Model {
        name: "after_the_last_of_several_wakes_there_is_a_poll_that_sees_what_came_before",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "Relaxed exchange in State::step; woken not setting WOKEN; end_poll not looking at WOKEN",
        body: task::after_the_last_of_several_wakes_there_is_a_poll_that_sees_what_came_before,
    },
    Model {
        name: "two_workers_never_poll_a_task_at_once",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "end_poll unsetting ACTIVE when it says Push; woken pushing an active task",
        body: task::two_workers_never_poll_a_task_at_once,
    },
    Model {
        name: "a_cancel_against_completion_leaves_one_of_the_two_results",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "cancel pushing an active task; cancel not looking at DONE",
        body: task::a_cancel_against_completion_leaves_one_of_the_two_results,
    },
    Model {
        name: "a_cancel_against_a_poll_against_a_wake_drops_the_future_once",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "end_poll not looking at CANCELLED; cancel of a sleeping task not pushing",
        body: task::a_cancel_against_a_poll_against_a_wake_drops_the_future_once,
    },
    Model {
        name: "a_handle_dropped_against_completion_drops_the_output_once_and_promptly",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "let_go answering Then for a done task; complete leaving the output without JOINABLE",
        body: task::a_handle_dropped_against_completion_drops_the_output_once_and_promptly,
    },
    Model {
        name: "a_joiner_is_woken_or_finds_the_output",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "watch not looking at DONE; complete ignoring WATCHED; Relaxed exchange in State::step",
        body: task::a_joiner_is_woken_or_finds_the_output,
    },
    Model {
        name: "the_joiner_that_came_last_is_woken",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "keep_waker keeping the first waker",
        body: task::the_joiner_that_came_last_is_woken,
    },
    Model {
        name: "a_joiner_that_leaves_while_it_is_woken_does_not_take_the_cell_along",
        threads: 2,
        weak: None,
        interleaving: None,
        killed_by: "complete unsetting ACTIVE when it says WakeJoiner",
        body: task::a_joiner_that_leaves_while_it_is_woken_does_not_take_the_cell_along,
    },
    Model {
        name: "the_last_of_three_references_frees_the_cell_once_and_after_all_use",
        threads: 3,
        weak: Some(4),
        interleaving: Some(4),
        killed_by: "Relaxed exchange in State::step; drop_waker never saying Free",
        body: task::the_last_of_three_references_frees_the_cell_once_and_after_all_use,
    },
    Model {
        name: "a_waker_that_outlives_its_task_wakes_nobody_and_frees_the_cell",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "woken pushing a done task; wake_and_drop never answering Free",
        body: task::a_waker_that_outlives_its_task_wakes_nobody_and_frees_the_cell,
    },
    Model {
        name: "a_task_that_nobody_can_reach_any_more_is_dropped_by_a_runner",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "end_poll saying Lost for an unreferenced task; let_go saying Free before DONE",
        body: task::a_task_that_nobody_can_reach_any_more_is_dropped_by_a_runner,
    },
    Model {
        name: "a_listed_task_is_cancelled_by_its_list_or_takes_itself_off",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "complete not clearing LISTED; Runnable::complete not taking the entry",
        body: task::a_listed_task_is_cancelled_by_its_list_or_takes_itself_off,
    },
    Model {
        name: "a_slot_gives_each_task_to_its_owner_or_to_one_thief",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "Relaxed in Slot::take_if; Slot::take_if storing null without comparing",
        body: task::a_slot_gives_each_task_to_its_owner_or_to_one_thief,
    },
    Model {
        name: "an_owner_and_two_thieves_take_each_item_of_a_deque_once",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "no fence in Worker::publish; Stealer::claim storing front instead of exchanging it",
        body: deque::an_owner_and_two_thieves_take_each_item_of_a_deque_once,
    },
    Model {
        name: "a_batch_moves_from_deque_to_deque_and_on_to_a_third",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "no fence in Worker::publish; Stealer::claim exchanging for front + 1",
        body: deque::a_batch_moves_from_deque_to_deque_and_on_to_a_third,
    },
    Model {
        name: "two_pushers_and_a_thief_share_an_injector",
        threads: 3,
        weak: Some(3),
        interleaving: Some(4),
        killed_by: "Relaxed in Marks::announce; receive not waiting for the mark; push storing the tail",
        body: deque::two_pushers_and_a_thief_share_an_injector,
    },
];
