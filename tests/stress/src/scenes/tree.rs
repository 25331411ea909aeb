//! Tasks that spawn tasks, are joined, cancelled, dropped and let go, and panic.

use std::future::Future;
use std::panic;
use std::pin::Pin;

use windlass::spawn;
use windlass::task::Task;
use windlass::time::timeout;

use crate::lives::Lives;
use crate::random::Random;

/// What a task panics with on purpose. It is raised without the panic hook.
struct Deliberate;

/// Every future is dropped, and every handle gets what belongs to it.
pub async fn grows_and_is_cut(mut random: Random) {
    let lives = Lives::default();
    let depth = random.between(1, 4);
    grow(depth, random, lives.clone()).await;
    lives.over().await;
}

/// A task with children of its own; gives back its depth.
fn grow(
    depth: usize,
    mut random: Random,
    lives: Lives,
) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    let life = lives.begin();
    Box::pin(async move {
        let _life = life;
        random.pause().await;
        if depth == 0 {
            return 0;
        }
        let children: Vec<Task<usize>> = (0..random.below(6))
            .map(|_| spawn(grow(depth - 1, random.split(), lives.clone())))
            .collect();
        for child in children {
            random.pause().await;
            end(child, depth - 1, &mut random).await;
        }
        if random.hits_one_in(4) {
            panics(&mut random, lives.begin()).await;
        }
        depth
    })
}

/// Ends a child, or leaves it, in one of the ways there are.
async fn end(child: Task<usize>, depth: usize, random: &mut Random) {
    match random.below(7) {
        0 => drop(child),
        1 => child.detach(),
        2 => match child.cancel().await {
            Ok(output) => assert_eq!(output, depth, "an output of somebody else"),
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        },
        3 => {
            let abort = child.abort_handle();
            let mut random = random.split();
            let cuts = spawn(async move {
                random.pause().await;
                abort.abort()
            });
            let ended = child.await;
            let was_asked = cuts.await.expect("it only asks");
            assert!(ended.is_ok() || was_asked, "a task was cancelled by nobody");
        }
        4 => match timeout(random.micros(300), child).await {
            Ok(ended) => assert_eq!(ended.expect("nobody cancels it"), depth),
            Err(_elapsed) => {} // which has dropped the handle
        },
        _ => assert_eq!(child.await.expect("nobody cancels it"), depth),
    }
}

/// A panic goes to the handle, and the worker lives on.
async fn panics(random: &mut Random, life: crate::lives::Life) {
    let mut its_own = random.split();
    let task = spawn(async move {
        let _life = life;
        its_own.pause().await;
        panic::resume_unwind(Box::new(Deliberate));
    });
    let error: windlass::task::JoinError = match task.await {
        Ok(()) => unreachable!("it panics"),
        Err(error) => error,
    };
    let payload = error.into_panic().expect("it was a panic");
    assert!(payload.is::<Deliberate>(), "a panic of somebody else");
}
