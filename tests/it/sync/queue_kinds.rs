//! What the three kinds of queue have in common, and their orders.
