//! Atomic integers, pointers and fences.

use std::panic::Location;

use super::interleaving;
use super::trace::{Kind, Object, Step, Value};
pub use loom::sync::atomic::Ordering;

/// Orders what comes before it against what comes after it.
#[track_caller]
pub fn fence(order: Ordering) {
    let mut fences = Step::new(Location::caller(), Object::NOTHING, "fence");
    fences.order = Some(order);
    fences.run(|| loom::sync::atomic::fence(order), |_, ()| ());
}

/// How an atomic's content is shown.
trait Shown: Copy {
    fn shown(self) -> Value;
}

impl Shown for bool {
    fn shown(self) -> Value {
        Value::Flag(self)
    }
}

impl Shown for u16 {
    fn shown(self) -> Value {
        Value::Number(self.into())
    }
}

impl Shown for u32 {
    fn shown(self) -> Value {
        Value::Number(self.into())
    }
}

impl Shown for u64 {
    fn shown(self) -> Value {
        Value::Number(self)
    }
}

impl Shown for usize {
    fn shown(self) -> Value {
        Value::Number(self as u64)
    }
}

impl<T> Shown for *mut T {
    fn shown(self) -> Value {
        Value::Address(self.addr())
    }
}

/// One operation on an atomic.
struct Access {
    at: &'static Location<'static>,
    object: Object,
    order: Ordering,
}

impl Access {
    fn step(&self, what: &'static str) -> Step {
        Step { order: Some(self.order), ..Step::new(self.at, self.object, what) }
    }

    fn load<T: Shown>(&self, act: impl FnOnce() -> T) -> T {
        self.step("load").run(act, |step, seen| step.read = Some(seen.shown()))
    }

    fn store<T: Shown>(&self, value: T, act: impl FnOnce()) {
        let mut store = self.step("store");
        store.wrote = Some(value.shown());
        store.run(act, |_, ()| ());
    }

    /// A read-modify-write that always writes.
    fn change<T: Shown>(
        &self,
        what: &'static str,
        becomes: impl FnOnce(T) -> T,
        act: impl FnOnce() -> T,
    ) -> T {
        self.step(what).run(act, |step, seen| {
            step.read = Some(seen.shown());
            step.wrote = Some(becomes(*seen).shown());
        })
    }

    /// One that writes only if it finds what it expects; `failure` is its ordering otherwise.
    fn exchange<T: Shown>(
        &self,
        new: T,
        failure: Ordering,
        act: impl FnOnce() -> Result<T, T>,
    ) -> Result<T, T> {
        self.step("exchange").run(act, |step, result| match result {
            Ok(seen) => (step.read, step.wrote) = (Some(seen.shown()), Some(new.shown())),
            Err(seen) => {
                (step.what, step.order) = ("exchange failed,", Some(failure));
                step.read = Some(seen.shown());
            }
        })
    }
}

macro_rules! atomic {
    ($(#[$doc:meta])* $name:ident $(<$parameter:ident>)?, $value:ty, |$inner:ident, $order:ident| $load:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name $(<$parameter>)? {
            inner: loom::sync::atomic::$name $(<$parameter>)?,
            object: Object,
        }

        #[allow(missing_docs)]
        impl $(<$parameter>)? $name $(<$parameter>)? {
            #[track_caller]
            pub fn new(value: $value) -> Self {
                let inner = loom::sync::atomic::$name::new(value);
                Self { inner, object: Object::new(Kind::Atomic) }
            }
            #[track_caller]
            fn access(&self, order: Ordering) -> Access {
                Access { at: Location::caller(), object: self.object, order }
            }
            #[track_caller]
            pub fn load(&self, $order: Ordering) -> $value {
                let $inner = &self.inner;
                self.access($order).load(|| if interleaving() { $load } else { $inner.load($order) })
            }
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                self.access(order).store(value, || {
                    if interleaving() {
                        self.inner.swap(value, order);
                    } else {
                        self.inner.store(value, order);
                    }
                });
            }
            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.access(order).change("swap", |_| value, || self.inner.swap(value, order))
            }
            #[track_caller]
            pub fn compare_exchange(
                &self, current: $value, new: $value, success: Ordering, failure: Ordering,
            ) -> Result<$value, $value> {
                let exchange = || self.inner.compare_exchange(current, new, success, failure);
                self.access(success).exchange(new, failure, exchange)
            }
            #[track_caller]
            pub fn compare_exchange_weak(
                &self, current: $value, new: $value, success: Ordering, failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }
        }
    };
}

macro_rules! change {
    ($name:ident, $value:ty, $method:ident, $becomes:expr) => {
        #[allow(missing_docs)]
        impl $name {
            #[track_caller]
            pub fn $method(&self, value: $value, order: Ordering) -> $value {
                let becomes = |seen: $value| $becomes(seen, value);
                let change = || self.inner.$method(value, order);
                self.access(order).change(stringify!($method), becomes, change)
            }
        }
    };
}

macro_rules! bits {
    ($(#[$doc:meta])* $name:ident, $value:ty) => {
        atomic!($(#[$doc])* $name, $value, |word, order| word.fetch_or(Default::default(), order));
        change!($name, $value, fetch_or, |seen, bits| seen | bits);
        change!($name, $value, fetch_and, |seen, bits| seen & bits);

        impl Default for $name {
            fn default() -> Self {
                Self::new(Default::default())
            }
        }
    };
}

macro_rules! integer {
    ($(#[$doc:meta])* $name:ident, $value:ident) => {
        bits!($(#[$doc])* $name, $value);
        change!($name, $value, fetch_add, $value::wrapping_add);
        change!($name, $value, fetch_sub, $value::wrapping_sub);
        change!($name, $value, fetch_max, $value::max);
        change!($name, $value, fetch_min, $value::min);
    };
}

bits!(/// A flag.
    AtomicBool, bool);
integer!(/// A 16-bit word.
    AtomicU16, u16);
integer!(/// A 32-bit word.
    AtomicU32, u32);
integer!(/// A 64-bit word.
    AtomicU64, u64);
integer!(/// A pointer-sized word.
    AtomicUsize, usize);
atomic!(/// A pointer.
    AtomicPtr<T>, *mut T, |word, order| {
    let nothing = std::ptr::null_mut();
    match word.compare_exchange(nothing, nothing, order, Ordering::Relaxed) {
        Ok(seen) | Err(seen) => seen,
    }
});
