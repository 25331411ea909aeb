//! Tokens that ask for an end, in a tree.
