//! Groups
