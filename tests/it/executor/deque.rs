//! The model twin of the queues does what crossbeam's do, step by step.

use proptest::prelude::*;
use windlass_executor::deque::{self as real, Steal, twin};

/// One step of a script on two deques and an injector.
#[derive(Clone, Copy, Debug)]
enum Step {
    Push(usize),
    Pop(usize),
    Steal(usize),
    /// From this deque to the other one, at most so many.
    Batch(usize, usize),
    BatchAndPop(usize, usize),
    /// A batch from a deque to itself.
    ToItself(usize, usize),
    Inject,
    StealInjected,
    BatchInjected(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (deque, limit) = (0..2usize, 1..5usize);
    prop_oneof![
        4 => deque.clone().prop_map(Step::Push),
        2 => deque.clone().prop_map(Step::Pop),
        1 => deque.clone().prop_map(Step::Steal),
        1 => (deque.clone(), limit.clone()).prop_map(|(deque, limit)| Step::Batch(deque, limit)),
        1 => (deque.clone(), limit.clone()).prop_map(|(from, limit)| Step::BatchAndPop(from, limit)),
        1 => (deque.clone(), limit.clone()).prop_map(|(deque, limit)| Step::ToItself(deque, limit)),
        4 => Just(Step::Inject),
        1 => Just(Step::StealInjected),
        2 => (deque, limit).prop_map(|(deque, limit)| Step::BatchInjected(deque, limit)),
    ]
}

/// Runs a script on one implementation; the answers and the lengths after each step.
macro_rules! run {
    ($module:ident, $steps:expr) => {{
        let workers = [0, 1].map(|_| $module::Worker::new_fifo());
        let stealers = [0, 1].map(|which: usize| workers[which].stealer());
        let injector = $module::Injector::new();
        let mut pushes = Pushes::default();
        let mut log = Vec::new();
        for (number, step) in $steps.iter().enumerate() {
            if !pushes.fit(*step) {
                continue;
            }
            let answer = match *step {
                Step::Push(deque) => Answer::Done(workers[deque].push(number)),
                Step::Pop(deque) => Answer::Popped(workers[deque].pop()),
                Step::Steal(deque) => Answer::Stolen(stealers[deque].steal()),
                Step::Batch(from, limit) => Answer::Batch(
                    stealers[from].clone().steal_batch_with_limit(&workers[1 - from], limit),
                ),
                Step::BatchAndPop(from, limit) => Answer::Stolen(
                    stealers[from].steal_batch_with_limit_and_pop(&workers[1 - from], limit),
                ),
                Step::ToItself(deque, limit) => {
                    log.push((
                        Answer::Batch(
                            stealers[deque].steal_batch_with_limit(&workers[deque], limit),
                        ),
                        [0; 5],
                    ));
                    Answer::Stolen(
                        stealers[deque].steal_batch_with_limit_and_pop(&workers[deque], limit),
                    )
                }
                Step::Inject => Answer::Done(injector.push(number)),
                Step::StealInjected => Answer::Stolen(injector.steal()),
                Step::BatchInjected(to, limit) => {
                    Answer::Stolen(injector.steal_batch_with_limit_and_pop(&workers[to], limit))
                }
            };
            let lengths = [
                workers[0].len(),
                workers[1].len(),
                stealers[0].len(),
                stealers[1].len(),
                injector.len(),
            ];
            let empty = [
                workers[0].is_empty(),
                workers[1].is_empty(),
                stealers[0].is_empty(),
                stealers[1].is_empty(),
                injector.is_empty(),
            ];
            assert_eq!(empty, lengths.map(|length| length == 0));
            log.push((answer, lengths));
        }
        log
    }};
}

/// What a step answered.
#[derive(Debug, PartialEq)]
enum Answer {
    Done(()),
    Popped(Option<usize>),
    Stolen(Steal<usize>),
    Batch(Steal<()>),
}

/// Keeps a script within the twin's capacity: each position is used once.
#[derive(Default)]
struct Pushes {
    deques: [usize; 2],
    injector: usize,
}

impl Pushes {
    /// True if the step fits; counts at most what it may push.
    fn fit(&mut self, step: Step) -> bool {
        let (count, most) = match step {
            Step::Push(deque) => (&mut self.deques[deque], 1),
            Step::Batch(from, limit) => (&mut self.deques[1 - from], limit),
            Step::BatchAndPop(from, limit) => (&mut self.deques[1 - from], limit - 1),
            Step::BatchInjected(to, limit) => (&mut self.deques[to], limit - 1),
            Step::Inject => (&mut self.injector, 1),
            Step::Pop(_) | Step::Steal(_) | Step::ToItself(..) | Step::StealInjected => {
                return true;
            }
        };
        let fits = *count + most <= twin::CAPACITY;
        *count += if fits { most } else { 0 };
        fits
    }
}

proptest! {
    #[test]
    fn the_twin_answers_as_crossbeam_does(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        prop_assert_eq!(run!(twin, steps), run!(real, steps));
    }
}

#[test]
fn the_twin_drops_what_it_still_holds() {
    let item = std::sync::Arc::new(());
    let (worker, injector) = (twin::Worker::new_fifo(), twin::Injector::new());
    worker.push(item.clone());
    injector.push(item.clone());
    drop((worker, injector));
    assert_eq!(std::sync::Arc::strong_count(&item), 1);
}

#[test]
#[should_panic = "a model pushes at most CAPACITY items"]
fn the_twin_says_so_when_a_model_pushes_too_much() {
    let worker = twin::Worker::new_fifo();
    (0..=twin::CAPACITY).for_each(|item| worker.push(item));
}
