//! A cluster in virtual time, and its stores, good and broken.
