//! Gathering and shielding.
