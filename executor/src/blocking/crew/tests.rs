use std::collections::{BTreeSet, HashSet};

use super::*;

/// A crew with the threads around it, as the pool would drive them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    crew: Crew,
    /// Threads inside a job.
    working: BTreeSet<usize>,
    /// Threads that were told to leave.
    leaving: BTreeSet<usize>,
    /// The thread that comes was not there before, so it may still fail to start.
    starting: bool,
    /// A start has failed, so jobs may have to wait for a thread that is busy or leaves.
    failed: bool,
}

impl World {
    fn new(limits: Limits) -> Self {
        Self {
            crew: Crew::new(limits),
            working: BTreeSet::new(),
            leaving: BTreeSet::new(),
            starting: false,
            failed: false,
        }
    }

    fn called(mut self, call: Call) -> Self {
        if let Call::Start(_) = call {
            self.starting = true;
        }
        self
    }

    fn next(mut self, me: usize, next: Next) -> Self {
        match next {
            Next::Take => {
                self.working.insert(me);
                let call = self.crew.call();
                return self.called(call);
            }
            Next::Leave => {
                self.leaving.insert(me);
            }
            Next::Rest | Next::StandBy => {}
        }
        self
    }

    fn look(&self, me: usize, overdue: bool) -> Self {
        let mut world = self.clone();
        world.starting &= world.crew.coming != Some(me);
        let next = world.crew.look(me, overdue);
        world.next(me, next)
    }

    fn enqueue(&self) -> Self {
        let mut world = self.clone();
        world.crew.enqueue();
        let call = world.crew.call();
        world.called(call)
    }

    fn withdraw(&self) -> Self {
        let mut world = self.clone();
        world.crew.withdraw();
        world
    }

    fn close(&self) -> Self {
        let mut world = self.clone();
        for thread in world.crew.close() {
            // It wakes, looks, and finds itself booked as working.
            let next = world.crew.look(thread, false);
            world = world.next(thread, next);
        }
        world
    }

    fn finish(&self, me: usize) -> Self {
        let mut world = self.clone();
        world.working.remove(&me);
        let next = world.crew.finish(me);
        world.next(me, next)
    }

    fn gone(&self, me: usize) -> Self {
        let mut world = self.clone();
        world.leaving.remove(&me);
        let call = world.crew.gone(me);
        world.called(call)
    }

    fn give_up(&self, me: usize) -> Self {
        let mut world = self.clone();
        if world.crew.give_up(me) {
            world.leaving.insert(me);
        }
        world
    }

    fn start_failed(&self, me: usize) -> Self {
        let mut world = self.clone();
        world.starting = false;
        world.failed = true;
        match world.crew.start_failed(me) {
            Failed::Carry(call) => {
                assert!(!matches!(call, Call::Start(_)), "a failed start is not repeated at once");
                world.called(call)
            }
            Failed::RefuseAll => {
                while world.crew.queued > 0 {
                    world.crew.withdraw();
                }
                world
            }
        }
    }

    /// Everything that can happen next, with at most `jobs` jobs in the queue.
    fn successors(&self, jobs: usize) -> Vec<World> {
        let crew = &self.crew;
        let mut worlds = Vec::new();
        if crew.queued < jobs && !crew.closing {
            worlds.push(self.enqueue());
        }
        if crew.queued > 0 {
            worlds.push(self.withdraw());
        }
        if !crew.closing {
            worlds.push(self.close());
        }
        for me in crew.coming.iter().chain(&crew.standby) {
            worlds.extend([self.look(*me, false), self.look(*me, true)]);
        }
        if let (true, Some(me)) = (self.starting, crew.coming) {
            worlds.push(self.start_failed(me));
        }
        worlds.extend(self.working.iter().map(|me| self.finish(*me)));
        worlds.extend(self.leaving.iter().map(|me| self.gone(*me)));
        worlds.extend(crew.idle.iter().map(|me| self.give_up(*me)));
        worlds
    }

    fn check(&self) {
        let crew = &self.crew;
        let on_call = usize::from(crew.coming.is_some()) + usize::from(crew.standby.is_some());
        let sum = crew.working + crew.idle.len() + crew.leaving + on_call;
        assert_eq!(crew.threads, sum, "every thread is in one place: {self:#?}");
        assert!(crew.threads <= crew.limits.max, "the cap holds: {self:#?}");
        assert_eq!(crew.working, self.working.len(), "{self:#?}");
        assert_eq!(crew.leaving, self.leaving.len(), "{self:#?}");
        let numbers: BTreeSet<_> = (self.working.iter().chain(&self.leaving).chain(&crew.idle))
            .chain(&crew.coming)
            .chain(&crew.standby)
            .collect();
        assert_eq!(numbers.len(), crew.threads, "no number is given twice: {self:#?}");
        assert!(!crew.closing || crew.idle.is_empty(), "nobody rests in a closing pool: {self:#?}");
        if crew.queued > 0 && crew.coming.is_none() {
            assert!(crew.idle.is_empty(), "a job waits while a thread is idle: {self:#?}");
            let busy = crew.working + crew.leaving;
            let looks =
                crew.standby.is_some() || busy == crew.limits.max || self.failed && busy > 0;
            assert!(looks, "nobody will look at the queue: {self:#?}");
        }
    }
}

/// Visits every state that can be reached.
fn explore(limits: Limits, jobs: usize) -> usize {
    let mut seen = HashSet::from([World::new(limits)]);
    let mut fresh: Vec<_> = seen.iter().cloned().collect();
    while let Some(world) = fresh.pop() {
        world.check();
        fresh.extend(world.successors(jobs).into_iter().filter(|next| seen.insert(next.clone())));
    }
    seen.len()
}

#[test]
fn in_every_state_each_thread_is_in_one_place_and_each_queued_job_has_somebody() {
    for max in 1..=3 {
        for eager in 1..=2 {
            let states = explore(Limits { min: 0, max, eager }, 3);
            assert!(states > 20, "the walk got somewhere: {states} states");
        }
    }
    explore(Limits { min: 1, max: 3, eager: 1 }, 2);
}

#[test]
fn a_thread_beyond_the_eager_ones_takes_only_a_job_that_is_overdue() {
    let mut crew = Crew::new(Limits { min: 0, max: 3, eager: 1 });
    crew.enqueue();
    assert_eq!(crew.call(), Call::Start(0));
    assert_eq!(crew.look(0, false), Next::Take);
    crew.enqueue();
    assert_eq!(crew.call(), Call::Start(1));
    assert_eq!(crew.look(1, false), Next::StandBy);
    crew.enqueue();
    assert_eq!(crew.call(), Call::Nobody); // one stands by, and no second one is started
    assert_eq!(crew.look(1, true), Next::Take);
    assert_eq!(crew.call(), Call::Start(2)); // the jobs block: now there is need of another
}

#[test]
fn a_thread_that_stands_by_is_called_when_an_eager_one_has_gone_to_rest() {
    let mut crew = Crew::new(Limits { min: 0, max: 3, eager: 1 });
    crew.enqueue();
    assert_eq!(crew.call(), Call::Start(0));
    assert_eq!(crew.look(0, false), Next::Take);
    crew.enqueue();
    assert_eq!(crew.call(), Call::Start(1));
    assert_eq!(crew.look(1, false), Next::StandBy);
    assert_eq!(crew.finish(0), Next::Take);
    assert_eq!(crew.finish(0), Next::Rest);
    assert!(crew.give_up(0));
    crew.enqueue();
    assert_eq!(crew.call(), Call::Wake(1)); // not left to wait for the grace to end
}

#[test]
fn the_thread_that_rested_the_shortest_is_called_first() {
    let mut crew = Crew::new(Limits { min: 0, max: 2, eager: 2 });
    for thread in 0..2 {
        crew.enqueue();
        assert_eq!(crew.call(), Call::Start(thread));
        assert_eq!(crew.look(thread, false), Next::Take);
    }
    assert_eq!(crew.finish(1), Next::Rest);
    assert_eq!(crew.finish(0), Next::Rest);
    crew.enqueue();
    assert_eq!(crew.call(), Call::Wake(0));
}

#[test]
fn threads_give_up_down_to_the_minimum() {
    let mut crew = Crew::new(Limits { min: 1, max: 2, eager: 2 });
    for thread in 0..2 {
        crew.enqueue();
        assert_eq!(crew.call(), Call::Start(thread));
        assert_eq!(crew.look(thread, false), Next::Take);
    }
    assert_eq!(crew.finish(0), Next::Rest);
    assert_eq!(crew.finish(1), Next::Rest);
    assert!(crew.give_up(0));
    assert!(!crew.give_up(1));
}
