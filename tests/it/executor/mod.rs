//! Tests of the executor floor.

mod blocking;
mod clock;
mod deque;
mod hands;
mod locals;
mod rig;
mod runtime;
mod stall;
mod task;
mod task_life;
mod tasks;
mod time;
mod waits;
