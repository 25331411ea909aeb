//! A million items through queues while operations are dropped and tasks are cancelled at random.
//!
//! Every item is counted where it ends: a consumer delivers it, or it is dropped by whoever gave up
//! with it in hand, and is then sent again. So at the end each has been delivered once, and only as
//! many were sent again as were dropped by a known hand; else the queue has lost or doubled one. After
//! each dropped operation the figures must show that nobody waits for what is free. The choices depend
//! on the seed alone, which is printed; the threads do not.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use windlass::sync::Notify;
use windlass::task::Task;
use windlass::{spawn, yield_now};
use windlass_sync::queue::{Consumer, Producer, Queue, Stats};

use crate::executor::rig::{on_2_and_4, poll_once, runtime};

/// Items for each capacity and number of workers: six times that is a million.
const ITEMS: usize = 166_667;
/// One operation in so many is dropped at a random point.
const ONE_DROPPED_IN: u64 = 20;
/// Tasks cancelled in each run.
const CANCELS: usize = 200;
const PRODUCERS: u64 = 4;
const CONSUMERS: u64 = 4;
const SEED: u64 = 0x5eed_0003;

/// Who was told what of the items.
struct Ledger {
    /// How many were made.
    made: AtomicUsize,
    /// How often each was delivered.
    delivered: Vec<AtomicU8>,
    /// Those that were dropped undelivered, to be sent again.
    returned: Mutex<Vec<usize>>,
    /// How many were dropped before a consumer had them.
    dropped: AtomicUsize,
    /// How many producers gave up with an item in hand.
    given_up: AtomicUsize,
    /// Rings now and then while items are made.
    progress: Notify,
}

/// One item; it goes to the ledger when it is dropped undelivered.
struct Item {
    number: usize,
    /// A consumer has it.
    is_received: bool,
    ledger: Option<Arc<Ledger>>,
}

impl Item {
    fn new(number: usize, ledger: &Arc<Ledger>) -> Item {
        Item { number, is_received: false, ledger: Some(ledger.clone()) }
    }

    fn deliver(mut self) {
        let ledger = self.ledger.take().expect("an item is delivered once");
        ledger.delivered[self.number].fetch_add(1, SeqCst);
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        if let Some(ledger) = self.ledger.take() {
            ledger.dropped.fetch_add(usize::from(!self.is_received), SeqCst);
            ledger.returned.lock().unwrap().push(self.number);
        }
    }
}

impl Ledger {
    fn new() -> Arc<Ledger> {
        Arc::new(Ledger {
            made: AtomicUsize::new(0),
            delivered: (0..ITEMS).map(|_| AtomicU8::new(0)).collect(),
            returned: Mutex::default(),
            dropped: AtomicUsize::new(0),
            given_up: AtomicUsize::new(0),
            progress: Notify::new(),
        })
    }

    fn next(self: &Arc<Ledger>) -> Option<Item> {
        let number = self.made.fetch_add(1, SeqCst);
        if number.is_multiple_of(64) || number >= ITEMS {
            self.progress.notify_one();
        }
        (number < ITEMS).then(|| Item::new(number, self))
    }

    async fn until_made(&self, count: usize) {
        while self.made.load(SeqCst) < count {
            self.progress.notified().await;
        }
    }
}

/// A producer with an item in hand; when dropped he has given up.
struct InHand(Arc<Ledger>);

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.given_up.fetch_add(1, SeqCst);
    }
}

/// A small generator: what a test chooses must not depend on the machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % end
    }

    fn hits_one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// Polls a future a few times and leaves it where it is.
async fn a_few_polls<F: Future + Unpin>(future: &mut F, random: &mut Random) -> Option<F::Output> {
    for _ in 0..=random.below(3) {
        if let Some(output) = poll_once(future).await {
            return Some(output);
        }
        yield_now().await;
    }
    None
}

/// What became of an item whose put was perhaps dropped.
enum Sent {
    Yes,
    NotYet(Item),
    DroppedWithIt,
}

async fn produce(queue: Producer<Item>, ledger: Arc<Ledger>, mut random: Random) {
    while let Some(item) = ledger.next() {
        let in_hand = InHand(ledger.clone());
        let mut sent = Sent::NotYet(item);
        while let Sent::NotYet(item) = sent {
            sent = put(&queue, item, &mut random).await;
        }
        if let Sent::Yes = sent {
            std::mem::forget(in_hand);
        }
    }
}

/// Puts in one of the ways there are, or drops the operation at some point.
async fn put(queue: &Producer<Item>, item: Item, random: &mut Random) -> Sent {
    if random.hits_one_in(ONE_DROPPED_IN) {
        let sent = put_with_a_drop(queue, item, random).await;
        nobody_waits_for_what_is_free(queue.stats());
        sent
    } else if random.hits_one_in(8) {
        queue.reserve().await.unwrap().put(item).unwrap();
        Sent::Yes
    } else if random.hits_one_in(8) {
        yield_now().await;
        queue.try_put(item).map_or_else(|refused| Sent::NotYet(refused.into_item()), |()| Sent::Yes)
    } else {
        queue.put(item).await.unwrap();
        Sent::Yes
    }
}

async fn put_with_a_drop(queue: &Producer<Item>, item: Item, random: &mut Random) -> Sent {
    match random.below(3) {
        0 => {
            drop(a_few_polls(&mut queue.reserve(), random).await); // perhaps with a slot
            Sent::NotYet(item)
        }
        1 => {
            let mut put = queue.put(item);
            a_few_polls(&mut put, random).await;
            put.into_item().map_or(Sent::Yes, Sent::NotYet)
        }
        _ => match a_few_polls(&mut queue.put(item), random).await {
            Some(_) => Sent::Yes,
            None => Sent::DroppedWithIt,
        },
    }
}

#[track_caller]
fn nobody_waits_for_what_is_free(stats: Stats) {
    assert!(stats.waiting_putters == 0 || Some(stats.used) == stats.capacity, "{stats:?}");
    assert!(stats.waiting_getters == 0 || stats.kept == stats.len, "{stats:?}");
}

async fn consume(queue: Consumer<Item>, mut random: Random) {
    loop {
        let job = if random.hits_one_in(ONE_DROPPED_IN) {
            let ended = a_few_polls(&mut queue.get_job(), &mut random).await;
            nobody_waits_for_what_is_free(queue.stats());
            let Some(ended) = ended else { continue };
            ended
        } else if random.hits_one_in(4) {
            let Ok(item) = queue.get().await else { return };
            item.deliver();
            queue.task_done().unwrap();
            continue;
        } else {
            queue.get_job().await
        };
        let Ok(mut job) = job else { return };
        job.is_received = true;
        if random.hits_one_in(16) {
            yield_now().await; // perhaps cancelled with the item in hand
        }
        job.into_inner().deliver();
    }
}

/// The tasks of one run.
struct Crew {
    queue: Queue<Item>,
    ledger: Arc<Ledger>,
    tasks: HashMap<u64, Task<()>>,
    /// How many were spawned: each has a seed of its own.
    spawned: u64,
}

impl Crew {
    fn spawn(&mut self, role: u64) -> Task<()> {
        self.spawned += 1;
        let random = Random(SEED ^ (self.spawned << 32));
        if role < PRODUCERS {
            spawn(produce(self.queue.producer(), self.ledger.clone(), random))
        } else {
            spawn(consume(self.queue.consumer(), random))
        }
    }

    fn hire(&mut self, role: u64) {
        let task = self.spawn(role);
        self.tasks.insert(role, task);
    }

    /// Cancels somebody in the middle of something, and lets another one go on.
    async fn replace(&mut self, role: u64) {
        let task = self.tasks.remove(&role).expect("every role has its task");
        if let Err(error) = task.cancel().await {
            assert!(error.is_cancelled(), "{error}");
        }
        self.hire(role);
    }

    async fn end(&mut self, roles: std::ops::Range<u64>) {
        for role in roles {
            let task = self.tasks.remove(&role).expect("every role has its task");
            task.await.unwrap();
        }
    }
}

async fn run(capacity: usize) {
    let ledger = Ledger::new();
    let queue = Queue::bounded(capacity);
    let mut crew =
        Crew { queue: queue.clone(), ledger: ledger.clone(), tasks: HashMap::new(), spawned: 0 };
    (0..PRODUCERS + CONSUMERS).for_each(|role| crew.hire(role));
    let mut random = Random(SEED);
    for step in 1..=CANCELS {
        ledger.until_made(step * ITEMS / (CANCELS + 1)).await;
        crew.replace(random.below(PRODUCERS + CONSUMERS)).await;
    }
    crew.end(0..PRODUCERS).await;
    loop {
        queue.join().await; // then every item that was put is delivered, or returned
        let returned = std::mem::take(&mut *ledger.returned.lock().unwrap());
        if returned.is_empty() {
            break;
        }
        for number in returned {
            queue.put(Item::new(number, &ledger)).await.unwrap();
        }
    }
    queue.shutdown();
    crew.end(PRODUCERS..PRODUCERS + CONSUMERS).await;
    let wrong = ledger.delivered.iter().filter(|count| count.load(SeqCst) != 1).count();
    assert_eq!(wrong, 0, "items that were not delivered exactly once");
    let given_up = ledger.given_up.load(SeqCst);
    assert_eq!(ledger.dropped.load(SeqCst), given_up, "items dropped by the queue");
    println!("capacity {capacity}: {given_up} items were dropped with their puts");
    let stats = queue.stats();
    assert_eq!((stats.used, stats.unfinished), (0, 0));
    assert_eq!((stats.waiting_getters, stats.waiting_putters, stats.waiting_joiners), (0, 0, 0));
    assert!(stats.high_water <= capacity);
}

fn every_item_arrives_once(workers: usize, capacity: usize) {
    println!("seed {SEED:#x}, {workers} workers");
    let runtime = runtime(workers);
    runtime.block_on(run(capacity));
    let left = runtime.handle().dump();
    assert!(left.tasks.is_empty(), "{left}");
    let report = runtime.shutdown(Duration::from_secs(60));
    assert!(report.is_clean() && report.cancelled.is_empty(), "{report}");
}

// QUE-50
#[test]
fn a_third_of_a_million_items_arrive_once_each_through_one_place_whoever_is_cancelled() {
    on_2_and_4(|workers| every_item_arrives_once(workers, 1));
}

// QUE-50
#[test]
fn a_third_of_a_million_items_arrive_once_each_through_three_places_whoever_is_cancelled() {
    on_2_and_4(|workers| every_item_arrives_once(workers, 3));
}

// QUE-50
#[test]
fn a_third_of_a_million_items_arrive_once_each_through_128_places_whoever_is_cancelled() {
    on_2_and_4(|workers| every_item_arrives_once(workers, 128));
}
