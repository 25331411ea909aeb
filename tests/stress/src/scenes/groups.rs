//! Several tasks that belong together.

use windlass::task::{JoinSet, Task, TaskGroup, Until, gather, wait};
use windlass::time::{sleep, timeout};
use windlass::{spawn, yield_now};

use crate::lives::Lives;
use crate::random::Random;
use crate::sabotage::Sabotage;

/// When a group is over, however it ends, none of its children is left.
pub async fn a_group_outlives_its_children(mut random: Random) {
    for _ in 0..random.between(1, 6) {
        let lives = Lives::default();
        let mut group = TaskGroup::new();
        if random.hits_one_in(4) {
            group = group.collect_all();
        }
        if random.hits_one_in(4) {
            group = group.limit(random.between(1, 4));
        }
        if random.hits_one_in(4) {
            group = group.timeout(random.micros(1_500));
        }
        let children = random.below(12);
        let (inside, mut its_own) = (lives.clone(), random.split());
        let run = group.run(async move |group| {
            for _ in 0..children {
                let (life, mut random) = (inside.begin(), its_own.split());
                let more = group.clone();
                let grandchild = inside.begin();
                let child = group.spawn(async move {
                    let _life = life;
                    random.pause().await;
                    if random.hits_one_in(3) {
                        more.spawn(async move {
                            let _life = grandchild;
                            yield_now().await;
                            Ok(())
                        });
                    }
                    sleep(random.micros(800)).await;
                    if random.hits_one_in(12) { Err("on purpose") } else { Ok(()) }
                });
                if its_own.hits_one_in(6) {
                    child.abort();
                }
                its_own.pause().await;
            }
            if its_own.hits_one_in(6) {
                group.cancel();
            }
            Ok(())
        });
        if random.hits_one_in(5) {
            let duration = random.micros(1_000);
            drop(timeout(duration, run).await);
            lives.over().await; // if it was dropped, the runtime sees to the children
            continue;
        }
        drop(run.await);
        if Sabotage::Orphan.is_on() {
            std::mem::forget(lives.begin());
        }
        assert_eq!(lives.now(), 0, "a child has outlived its group");
    }
}

/// As many come out of a set as were put in, in whatever state they are.
pub async fn a_set_gives_back_every_task(mut random: Random) {
    let lives = Lives::default();
    let mut set = JoinSet::new();
    let mut ended = 0;
    let count = random.between(1, 40);
    for _ in 0..count {
        let (life, mut its_own) = (lives.begin(), random.split());
        let abort = set.spawn(async move {
            let _life = life;
            its_own.pause().await;
        });
        if random.hits_one_in(6) {
            abort.abort();
        }
        if random.hits_one_in(4) && set.try_join_next().is_some() {
            ended += 1;
        }
        if random.hits_one_in(10) && set.join_next().await.is_some() {
            ended += 1;
        }
    }
    match random.below(4) {
        0 => {
            set.shutdown().await;
            assert_eq!(lives.now(), 0, "a task has outlived the shutdown of its set");
            return;
        }
        1 => set.abort_all(),
        2 => {
            drop(set);
            lives.over().await;
            return;
        }
        _ => {}
    }
    while set.join_next().await.is_some() {
        ended += 1;
    }
    assert_eq!(ended, count, "a set has lost a task");
    all_at_once(&mut random).await;
}

/// Outputs in their order, whoever is first.
async fn all_at_once(random: &mut Random) {
    let task = |number: usize| {
        let mut random = Random::new(number as u64);
        spawn(async move {
            random.pause().await;
            number
        })
    };
    let count = random.between(1, 12);
    if random.hits_one_in(2) {
        let outputs = gather((0..count).map(task)).await;
        let outputs: Vec<usize> =
            outputs.into_iter().map(|output| output.expect("nobody cancels it")).collect();
        assert_eq!(outputs, (0..count).collect::<Vec<_>>(), "outputs have changed places");
        return;
    }
    let mut tasks: Vec<Task<usize>> = (0..count).map(task).collect();
    let waited = wait(&mut tasks, Until::FirstCompleted).await;
    assert!(!waited.done.is_empty(), "nothing has completed");
    assert_eq!(waited.done.len() + waited.pending.len(), count, "a task is in neither list");
}
