//! Functions and nodes by the numbers that they have in a history.

use std::sync::Arc;

use super::Builder;
use crate::{F, Malformed};

/// How many nodes are looked at one after the other.
const FEW: usize = 16;

/// Stands in the column of nodes where none is known.
pub(crate) const NO_NODE: u16 = u16::MAX;

impl Builder {
    /// The number of a function that was invoked before.
    pub(crate) fn known_function(&self, name: &[u8]) -> Option<u8> {
        // Few and short: looking is faster than hashing.
        let functions = &self.history.functions;
        let place = functions
            .iter()
            .position(|known| known.name().as_bytes() == name)?;
        Some(place as u8)
    }

    /// The function with this number.
    pub(crate) fn function(&self, number: u8) -> &F {
        &self.history.functions[usize::from(number)]
    }

    /// The number of one of the first nodes.
    pub(crate) fn known_node(&self, name: &[u8]) -> Option<u16> {
        let nodes = &self.history.node_names;
        let place = nodes
            .iter()
            .take(FEW)
            .position(|known| known.as_bytes() == name)?;
        Some(place as u16)
    }

    pub(super) fn function_number(&mut self, f: F) -> Result<u8, Malformed> {
        if let Some(number) = self.known_function(f.name().as_bytes()) {
            return Ok(number);
        }
        let functions = &mut self.history.functions;
        let number = u8::try_from(functions.len()).map_err(|_| Malformed::TooMany {
            what: "functions",
            limit: 256,
        })?;
        functions.push(f);
        Ok(number)
    }

    pub(super) fn node_number(&mut self, node: Option<Arc<str>>) -> Result<u16, Malformed> {
        let Some(node) = node else {
            return Ok(NO_NODE);
        };
        // A cluster has few nodes, and who reads or records events shares their names.
        let mut first = self.history.node_names.iter().take(FEW);
        if let Some(number) = first.position(|known| Arc::ptr_eq(known, &node)) {
            return Ok(number as u16);
        }
        if let Some(&number) = self.node_numbers.get(&node) {
            return Ok(number);
        }
        let limit = usize::from(NO_NODE);
        if self.history.node_names.len() >= limit {
            return Err(Malformed::TooMany {
                what: "nodes",
                limit,
            });
        }
        let number = self.history.node_names.len() as u16;
        self.history.node_names.push(Arc::clone(&node));
        self.node_numbers.insert(node, number);
        Ok(number)
    }
}
