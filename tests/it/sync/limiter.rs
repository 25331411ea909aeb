//! Limiters and bounded semaphores.
