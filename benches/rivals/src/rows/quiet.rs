//! Rows about little work: few requests, none at all, and the start and the end.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::super::{bind, detach, join, run, sleep, spawn};
use super::{HOUR, serve};
use crate::load;
use crate::measure::{
    Passes, Plan, cpu_time, on_thread, permit_many_files, switches, switches_of_others,
};

const CALM_CONNECTIONS: usize = 10;
const PARKED: usize = 1_000;

/// Voluntary context switches and CPU time (us) of the server for each request, a thousand of
/// which come each second whether they are answered or not.
pub fn calm(plan: Plan) -> Vec<f64> {
    run(plan.workers, async move {
        let (listener, address) = bind().await.expect("a loopback port is free");
        detach(spawn(serve(listener)));
        // Everything is there before the first reading. This thread counts: it may be a worker.
        on_thread(move || load::calm(plan, address, CALM_CONNECTIONS)).await;
        let (cpu, switched) = (cpu_time(), switches());
        let requests = on_thread(move || load::calm(plan, address, CALM_CONNECTIONS)).await;
        let (cpu, switched) = (cpu_time() - cpu, switches() - switched);
        vec![switched / requests, cpu.as_nanos() as f64 / 1000.0 / requests]
    })
}

/// Voluntary context switches a second while nothing happens.
pub fn idle(plan: Plan) -> f64 {
    permit_many_files();
    run(plan.workers, async move {
        let (listener, address) = bind().await.expect("a loopback port is free");
        detach(spawn(serve(listener)));
        for _ in 0..PARKED {
            detach(spawn(sleep(HOUR)));
        }
        on_thread(move || switches_while_idle(plan, address)).await
    })
}

/// On a thread of its own, so that it is not the runtime that waits for the second to pass.
fn switches_while_idle(plan: Plan, address: SocketAddr) -> f64 {
    let connect = |_| TcpStream::connect(address).expect("the server accepts");
    let clients: Vec<TcpStream> = (0..PARKED).map(connect).collect();
    std::thread::sleep(Duration::from_millis(300));
    let second = Duration::from_millis(if plan.quick { 200 } else { 1_000 });
    let before = switches_of_others();
    std::thread::sleep(second);
    let after = switches_of_others();
    drop(clients);
    (after - before) / second.as_secs_f64()
}

/// Microseconds from before a runtime is built to after it is gone, one task in between.
pub fn start_stop(plan: Plan) -> f64 {
    let mut passes = Passes::new(plan);
    while passes.wants_more() {
        let start = Instant::now();
        run(plan.workers, async { join(spawn(async {})).await });
        passes.record(start.elapsed());
    }
    passes.nanoseconds_per(1) / 1000.0
}
