//! Ends the process when something is wrong, and says all that is known.

use std::panic;
use std::process;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use windlass::runtime::Handle;

/// The runtimes of the round.
static RUNTIMES: Mutex<Vec<Handle>> = Mutex::new(Vec::new());
/// The number of the round.
static ROUND: AtomicU64 = AtomicU64::new(0);
/// Looks since the round began. Counted, not measured: if the whole machine stands still, so does
/// this.
static LOOKS: AtomicU32 = AtomicU32::new(0);
/// Held by the thread that ends the process, which tells what it knows before another can mix its
/// words with it.
static END: Mutex<()> = Mutex::new(());

/// Starts the watch.
pub fn begin(seed: u64, patience: u32) {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let _ours = END.lock();
        default(info);
        end(seed, "a promise is broken");
    }));
    let watch = move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            if LOOKS.fetch_add(1, Relaxed) >= patience {
                // Whoever tells of a panic may stand still too.
                let _ours = END.try_lock_for(Duration::from_secs(10));
                end(seed, "it hangs");
            }
        }
    };
    thread::spawn(watch);
}

/// Tells that a round begins.
pub fn next_round(number: u64) {
    ROUND.store(number, Relaxed);
    LOOKS.store(0, Relaxed);
    RUNTIMES.lock().clear();
}

/// Tells of a runtime of this round.
pub fn look_at(runtime: &Handle) {
    RUNTIMES.lock().push(runtime.clone());
}

fn end(seed: u64, why: &str) -> ! {
    // In one piece, whoever else is writing.
    let line = format!("\n{why}: seed {seed}, round {}\n", ROUND.load(Relaxed));
    eprint!("{line}");
    // A thread that panics may hold the lock.
    for runtime in RUNTIMES.try_lock().iter().flat_map(|all| all.iter()) {
        eprintln!("{}\n{:?}", runtime.dump(), runtime.metrics());
    }
    process::exit(1)
}
