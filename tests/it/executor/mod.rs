//! Tests of the executor floor.

mod blocking;
mod deque;
mod hands;
mod task;
mod task_life;
