//! How futures, guards and handles are shown, without asking of what they pass on that it can be shown:
//! a derived form would.

/// Shows values of a type by some of what `$this` has.
macro_rules! shown {
    ($([$($parameter:tt)*] $Type:ident[$($argument:tt)*] |$this:ident| {
        $($name:ident: $value:expr),*
    })+) => {$(
        impl<$($parameter)*> std::fmt::Debug for $Type<$($argument)*> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $this = self;
                let mut text = f.debug_struct(stringify!($Type));
                $(text.field(stringify!($name), &$value);)*
                text.finish_non_exhaustive()
            }
        }
    )+};
}

/// Shows futures by their places in line.
macro_rules! shown_by_place {
    ($([$($parameter:tt)*] $Future:ident[$($argument:tt)*])+) => {
        $crate::shown::shown!($([$($parameter)*] $Future[$($argument)*] |this| {
            waiter: this.place.waiter
        })+);
    };
}

pub(crate) use {shown, shown_by_place};
