//! A thread and what it is in: guards of `enter`, and tasks that are bound to it.

use std::future::pending;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use windlass::runtime::{Handle, Runtime};
use windlass::sync::oneshot;
use windlass::time::sleep;
use windlass::{spawn, spawn_local, yield_now};

use super::rig::*;

/// Another thread uses the runtime, timers and tasks included.
fn use_elsewhere(runtime: &Runtime) {
    let handle = runtime.handle();
    thread::scope(|scope| {
        scope.spawn(|| {
            handle.block_on(async {
                sleep(Duration::from_millis(1)).await;
                assert_eq!(spawn(async { 7 }).await.unwrap(), 7);
            });
        });
    });
}

/// Tells the thread that drops it.
struct Tells(std::sync::mpsc::Sender<thread::ThreadId>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.send(thread::current().id()).unwrap();
    }
}

#[test]
fn a_guard_of_enter_may_outlive_the_block_on_it_was_made_in() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let guard = runtime.block_on(async { Handle::current().enter() });
        use_elsewhere(&runtime);
        let task = spawn(async { 7 });
        drop(guard);
        assert!(Handle::try_current().is_none());
        assert_eq!(runtime.block_on(task).unwrap(), 7);
    });
}

#[test]
fn a_local_task_that_is_left_behind_may_have_a_guard_of_enter() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        runtime.block_on(async {
            let held = async {
                let _guard = Handle::current().enter();
                pending::<()>().await
            };
            spawn_local(held).detach();
            yield_now().await;
        });
        runtime.block_on(async { sleep(Duration::from_millis(1)).await });
        let report = runtime.shutdown(LONG);
        assert_eq!((report.is_clean(), report.cancelled.len()), (true, 1), "{report}");
    });
}

#[test]
fn a_root_that_panics_while_its_guard_is_outside_raises_its_own_panic() {
    on_1_2_and_4(|workers| {
        let runtime = runtime(workers);
        let mut outside = None;
        let text = refusal(|| {
            runtime.block_on(async {
                outside = Some(Handle::current().enter());
                panic!("no luck")
            })
        });
        assert_eq!(text, "no luck");
        use_elsewhere(&runtime);
        drop(outside);
        assert!(Handle::try_current().is_none());
    });
}

#[test]
fn guards_of_several_runtimes_may_be_dropped_in_any_order() {
    within(LONG, || {
        let runtimes = [runtime(1), runtime(2)];
        let [first, second] = runtimes.each_ref().map(Runtime::enter);
        drop(first);
        assert_eq!(Handle::current().workers(), 2, "the second is still entered");
        drop(second);
        assert!(Handle::try_current().is_none());
    });
}

#[test]
fn a_thread_that_ends_leaves_the_tasks_that_are_bound_to_another_alone() {
    on_1_2_and_4(|workers| {
        let runtime = Arc::new(runtime(workers));
        let (end, may_end) = channel::<()>();
        let (done, is_done) = channel();
        let former = thread::spawn({
            let runtime = runtime.clone();
            move || {
                runtime.block_on(async { spawn_local(async {}).await.unwrap() });
                done.send(()).unwrap();
                may_end.recv().unwrap();
            }
        });
        is_done.recv().unwrap();
        let (wake, waits) = oneshot::channel();
        let task = runtime.block_on(async {
            let task = spawn_local(async { waits.await.unwrap() });
            yield_now().await;
            task
        });
        end.send(()).unwrap();
        former.join().unwrap();
        wake.send(7).unwrap();
        assert_eq!(runtime.block_on(task).unwrap(), 7);
    });
}

#[test]
fn a_thread_that_ends_cancels_the_tasks_that_are_bound_to_it() {
    on_1_2_and_4(|workers| {
        let runtime = Arc::new(runtime(workers));
        let (told, dropped) = channel();
        let (wake, waits) = oneshot::channel::<()>();
        let (begun, left) = channel();
        let (end, may_end) = channel::<()>();
        let home = thread::spawn({
            let runtime = runtime.clone();
            move || {
                let tasks = runtime.block_on(async {
                    let (asleep, woken) = (Tells(told.clone()), Tells(told));
                    let asleep = spawn_local(async {
                        let _tells = asleep;
                        pending::<()>().await
                    });
                    let woken = spawn_local(async {
                        let _tells = woken;
                        let _ = waits.await;
                        pending::<()>().await
                    });
                    yield_now().await;
                    [asleep, woken]
                });
                begun.send(tasks).ok().unwrap();
                may_end.recv().unwrap();
                thread::current().id()
            }
        });
        let tasks = left.recv().unwrap();
        wake.send(()).unwrap(); // one of them waits to be run when its thread ends
        end.send(()).unwrap();
        let home = home.join().unwrap();
        assert_eq!([dropped.recv().unwrap(), dropped.recv().unwrap()], [home, home]);
        use_elsewhere(&runtime);
        for task in tasks {
            assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        }
    });
}
