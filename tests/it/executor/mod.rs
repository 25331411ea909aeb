//! Tests of the executor floor.

mod article;
mod blocking;
mod clock;
mod debug;
mod deque;
mod fairness;
mod futures;
mod gather;
mod group;
mod hands;
mod home;
mod hosting;
mod join_set;
mod locals;
pub mod rig;
mod runtime;
mod servers;
mod shutdown;
mod stall;
mod task;
mod task_life;
mod tasks;
mod threads;
mod time;
mod waits;
