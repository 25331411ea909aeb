//! A channel in which every receiver gets every value.
