//! Several futures in one task: joined, raced, selected.
//!
//! | to wait for                          | a few, of any types                         | any number       |
//! |--------------------------------------|---------------------------------------------|------------------|
//! | all outputs                          | [`join`](join()), [`join!`]                 | [`join_all`]     |
//! | all good outputs, or the first error | [`try_join`](try_join()), [`try_join!`]     | [`try_join_all`] |
//! | the first output                     | [`race`], [`select`](select()), [`select!`] | [`race_all`]     |
//!
//! All of this happens inside the task that awaits it: the futures take turns and never run in
//! parallel, they share the task's budget, and a panic of one is the panic of the task, which drops
//! the others. In return they need neither `Send` nor `'static`. What is to run in parallel, or to
//! be on its own when it fails, is a job for tasks: [`spawn`](crate::spawn) them and
//! [`wait`](crate::task::wait()) for them.
//!
//! ```
//! use std::time::Duration;
//! use windlass::{future::join, sync::Event, time::sleep};
//!
//! windlass::run(async {
//!     let ready = Event::new(); // borrowed by both sides: no Arc
//!     let server = async {
//!         sleep(Duration::from_millis(5)).await;
//!         ready.set();
//!     };
//!     join(server, ready.wait()).await;
//! });
//! ```
//!
//! # Whose turn it is
//!
//! Each poll of the task polls all of its futures, another one first each time. Of the futures of
//! `join_all` and its like it polls those that were woken, in the order of their wakes. When one has
//! used up the task's [budget](crate::task::unconstrained), the others are not polled in vain: the
//! task goes to the back of the run queue, and begins with them the next time.

use std::panic::Location;

#[doc(inline)]
pub use crate::{join, select, try_join};

#[doc(hidden)]
pub mod round;
mod several;

use several::End;
pub use several::Several;

/// Waits for two futures and gives both outputs.
///
/// Each of them is dropped when it has ended. They are boxed, which costs two allocations;
/// [`join!`] costs none, and takes more than two.
///
/// # Examples
/// ```
/// # use windlass::{future::join, sync::oneshot};
/// windlass::run(async {
///     let (sender, receiver) = oneshot::channel();
///     let ask = async { receiver.await.unwrap() * 2 };
///     let answer = async { sender.send(21).unwrap() };
///     assert_eq!(join(ask, answer).await, (42, ()));
/// });
/// ```
///
/// # Cancel safety
/// Both futures are dropped, and the output of the one that has ended, if one has.
pub fn join<A: Future, B: Future>(a: A, b: B) -> impl Future<Output = (A::Output, B::Output)> {
    // Boxed: what an async block both captures and pins takes its room twice.
    let (a, b) = (Box::pin(a), Box::pin(b));
    async { join!(a, b) }
}

/// Waits for two futures that may fail: both values, or the first error.
///
/// After an error the other future is dropped at once, before the error is returned. The futures
/// are boxed; [`try_join!`] needs no allocation, and takes more than two.
///
/// # Examples
/// ```
/// # use windlass::future::try_join;
/// windlass::run(async {
///     let broken = async { "seven".parse::<u8>() };
///     let endless = std::future::pending();
///     let error = try_join::<(), u8, _>(endless, broken).await.unwrap_err();
///     assert_eq!(error.to_string(), "invalid digit found in string");
/// });
/// ```
///
/// # Errors
/// The error of the future that failed first; of the first that was polled, if both failed.
///
/// # Cancel safety
/// As [`join`](join()).
pub fn try_join<A, B, E>(
    a: impl Future<Output = Result<A, E>>,
    b: impl Future<Output = Result<B, E>>,
) -> impl Future<Output = Result<(A, B), E>> {
    let (a, b) = (Box::pin(a), Box::pin(b));
    async { try_join!(a, b) }
}

/// The output of the first of two futures that ends; the other is dropped.
///
/// If both are ready at once, it may be either. Use [`select`](select()) for outputs of two types
/// or to keep the loser, and [`race_all`] for more than two.
///
/// # Examples
/// ```
/// # use std::{future::pending, time::Duration};
/// # use windlass::{future::race, time::sleep};
/// windlass::run(async {
///     let slow = pending();
///     let quick = async {
///         sleep(Duration::from_millis(1)).await;
///         "quick"
///     };
///     assert_eq!(race(slow, quick).await, "quick");
/// });
/// ```
///
/// # Cancel safety
/// Both futures are dropped. So is the loser when the race is over: what it has done by then stays
/// done. See [`select!`].
pub fn race<T>(a: impl Future<Output = T>, b: impl Future<Output = T>) -> impl Future<Output = T> {
    let (a, b) = (Box::pin(a), Box::pin(b));
    async {
        select! { a = a => a, b = b => b }
    }
}

/// What [`select`](select()) gives: the output of the one or of the other.
///
/// # Examples
/// ```
/// # use windlass::future::{Either, select};
/// windlass::run(async {
///     let (mut left, mut right) = (std::future::pending::<u8>(), std::future::ready("right"));
///     assert_eq!(select(&mut left, &mut right).await, Either::Right("right"));
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first of the two has ended.
    Left(A),
    /// The second of the two has ended.
    Right(B),
}

/// Waits until one of two futures has ended. Lend them with `&mut` to keep the one that has not.
///
/// A future that is given away is dropped; a [`Task`](crate::Task) that is given away is thereby
/// cancelled. What is not `Unpin` is lent as `future.as_mut()` after
/// [`pin!`](std::pin::pin), or boxed. If both are ready at once, it may be either.
///
/// # Examples
/// ```
/// # use std::{pin::pin, time::Duration};
/// # use windlass::{future::{Either, select}, time::sleep};
/// windlass::run(async {
///     let mut work = pin!(async {
///         sleep(Duration::from_millis(20)).await;
///         "done"
///     });
///     let mut patience = sleep(Duration::from_millis(1));
///     assert_eq!(select(work.as_mut(), &mut patience).await, Either::Right(()));
///     assert_eq!(work.await, "done"); // it goes on where it was
/// });
/// ```
///
/// # Cancel safety
/// Futures that were lent are left as they are; those that were given away are dropped.
pub async fn select<A, B>(a: A, b: B) -> Either<A::Output, B::Output>
where
    A: Future + Unpin,
    B: Future + Unpin,
{
    select! { a = a => Either::Left(a), b = b => Either::Right(b) }
}

/// Waits for all futures and gives their outputs, in the order of the futures.
///
/// Only those that have been woken are polled, so many futures cost no more than few; each is boxed
/// and dropped when it has ended. All of them still run on one worker: [`spawn`](crate::spawn) what
/// is to run in parallel.
///
/// # Examples
/// ```
/// # use windlass::future::join_all;
/// windlass::run(async {
///     let squares = join_all((1..=4).map(|n| async move { n * n })).await;
///     assert_eq!(squares, [1, 4, 9, 16]);
///     let tasks = join_all((1..=3).map(|n| windlass::spawn(async move { n }))).await;
///     assert_eq!(tasks.into_iter().map(Result::unwrap).sum::<i32>(), 6);
/// });
/// ```
///
/// # Cancel safety
/// All futures that have not ended are dropped, and the outputs of those that have.
#[track_caller]
pub fn join_all<I>(futures: I) -> Several<Inner<I>, Output<I>, Vec<Output<I>>>
where
    I: IntoIterator<Item: IntoFuture>,
{
    let keep = |value: &mut Option<_>, output| {
        *value = Some(output);
        None
    };
    Several::new(futures, 0, End { each: keep, all: |values| values }, Location::caller())
}

/// Waits for all futures: their values in the order of the futures, or the first error.
///
/// After an error the others are dropped at once, before the error is returned. Otherwise it is as
/// [`join_all`].
///
/// # Examples
/// ```
/// # use windlass::future::try_join_all;
/// windlass::run(async {
///     let parse = |word: &'static str| async { word.parse::<u8>() };
///     assert_eq!(try_join_all(["1", "2", "3"].map(parse)).await, Ok(vec![1, 2, 3]));
///     assert!(try_join_all(["1", "two", "3"].map(parse)).await.is_err());
/// });
/// ```
///
/// # Errors
/// The error of the future that was the first to fail.
///
/// # Cancel safety
/// As [`join_all`].
#[track_caller]
pub fn try_join_all<I, T, E>(futures: I) -> Several<Inner<I>, T, Result<Vec<T>, E>>
where
    I: IntoIterator<Item: IntoFuture<Output = Result<T, E>>>,
{
    let keep = |value: &mut Option<_>, output| match output {
        Ok(output) => {
            *value = Some(output);
            None
        }
        Err(error) => Some(Err(error)),
    };
    Several::new(futures, 0, End { each: keep, all: Ok }, Location::caller())
}

/// The output of the first of the futures that ends; the others are dropped.
///
/// If several are ready at once, it may be any of them. Otherwise it is as [`join_all`].
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use windlass::{future::race_all, time::sleep};
/// windlass::run(async {
///     let mirrors = [30, 1, 20].map(|ms| async move {
///         sleep(Duration::from_millis(ms)).await;
///         format!("mirror {ms}")
///     });
///     assert_eq!(race_all(mirrors).await, "mirror 1");
/// });
/// ```
///
/// # Cancel safety
/// All futures are dropped. So are the losers when the race is over; see [`select!`].
///
/// # Panics
/// If there are no futures: nobody could win.
#[track_caller]
pub fn race_all<I>(futures: I) -> Several<Inner<I>, (), Output<I>>
where
    I: IntoIterator<Item: IntoFuture>,
{
    let end = End { each: |_, output| Some(output), all: |_| unreachable!("somebody wins") };
    let several = Several::new(futures, round::anywhere(), end, Location::caller());
    assert!(several.left > 0, "race_all() needs a future: with none it would never end");
    several
}

type Inner<I> = <<I as IntoIterator>::Item as IntoFuture>::IntoFuture;
type Output<I> = <<I as IntoIterator>::Item as IntoFuture>::Output;

/// Waits for several futures, in place, and gives a tuple of their outputs.
///
/// The futures may be of different types, may borrow, and are not boxed. Each is dropped when it
/// has ended. It is an expression for `async` code, and awaits by itself.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use windlass::{future::join, sync::Semaphore, time::sleep};
/// windlass::run(async {
///     let gate = Semaphore::new(0);
///     let (permit, (), word) = join!(
///         gate.acquire(),
///         async { gate.add_permits(1) },
///         async { "word" },
///     );
///     assert_eq!((permit.unwrap().count(), word), (1, "word"));
/// });
/// ```
///
/// # Cancel safety
/// All futures that have not ended are dropped, and the outputs of those that have.
#[macro_export]
macro_rules! join {
    ($($future:expr),+ $(,)?) => { $crate::__branches!(join [] $($future),+) };
}

/// Waits for several futures that may fail, in place: `Ok` with a tuple of their values, or the
/// first error.
///
/// After an error the others are dropped at once, before it is returned. The futures may be of
/// different types, but of one type of error. Otherwise it is as [`join!`].
///
/// # Examples
/// ```
/// # use std::future::pending;
/// # use windlass::future::try_join;
/// windlass::run(async {
///     let (one, two) = try_join!(async { Ok::<_, String>(1) }, async { Ok("two") })?;
///     assert_eq!((one, two), (1, "two"));
///     let broken = async { Err::<(), _>("broken") };
///     assert_eq!(try_join!(pending::<Result<u8, _>>(), broken), Err("broken"));
///     Ok::<(), String>(())
/// }).unwrap();
/// ```
///
/// # Errors
/// The error of the future that failed first; of the first that was polled, if several failed.
///
/// # Cancel safety
/// As [`join!`].
#[macro_export]
macro_rules! try_join {
    ($($future:expr),+ $(,)?) => { $crate::__branches!(try_join [] $($future),+) };
}

/// Waits for the first of several futures and goes on in its arm.
///
/// ```text
/// select! {
///     PATTERN = FUTURE => BODY,       // the comma may be left out after a block
///     ...
/// }
/// ```
///
/// 1. The futures are made, in the order of the arms. They may be of different types, may borrow,
///    and are not boxed. If they and their outputs are `Send`, so is the whole.
/// 2. They are polled until one is ready. If several are, it may be any of them: each `select!`
///    begins somewhere else. With `biased;` in front of the arms it is the uppermost, in every
///    round that was not cut short by the [budget](crate::future#whose-turn-it-is).
/// 3. **All futures are dropped, the losers too.**
/// 4. The output is bound to the pattern, which has to fit every output, and the body is
///    evaluated. It is outside of the futures: it may use what they have borrowed, await, `break`,
///    `return` or use `?`.
///
/// There are no conditions on arms. For an arm that is not always wanted, use a future that never
/// ends otherwise:
///
/// ```
/// # use std::future::{Future, pending};
/// async fn maybe<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
///     match future {
///         Some(future) => future.await,
///         None => pending().await,
///     }
/// }
/// ```
///
/// # Examples
/// ```
/// # use std::{future::pending, time::Duration};
/// # use windlass::{future::select, time::{interval, sleep}};
/// windlass::run(async {
///     let mut ticks = 0;
///     let mut every = interval(Duration::from_millis(1));
///     let mut end = sleep(Duration::from_millis(20)); // stored: it goes on over all rounds
///     loop {
///         select! {
///             _ = every.tick() => ticks += 1,
///             () = &mut end => break,
///         }
///     }
///     assert!(ticks > 1);
/// });
/// ```
///
/// # Cancel safety
/// A loser is dropped where it waits, in every round of a loop. What that loses depends on the
/// loser: its `# Cancel safety` says so. All that wait for windlass's primitives lose no more than
/// their place in line; but an `async` block loses whatever it has taken before the await at which
/// it is dropped.
///
/// A future that is to go on over several rounds is made before the loop and lent as `&mut future`,
/// if need be after [`pin!`](std::pin::pin); when it has won, it must be made anew before the next
/// round. While a body runs, nobody polls it. It may have been handed a lock, a permit or an item
/// by then, and the body may ask for the same: it gets it, since what is reserved for a waiter may
/// be taken by its own task. But if such a future is past that point and *holds* a lock that the
/// body asks for, the task waits for itself, and a dump says so.
#[macro_export]
macro_rules! select {
    (biased; $($arms:tt)+) => {
        $crate::__branches!(arms [biased] [] $($arms)+)
    };
    ($($arms:tt)+) => {
        $crate::__branches!(arms [fair] [] $($arms)+)
    };
}

/// Names a variable for each future, one per step: each step of a macro has names of its own. When
/// all have one, it writes the code out.
#[doc(hidden)]
#[macro_export]
macro_rules! __branches {
    (join [$($branch:ident = $future:expr;)+]) => {
        $crate::__branches!(all in_turn, |_| false, [$($branch = $future;)+]
            ($($branch.output.expect("every future of a join has ended"),)+)
        )
    };
    (try_join [$($branch:ident = $future:expr;)+]) => {
        $crate::__branches!(all in_turn, ::std::result::Result::is_err, [$($branch = $future;)+]
            $(if let Some(Err(error)) = $branch.output { Err(error) } else)+ {
                Ok(($(match $branch.output {
                    Some(Ok(value)) => value,
                    _ => unreachable!("every future of a join has ended"),
                },)+))
            }
        )
    };
    (arms [$round:ident] [$($branch:ident $arm:pat = $future:expr => $body:expr;)+]) => {{
        // The futures are gone when this block ends; the arms are outside.
        let ($($branch,)+) = $crate::__branches!(all $round, |_| true, [$($branch = $future;)+]
            ($($branch.output,)+)
        );
        $(if let Some(output) = $branch { match output { $arm => $body } } else)+ {
            unreachable!("a select is over when one of its futures has an output")
        }
    }};
    (all $round:ident, $ends:expr, [$($branch:ident = $future:expr;)+] $($result:tt)+) => {{
        $(
            let $branch = ::std::pin::pin!(Some(::std::future::IntoFuture::into_future($future)));
            let mut $branch = $crate::future::round::Branch::new($branch);
        )+
        let mut round = $crate::future::round::Round::$round();
        ::std::future::poll_fn(|cx| round.poll(cx, &mut [
            $(&mut |cx: &mut ::std::task::Context<'_>| $branch.poll(cx, $ends)),+
        ])).await;
        $($result)+
    }};

    (arms $round:tt [$($named:tt)*] $arm:pat = $future:expr => $body:block, $($rest:tt)*) => {
        $crate::__branches!(arms $round [$($named)* branch $arm = $future => $body;] $($rest)*)
    };
    (arms $round:tt [$($named:tt)*] $arm:pat = $future:expr => $body:block $($rest:tt)*) => {
        $crate::__branches!(arms $round [$($named)* branch $arm = $future => $body;] $($rest)*)
    };
    (arms $round:tt [$($named:tt)*] $arm:pat = $future:expr => $body:expr $(, $($rest:tt)*)?) => {
        $crate::__branches!(arms $round [$($named)* branch $arm = $future => $body;] $($($rest)*)?)
    };
    ($kind:ident [$($named:tt)*] $future:expr $(, $rest:expr)*) => {
        $crate::__branches!($kind [$($named)* branch = $future;] $($rest),*)
    };
}
