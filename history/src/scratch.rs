//! Memory that a reader uses again for each event.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::Value;

/// Memory that a reader uses again for each event, and the texts it saw lately.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) items: Vec<Value>,
    pub(crate) parts: Vec<(Arc<str>, Value)>,
    pub(crate) texts: Texts,
    /// Where the elements of a list end in its text.
    pub(crate) ends: Vec<u32>,
}

/// Shares equal short texts that stand near each other: function names, nodes, error messages.
pub(crate) struct Texts(Box<[Option<Arc<str>>]>);

impl Texts {
    const SLOTS: usize = 512;
    const LONGEST: usize = 128;

    /// The text, shared with an equal one if that was seen lately.
    pub(crate) fn share(&mut self, text: &str) -> Arc<str> {
        if text.len() > Self::LONGEST {
            return Arc::from(text);
        }
        let mut hasher = FxHasher::default();
        text.hash(&mut hasher);
        let slot = &mut self.0[hasher.finish() as usize % Self::SLOTS];
        match slot {
            Some(known) if **known == *text => Arc::clone(known),
            _ => {
                let new: Arc<str> = Arc::from(text);
                *slot = Some(Arc::clone(&new));
                new
            }
        }
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self(vec![None; Self::SLOTS].into())
    }
}
