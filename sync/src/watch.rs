//! A value that changes, and those who want its latest state.
