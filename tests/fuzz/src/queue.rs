//! The queues, with every operation there is and every future dropped anywhere, against their rules
//! written as plain lists.
//!
//! Every step is taken on both; then all figures must be equal, and each waiting future must have
//! been woken exactly as often as the rules say.

mod model;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use windlass_sync::error::{AllDone, TryGetError, TryPutError};
use windlass_sync::queue::{Consumer, Fifo, Handle, Job, Lifo, Producer, Slot, Smallest, Store};

use crate::bytes::Bytes;
use model::{Asked, Model, Order};

/// More of anything tells nothing new, and makes the inputs slow.
const MOST: usize = 24;

/// What a future of any kind gives.
enum Got<S: Store<u32>> {
    Put(Result<(), u32>),
    Slot(Option<Slot<u32, S>>),
    Item(Option<u32>),
    Job(Option<Job<u32, S>>),
    Joined,
}

type Waiting<S> = Pin<Box<dyn Future<Output = Got<S>>>>;

/// A future, and how often it was woken.
struct Future_<S: Store<u32>> {
    future: Waiting<S>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// The real thing, and what it should be.
struct Pair<S: Store<u32> + 'static> {
    producers: Vec<Producer<u32, S>>,
    consumers: Vec<Consumer<u32, S>>,
    futures: BTreeMap<usize, Future_<S>>,
    slots: Vec<Slot<u32, S>>,
    jobs: Vec<Job<u32, S>>,
    model: Model,
    /// The next item, or the next future's number.
    next: usize,
}

/// Takes the steps that the bytes stand for.
pub fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let capacity = bytes.pick(&[1, 1, 2, 3, usize::MAX]);
    match bytes.below(4) {
        0 => drive::<Lifo<u32>>(Order::Newest, capacity, &mut bytes),
        1 => drive::<Smallest<u32>>(Order::Smallest, capacity, &mut bytes),
        _ => drive::<Fifo<u32>>(Order::Oldest, capacity, &mut bytes),
    }
}

fn drive<S: Store<u32> + 'static>(order: Order, capacity: usize, bytes: &mut Bytes<'_>) {
    let queue: Handle<u32, S, true, true> =
        if capacity == usize::MAX { Handle::unbounded() } else { Handle::bounded(capacity) };
    let (producer, consumer) = queue.split();
    let mut pair = Pair {
        producers: vec![producer],
        consumers: vec![consumer],
        futures: BTreeMap::new(),
        slots: Vec::new(),
        jobs: Vec::new(),
        model: Model::new(order, capacity),
        next: 0,
    };
    while !bytes.is_over() {
        pair.step(bytes);
        pair.check();
    }
}

impl<S: Store<u32> + 'static> Pair<S> {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.below(26) {
            0 | 1 => self.begin(Asked::Put(bytes.byte().into())),
            2 => self.begin(Asked::Slot),
            3 | 4 => self.begin(Asked::Item),
            5 => self.begin(Asked::Job),
            6 => self.begin(Asked::Join),
            7..=10 => self.poll(bytes),
            11..=13 => self.drop_future(bytes),
            14 => self.try_put(bytes.byte().into()),
            15 => self.try_reserve(),
            16 => self.try_get(),
            17 => self.try_get_job(),
            18 => self.end_slot(bytes),
            19 => self.end_job(bytes),
            20 => self.task_done(),
            21 => self.put_and_take_back(bytes.byte().into()),
            22 => self.clone_or_drop_a_producer(bytes),
            23 => self.clone_or_drop_a_consumer(bytes),
            _ => self.shut(bytes),
        }
    }

    /// Makes a future with a handle of its own, and polls it once.
    fn begin(&mut self, asked: Asked) {
        if self.futures.len() >= MOST {
            return;
        }
        let puts = matches!(asked, Asked::Put(_) | Asked::Slot);
        let future: Waiting<S> = match (asked, self.producers.last(), self.consumers.last()) {
            (Asked::Put(item), Some(producer), _) => {
                let producer = producer.clone();
                Box::pin(async move { Got::Put(producer.put(item).await.map_err(|back| back.0)) })
            }
            (Asked::Slot, Some(producer), _) => {
                let producer = producer.clone();
                Box::pin(async move { Got::Slot(producer.reserve().await.ok()) })
            }
            (Asked::Item, _, Some(consumer)) => {
                let consumer = consumer.clone();
                Box::pin(async move { Got::Item(consumer.get().await.ok()) })
            }
            (Asked::Job, _, Some(consumer)) => {
                let consumer = consumer.clone();
                Box::pin(async move { Got::Job(consumer.get_job().await.ok()) })
            }
            (Asked::Join, _, Some(consumer)) => {
                let consumer = consumer.clone();
                Box::pin(async move {
                    consumer.join().await;
                    Got::Joined
                })
            }
            _ => return, // no such handle is left
        };
        self.model.count_in(puts, !puts);
        let number = self.next;
        self.next += 1;
        self.futures.insert(number, Future_ { future, wakes: Arc::default() });
        self.model.begin(number, asked);
        self.poll_one(number);
    }

    fn pick(&self, bytes: &mut Bytes<'_>) -> Option<usize> {
        let which = bytes.below(MOST) % self.futures.len().max(1);
        self.futures.keys().nth(which).copied()
    }

    fn poll(&mut self, bytes: &mut Bytes<'_>) {
        if let Some(number) = self.pick(bytes) {
            self.poll_one(number);
        }
    }

    fn poll_one(&mut self, number: usize) {
        let future = self.futures.get_mut(&number).expect("it was picked among them");
        let waker = Waker::from(future.wakes.clone());
        let polled = future.future.as_mut().poll(&mut Context::from_waker(&waker));
        let expected = self.model.poll(number);
        let Poll::Ready(got) = polled else {
            assert!(expected.is_none(), "{expected:?} is there, and the future waits");
            return;
        };
        let told = match &got {
            Got::Put(put) => model::Got::Put(*put),
            Got::Slot(slot) => model::Got::Slot(slot.is_some()),
            Got::Item(item) => model::Got::Item(*item),
            Got::Job(job) => model::Got::Item(job.as_deref().copied()),
            Got::Joined => model::Got::Joined,
        };
        assert_eq!(Some(told), expected, "the future is ready");
        self.futures.remove(&number); // its handle went when it ended
        match got {
            Got::Slot(Some(slot)) => self.slots.push(slot),
            Got::Job(Some(job)) => self.jobs.push(job),
            _ => {}
        }
    }

    fn drop_future(&mut self, bytes: &mut Bytes<'_>) {
        if let Some(number) = self.pick(bytes) {
            self.futures.remove(&number);
            self.model.drop_future(number);
        }
    }

    fn try_put(&mut self, item: u32) {
        let Some(producer) = self.producers.last() else { return };
        let got = producer.try_put(item);
        assert_eq!(got, self.model.try_put(item));
    }

    fn try_reserve(&mut self) {
        let Some(producer) = self.producers.last().filter(|_| self.slots.len() < MOST) else {
            return;
        };
        let got = producer.try_reserve();
        assert_eq!(got.as_ref().map(drop).map_err(kind), self.model.try_reserve());
        self.slots.extend(got);
    }

    fn try_get(&mut self) {
        let Some(consumer) = self.consumers.last() else { return };
        let got: Result<u32, TryGetError> = consumer.try_get();
        assert_eq!(got, self.model.try_get());
    }

    fn try_get_job(&mut self) {
        let Some(consumer) = self.consumers.last().filter(|_| self.jobs.len() < MOST) else {
            return;
        };
        let got = consumer.try_get_job();
        let told = got.as_ref().map(|job| **job).map_err(|error| *error);
        assert_eq!(told, self.model.try_get_job());
        self.jobs.extend(got);
    }

    fn end_slot(&mut self, bytes: &mut Bytes<'_>) {
        if self.slots.is_empty() {
            return;
        }
        let slot = self.slots.swap_remove(bytes.below(MOST) % self.slots.len());
        if bytes.below(3) == 0 {
            drop(slot);
            self.model.drop_slot();
        } else {
            let item = bytes.byte().into();
            let got = slot.put(item);
            assert_eq!(got.map_err(|back| back.0), self.model.fill_slot(item));
        }
    }

    fn end_job(&mut self, bytes: &mut Bytes<'_>) {
        if !self.jobs.is_empty() {
            drop(self.jobs.swap_remove(bytes.below(MOST) % self.jobs.len()));
            self.model.end_job();
        }
    }

    fn task_done(&mut self) {
        let Some(consumer) = self.consumers.last() else { return };
        let got: Result<(), AllDone> = consumer.task_done();
        assert_eq!(got.is_ok(), self.model.task_done());
    }

    /// A put that gives up with its item.
    fn put_and_take_back(&mut self, item: u32) {
        let Some(producer) = self.producers.last() else { return };
        let mut put = producer.put(item);
        let polled = Pin::new(&mut put).poll(&mut Context::from_waker(Waker::noop()));
        let back = put.into_item();
        match self.model.try_put(item) {
            Ok(()) => assert!(matches!(polled, Poll::Ready(Ok(()))) && back.is_none()),
            Err(TryPutError::ShutDown(_)) => {
                assert!(matches!(polled, Poll::Ready(Err(_))) && back.is_none());
            }
            Err(TryPutError::Full(_)) => assert!(polled.is_pending() && back == Some(item)),
        }
    }

    fn clone_or_drop_a_producer(&mut self, bytes: &mut Bytes<'_>) {
        let Some(last) = self.producers.last() else { return };
        if bytes.below(3) == 0 && self.producers.len() < MOST {
            self.producers.push(last.clone());
            self.model.count_in(true, false);
        } else {
            self.producers.pop();
            self.model.count_out(true, false);
        }
    }

    fn clone_or_drop_a_consumer(&mut self, bytes: &mut Bytes<'_>) {
        let Some(last) = self.consumers.last() else { return };
        if bytes.below(3) == 0 && self.consumers.len() < MOST {
            self.consumers.push(last.clone());
            self.model.count_in(false, true);
        } else {
            self.consumers.pop();
            self.model.count_out(false, true);
        }
    }

    /// Rarely: it ends most of what there is to see.
    fn shut(&mut self, bytes: &mut Bytes<'_>) {
        let (now, seldom) = (bytes.below(2) == 0, bytes.below(4) == 0);
        match self.producers.last().filter(|_| seldom) {
            Some(producer) if now => {
                assert_eq!(producer.shutdown_now(), self.model.shutdown_now());
            }
            Some(producer) => {
                producer.shutdown();
                self.model.shutdown();
            }
            None => {}
        }
    }

    fn check(&self) {
        let stats = self.producers.last().map(Handle::stats);
        let stats = stats.or_else(|| self.consumers.last().map(Handle::stats));
        if let Some(stats) = stats {
            assert_eq!(stats, self.model.stats());
            assert!(stats.waiting_putters == 0 || Some(stats.used) == stats.capacity);
            assert!(stats.waiting_getters == 0 || stats.kept == stats.len);
        }
        for (number, future) in &self.futures {
            let (woken, told) = (future.wakes.0.load(Relaxed), self.model.wakes(*number));
            assert_eq!(woken, told, "wakes of future {number}");
        }
    }
}

fn kind(error: &TryPutError<()>) -> TryPutError<()> {
    match error {
        TryPutError::Full(()) => TryPutError::Full(()),
        TryPutError::ShutDown(()) => TryPutError::ShutDown(()),
    }
}
