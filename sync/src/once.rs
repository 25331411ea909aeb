//! A value that is made once, by the first who needs it.
