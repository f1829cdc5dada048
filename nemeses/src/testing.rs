//! What the tests of this crate share.

use std::sync::Arc;

/// The nodes n1 to nN.
pub(crate) fn nodes(n: usize) -> Vec<Arc<str>> {
    (1..=n).map(|i| format!("n{i}").into()).collect()
}
