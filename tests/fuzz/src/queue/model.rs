//! The rules of the queues as plain lists, slow and obvious.

use std::collections::BTreeMap;

use windlass_sync::error::{TryGetError, TryPutError};
use windlass_sync::queue::Stats;

/// Which item is next.
#[derive(Clone, Copy, Debug, Default)]
pub enum Order {
    #[default]
    Oldest,
    Newest,
    Smallest,
}

/// What a future asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Put(u32),
    Slot,
    Item,
    Job,
    Join,
}

/// What it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    Put(Result<(), u32>),
    Slot(bool),
    Item(Option<u32>),
    Joined,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Granted,
    Refused,
}

/// Those who stand in one line, in the order they came; by number.
type Line = Vec<(usize, Phase)>;

/// The state of a queue.
#[derive(Default)]
pub struct Model {
    order: Order,
    capacity: usize,
    /// In the order of their puts.
    items: Vec<u32>,
    slots: usize,
    unfinished: usize,
    jobs: usize,
    high_water: usize,
    putters: Line,
    getters: Line,
    joiners: Line,
    producers: usize,
    consumers: usize,
    shut: bool,
    asked: BTreeMap<usize, Asked>,
    wakes: BTreeMap<usize, usize>,
}

fn count(line: &Line, phase: Phase) -> usize {
    line.iter().filter(|waiter| waiter.1 == phase).count()
}

fn phase(line: &Line, number: usize) -> Option<Phase> {
    line.iter().find(|waiter| waiter.0 == number).map(|waiter| waiter.1)
}

impl Model {
    /// A queue with one handle of each kind.
    pub fn new(order: Order, capacity: usize) -> Model {
        Model { order, capacity, producers: 1, consumers: 1, ..Model::default() }
    }

    pub fn begin(&mut self, number: usize, asked: Asked) {
        self.asked.insert(number, asked);
        self.wakes.insert(number, 0);
    }

    pub fn wakes(&self, number: usize) -> usize {
        self.wakes[&number]
    }

    /// What a poll of it gives; `None` if it waits. One that is ready gives its handle back.
    pub fn poll(&mut self, number: usize) -> Option<Got> {
        let asked = self.asked[&number];
        let got = match asked {
            Asked::Put(item) => self.poll_place(number).map(|has_place| {
                if has_place {
                    self.fill(item);
                }
                Got::Put(if has_place { Ok(()) } else { Err(item) })
            }),
            Asked::Slot => self.poll_place(number).map(|has_place| {
                self.producers += usize::from(has_place);
                Got::Slot(has_place)
            }),
            Asked::Item => self.poll_item(number).map(Got::Item),
            Asked::Job => self.poll_item(number).map(|item| {
                self.jobs += usize::from(item.is_some());
                Got::Item(item)
            }),
            Asked::Join => {
                let is_told = phase(&self.joiners, number) == Some(Phase::Granted);
                if self.unfinished > 0 && !is_told {
                    stand(&mut self.joiners, number);
                    None
                } else {
                    self.joiners.retain(|waiter| waiter.0 != number);
                    Some(Got::Joined)
                }
            }
        }?;
        self.forget(number, asked);
        Some(got)
    }

    /// Drops a future that waits.
    pub fn drop_future(&mut self, number: usize) {
        for line in [&mut self.putters, &mut self.getters, &mut self.joiners] {
            line.retain(|waiter| waiter.0 != number);
        }
        self.serve();
        self.forget(number, self.asked[&number]);
    }

    pub fn try_put(&mut self, item: u32) -> Result<(), TryPutError<u32>> {
        match self.reserve() {
            Ok(()) => {
                self.fill(item);
                Ok(())
            }
            Err(TryPutError::Full(())) => Err(TryPutError::Full(item)),
            Err(TryPutError::ShutDown(())) => Err(TryPutError::ShutDown(item)),
        }
    }

    pub fn try_reserve(&mut self) -> Result<(), TryPutError<()>> {
        self.reserve()?;
        self.producers += 1;
        Ok(())
    }

    pub fn try_get(&mut self) -> Result<u32, TryGetError> {
        if self.items.is_empty() && self.shut {
            return Err(TryGetError::ShutDown);
        }
        if self.items.len() <= count(&self.getters, Phase::Granted) {
            return Err(TryGetError::Empty);
        }
        Ok(self.take())
    }

    pub fn try_get_job(&mut self) -> Result<u32, TryGetError> {
        let item = self.try_get()?;
        self.jobs += 1;
        Ok(item)
    }

    pub fn fill_slot(&mut self, item: u32) -> Result<(), u32> {
        let shut = self.shut;
        if shut {
            self.slots -= 1;
            self.serve();
        } else {
            self.fill(item);
        }
        self.count_out(true, false);
        if shut { Err(item) } else { Ok(()) }
    }

    pub fn drop_slot(&mut self) {
        self.slots -= 1;
        self.serve();
        self.count_out(true, false);
    }

    pub fn end_job(&mut self) {
        self.jobs -= 1;
        self.finish(1);
    }

    /// False if all are done already.
    pub fn task_done(&mut self) -> bool {
        let is_one_left = self.unfinished > 0;
        if is_one_left {
            self.finish(1);
        }
        is_one_left
    }

    pub fn shutdown(&mut self) {
        self.shut = true;
        self.serve();
    }

    /// What was inside, in the order of the queue.
    pub fn shutdown_now(&mut self) -> Vec<u32> {
        let items = std::iter::from_fn(|| self.pop()).collect::<Vec<_>>();
        self.finish(items.len());
        self.shutdown();
        items
    }

    pub fn count_in(&mut self, puts: bool, gets: bool) {
        self.producers += usize::from(puts);
        self.consumers += usize::from(gets);
    }

    pub fn count_out(&mut self, puts: bool, gets: bool) {
        self.producers -= usize::from(puts);
        self.consumers -= usize::from(gets);
        if gets && self.consumers == 0 {
            self.shutdown_now();
            self.finish(self.unfinished.saturating_sub(self.jobs));
        } else if puts && self.producers == 0 {
            self.shutdown();
        }
    }

    pub fn stats(&self) -> Stats {
        Stats {
            capacity: (self.capacity < usize::MAX).then_some(self.capacity),
            len: self.items.len(),
            kept: count(&self.getters, Phase::Granted).min(self.items.len()),
            used: self.used(),
            high_water: self.high_water,
            unfinished: self.unfinished,
            waiting_getters: count(&self.getters, Phase::Waiting),
            waiting_putters: count(&self.putters, Phase::Waiting),
            waiting_joiners: count(&self.joiners, Phase::Waiting),
            producers: self.producers,
            consumers: self.consumers,
            is_shut_down: self.shut,
        }
    }

    /// A future has ended or is dropped, and its handle with it.
    fn forget(&mut self, number: usize, asked: Asked) {
        self.asked.remove(&number);
        self.wakes.remove(&number);
        let puts = matches!(asked, Asked::Put(_) | Asked::Slot);
        self.count_out(puts, !puts);
    }

    fn poll_place(&mut self, number: usize) -> Option<bool> {
        let is_granted = phase(&self.putters, number) == Some(Phase::Granted);
        let former = self.putters.clone();
        self.putters.retain(|waiter| waiter.0 != number);
        if is_granted && !self.shut {
            self.slots += 1;
            return Some(true);
        }
        match self.reserve() {
            Ok(()) => Some(true),
            Err(TryPutError::ShutDown(())) => Some(false),
            Err(TryPutError::Full(())) => {
                self.putters = former;
                stand(&mut self.putters, number);
                None
            }
        }
    }

    fn poll_item(&mut self, number: usize) -> Option<Option<u32>> {
        let is_granted = phase(&self.getters, number) == Some(Phase::Granted);
        let former = self.getters.clone();
        self.getters.retain(|waiter| waiter.0 != number);
        if is_granted && !self.items.is_empty() {
            return Some(Some(self.take()));
        }
        match self.try_get() {
            Ok(item) => Some(Some(item)),
            Err(TryGetError::ShutDown) => Some(None),
            Err(TryGetError::Empty) => {
                self.getters = former;
                stand(&mut self.getters, number);
                None
            }
        }
    }

    fn reserve(&mut self) -> Result<(), TryPutError<()>> {
        if self.shut {
            return Err(TryPutError::ShutDown(()));
        }
        if self.used() >= self.capacity {
            return Err(TryPutError::Full(()));
        }
        self.slots += 1;
        Ok(())
    }

    fn used(&self) -> usize {
        self.items.len() + self.slots + count(&self.putters, Phase::Granted)
    }

    /// An item into the place of a slot.
    fn fill(&mut self, item: u32) {
        self.slots -= 1;
        self.unfinished += 1;
        self.items.push(item);
        self.high_water = self.high_water.max(self.items.len());
        self.serve();
    }

    fn take(&mut self) -> u32 {
        let item = self.pop().expect("there is one");
        self.serve();
        item
    }

    fn pop(&mut self) -> Option<u32> {
        let at = match self.order {
            Order::Oldest => 0,
            Order::Newest => self.items.len().checked_sub(1)?,
            Order::Smallest => {
                let smallest = self.items.iter().enumerate().min_by_key(|(at, item)| (*item, *at));
                smallest?.0
            }
        };
        (at < self.items.len()).then(|| self.items.remove(at))
    }

    fn finish(&mut self, items: usize) {
        self.unfinished = self.unfinished.saturating_sub(items);
        if self.unfinished == 0 {
            tell(&mut self.joiners, Phase::Granted, usize::MAX, &mut self.wakes);
        }
    }

    /// What is free goes to those who wait, and who waits in vain is sent away.
    fn serve(&mut self) {
        let free = self.items.len().saturating_sub(count(&self.getters, Phase::Granted));
        tell(&mut self.getters, Phase::Granted, free, &mut self.wakes);
        if self.shut {
            tell(&mut self.putters, Phase::Refused, usize::MAX, &mut self.wakes);
            if self.items.is_empty() {
                tell(&mut self.getters, Phase::Refused, usize::MAX, &mut self.wakes);
            }
            return;
        }
        let free = self.capacity.saturating_sub(self.used());
        tell(&mut self.putters, Phase::Granted, free, &mut self.wakes);
    }
}

/// Stands in line from now on, if it does not yet.
fn stand(line: &mut Line, number: usize) {
    if phase(line, number).is_none() {
        line.push((number, Phase::Waiting));
    }
}

/// Tells the first so many who wait, and wakes them.
fn tell(line: &mut Line, now: Phase, most: usize, wakes: &mut BTreeMap<usize, usize>) {
    for (number, phase) in line.iter_mut().filter(|waiter| waiter.1 == Phase::Waiting).take(most) {
        *phase = now;
        *wakes.entry(*number).or_default() += 1;
    }
}
