//! A group of tasks that is never outlived by one of them.
