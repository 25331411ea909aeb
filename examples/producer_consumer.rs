//! Five producers and two consumers around a queue with room for three.
//!
//! ```text
//! WINDLASS_WORKERS=1 cargo run --release --example producer_consumer     # exactly as below
//! cargo run --release --example producer_consumer                        # in any order
//! cargo run --release --example producer_consumer -- --shutdown          # no task is cancelled
//! cargo run --release --example producer_consumer -- --fail 1            # a consumer panics
//! cargo run --release --example producer_consumer -- --consumers 0       # nobody is there
//! ```
//!
//! With one worker it prints:
//!
//! ```text
//! Produced: 0         the queue has room for three, and a put that has room does not wait
//! Produced: 1
//! Produced: 2
//! Consumed: 0         nor does a get that finds an item: one consumer takes all three,
//! Consumed: 1         and each place that becomes free belongs to the producer who has waited
//! Consumed: 2         longest, who has been woken and has yet to run
//! Produced: 3         the producers put their items themselves,
//! Produced: 4
//! Consumed: 3
//! Consumed: 4
//! ```
//!
//! With several workers each line is there once. A line is printed after what it tells, so
//! "Consumed: 3" may come before "Produced: 3".
//!
//! What can go wrong:
//! - A consumer fails after it has taken an item: the item is a `Job`, which is marked as done when
//!   it is dropped, so `join` does not wait for it for ever. The other consumer takes the rest, and
//!   the program ends with status 1.
//! - No consumer is left: consumers and producers hold different handles of the queue. When the last
//!   consumer's handle goes, the queue ends, and a producer gets its item back as an error instead of
//!   waiting for ever. The program ends with status 1.

use std::error::Error;
use std::io;

use windlass::spawn;
use windlass::sync::{Consumer, Producer, Queue};
use windlass::task::try_gather;

/// What the command line says.
struct Options {
    consumers: usize,
    /// At which item a consumer is to panic.
    fail: Option<usize>,
    /// End the queue and let the consumers end by themselves, instead of cancelling them.
    shutdown: bool,
}

#[windlass::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Options { consumers, fail, shutdown } = options()?;
    let (producer, consumer) = Queue::bounded(3).split();
    let producers = (0..5).map(|item| spawn(produce(producer.clone(), item)));
    let producers: Vec<_> = producers.collect();
    let consumers = (0..consumers).map(|_| spawn(consume(consumer.clone(), fail)));
    let consumers: Vec<_> = consumers.collect();
    drop(consumer); // who waits for consumers must not be one

    try_gather(producers).await?;
    producer.join().await; // everything that was produced has been consumed
    if shutdown {
        producer.shutdown();
    }
    for consumer in consumers {
        if shutdown || consumer.is_finished() {
            consumer.await?;
        } // else it waits for items, and is dropped, which cancels it
    }
    Ok(())
}

async fn produce(queue: Producer<usize>, item: usize) -> io::Result<()> {
    let put = queue.put(item).await;
    put.map_err(|closed| io::Error::other(format!("item {item} was not put: {closed}")))?;
    println!("Produced: {item}");
    Ok(())
}

/// Takes what there is, until the queue ends.
async fn consume(queue: Consumer<usize>, fail: Option<usize>) {
    while let Ok(job) = queue.get_job().await {
        assert!(fail != Some(*job), "the consumer was told to fail at item {}", *job);
        println!("Consumed: {}", *job);
        job.done(); // dropping it is the same
    }
}

fn options() -> io::Result<Options> {
    let mut options = Options { consumers: 2, fail: None, shutdown: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        match &*name {
            "--consumers" => options.consumers = number(&name, arguments.next())?,
            "--fail" => options.fail = Some(number(&name, arguments.next())?),
            "--shutdown" => options.shutdown = true,
            _ => return Err(io::Error::other(format!("there is no option {name}"))),
        }
    }
    Ok(options)
}

fn number(name: &str, value: Option<String>) -> io::Result<usize> {
    let value = value.unwrap_or_default();
    value.parse().map_err(|_| io::Error::other(format!("{name} does not take {value:?}")))
}
