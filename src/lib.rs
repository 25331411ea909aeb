//! windlass
#![forbid(unsafe_code)]
