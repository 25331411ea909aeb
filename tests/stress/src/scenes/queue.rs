//! Items through the queues, while operations are dropped and tasks are cancelled.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use parking_lot::Mutex;
use windlass::spawn;
use windlass::sync::{LifoQueue, PriorityQueue, Queue};
use windlass::task::Task;
use windlass_sync::queue::{Consumer, Fifo, Handle, Lifo, Producer, Smallest, Stats, Store};

use crate::random::{Random, a_few_polls};
use crate::sabotage::Sabotage;

/// Who was told what of the items.
#[derive(Debug)]
struct Ledger {
    /// How often each was delivered.
    delivered: Vec<AtomicUsize>,
    /// Those that were dropped undelivered, to be sent again.
    returned: Mutex<Vec<usize>>,
    /// How many were made.
    made: AtomicUsize,
}

/// One item; it goes back to the ledger if it is dropped undelivered.
struct Item {
    number: usize,
    /// Which producer has put it, and as which of his.
    by: (usize, usize),
    ledger: Option<Arc<Ledger>>,
}

impl Ledger {
    fn new(items: usize) -> Arc<Ledger> {
        let delivered = (0..items).map(|_| AtomicUsize::new(0)).collect();
        Arc::new(Ledger { delivered, returned: Mutex::default(), made: AtomicUsize::new(0) })
    }

    /// Some item that is nowhere now.
    fn next(self: &Arc<Ledger>, by: (usize, usize)) -> Option<Item> {
        let returned = self.returned.lock().pop();
        let number = returned.or_else(|| {
            let made = self.made.fetch_add(1, SeqCst);
            (made < self.delivered.len()).then_some(made)
        })?;
        Some(Item { number, by, ledger: Some(self.clone()) })
    }
}

impl Item {
    fn deliver(mut self) {
        let ledger = self.ledger.take().expect("an item is delivered once");
        if Sabotage::LoseItem.is_on() && self.number == 3 {
            return;
        }
        let times = if Sabotage::DoubleItem.is_on() && self.number == 3 { 2 } else { 1 };
        ledger.delivered[self.number].fetch_add(times, SeqCst);
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        if let Some(ledger) = self.ledger.take() {
            ledger.returned.lock().push(self.number);
        }
    }
}

// The smallest is the one that was put last, so that a priority queue has something to do.
impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        other.number.cmp(&self.number)
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Item {}

/// Puts until there is nothing left to put.
async fn produce<S: Store<Item>>(
    queue: Producer<Item, S>,
    ledger: Arc<Ledger>,
    name: usize,
    mut random: Random,
) {
    let mut serial = 0;
    while let Some(item) = ledger.next((name, serial)) {
        serial += 1;
        put(&queue, item, &mut random).await;
    }
}

/// Puts in one of the ways there are, or gives up; the item is then back in the ledger.
async fn put<S: Store<Item>>(queue: &Producer<Item, S>, item: Item, random: &mut Random) {
    match random.below(12) {
        0 => drop(a_few_polls(&mut queue.put(item), random).await),
        1 => {
            let mut put = queue.put(item);
            a_few_polls(&mut put, random).await;
            drop(put.into_item());
        }
        2 => drop(a_few_polls(&mut queue.reserve(), random).await), // and the item
        3 => drop(queue.try_put(item)),
        4 | 5 => {
            if let Ok(slot) = queue.reserve().await {
                random.pause().await;
                drop(slot.put(item));
            }
        }
        _ => drop(queue.put(item).await),
    }
    nobody_waits_for_what_is_free(queue.stats());
}

#[track_caller]
fn nobody_waits_for_what_is_free(stats: Stats) {
    assert!(stats.waiting_putters == 0 || Some(stats.used) == stats.capacity, "{stats:?}");
    assert!(stats.waiting_getters == 0 || stats.kept == stats.len, "{stats:?}");
    assert!(Some(stats.used) <= stats.capacity || stats.capacity.is_none(), "{stats:?}");
}

/// Gets until the queue ends. Of each producer the items must come in the order of their puts.
async fn consume<S: Store<Item>>(queue: Consumer<Item, S>, is_fifo: bool, mut random: Random) {
    let mut latest: HashMap<usize, usize> = HashMap::new();
    loop {
        let ended = match random.below(8) {
            0 => match a_few_polls(&mut queue.get_job(), &mut random).await {
                Some(ended) => ended,
                None => continue,
            },
            1 => {
                let Ok(item) = queue.get().await else { return };
                check_order(&mut latest, &item, is_fifo);
                item.deliver();
                queue.task_done().expect("it has not been marked as done yet");
                continue;
            }
            _ => queue.get_job().await,
        };
        nobody_waits_for_what_is_free(queue.stats());
        let Ok(job) = ended else { return };
        check_order(&mut latest, &job, is_fifo);
        random.pause().await; // perhaps cancelled with the item in hand
        job.into_inner().deliver();
    }
}

fn check_order(latest: &mut HashMap<usize, usize>, item: &Item, is_fifo: bool) {
    let (name, mut serial) = item.by;
    if Sabotage::SwapItems.is_on() && serial == 3 {
        serial = 0;
    }
    let former = latest.insert(name, serial);
    assert!(!is_fifo || former.is_none_or(|former| former < serial), "items have changed places");
}

/// Each item is delivered once, whoever is cancelled; in the end nobody has anything.
pub async fn every_item_ends_once(mut random: Random) {
    let capacity = 1 + random.below(8) * random.below(19); // 1 to 127, mostly small
    match random.below(4) {
        0 => conserve::<Lifo<Item>>(LifoQueue::bounded(capacity), false, random).await,
        1 => conserve::<Smallest<Item>>(PriorityQueue::bounded(capacity), false, random).await,
        _ => conserve::<Fifo<Item>>(Queue::bounded(capacity), true, random).await,
    }
}

async fn conserve<S>(queue: Handle<Item, S, true, true>, is_fifo: bool, mut random: Random)
where
    S: Store<Item> + Send + 'static,
{
    let ledger = Ledger::new(random.between(10, 400));
    let (producers, consumers) = (random.between(1, 4), random.between(1, 4));
    let mut names = 0;
    let mut hire_producer = |random: &mut Random| {
        names += 1;
        spawn(produce(queue.producer(), ledger.clone(), names, random.split()))
    };
    let hire_consumer =
        |random: &mut Random| spawn(consume(queue.consumer(), is_fifo, random.split()));
    let mut puts: Vec<Task<()>> = (0..producers).map(|_| hire_producer(&mut random)).collect();
    let mut gets: Vec<Task<()>> = (0..consumers).map(|_| hire_consumer(&mut random)).collect();
    for _ in 0..random.below(20) {
        random.pause().await;
        if random.hits_one_in(2) {
            let who = random.below(producers);
            cancel(std::mem::replace(&mut puts[who], hire_producer(&mut random))).await;
        } else {
            let who = random.below(consumers);
            cancel(std::mem::replace(&mut gets[who], hire_consumer(&mut random))).await;
        }
    }
    // What was returned late is sent by somebody whom nobody cancels.
    loop {
        for put in puts.drain(..) {
            put.await.expect("nobody cancels it");
        }
        queue.join().await;
        let is_empty = ledger.returned.lock().is_empty();
        if is_empty {
            break;
        }
        puts.push(hire_producer(&mut random));
    }
    queue.shutdown();
    for get in gets {
        get.await.expect("nobody cancels it");
    }
    let counts = ledger.delivered.iter().map(|count| count.load(SeqCst));
    let wrong = counts.filter(|count| *count != 1).count();
    assert_eq!(wrong, 0, "items that were not delivered exactly once");
    let stats = queue.stats();
    let waiting = (stats.waiting_getters, stats.waiting_putters, stats.waiting_joiners);
    assert_eq!((stats.used, stats.unfinished, waiting), (0, 0, (0, 0, 0)), "{stats:?}");
}

async fn cancel(task: Task<()>) {
    if let Err(error) = task.cancel().await {
        assert!(error.is_cancelled(), "{error}");
    }
}

/// However a queue is ended in the middle of everything, each item is somewhere.
pub async fn nothing_is_lost_in_a_hard_end(mut random: Random) {
    let queue = Queue::bounded(random.between(1, 128));
    let ledger = Ledger::new(10_000);
    let puts: Vec<Task<()>> = (0..random.between(1, 4))
        .map(|name| {
            spawn(produce_until_shut(queue.producer(), ledger.clone(), name, random.split()))
        })
        .collect();
    let gets: Vec<Task<()>> = (0..random.between(1, 4))
        .map(|_| spawn(consume(queue.consumer(), true, random.split())))
        .collect();
    for _ in 0..random.below(10) {
        random.pause().await;
    }
    match random.below(3) {
        0 => drop(queue.shutdown_now()),
        1 => queue.shutdown(),
        _ => {
            for get in &gets {
                get.abort(); // with the last consumer the queue ends
            }
        }
    }
    drop(queue);
    for task in puts.into_iter().chain(gets) {
        if let Err(error) = task.await {
            assert!(error.is_cancelled(), "{error}");
        }
    }
    let made = ledger.made.load(SeqCst).min(ledger.delivered.len());
    let delivered: usize = ledger.delivered.iter().map(|count| count.load(SeqCst)).sum();
    let returned = ledger.returned.lock().len();
    assert_eq!(made, delivered + returned, "items are lost");
}

async fn produce_until_shut(
    queue: Producer<Item>,
    ledger: Arc<Ledger>,
    name: usize,
    mut random: Random,
) {
    let mut serial = 0;
    while !queue.is_shut_down()
        && let Some(item) = ledger.next((name, serial))
    {
        serial += 1;
        put(&queue, item, &mut random).await;
    }
}
