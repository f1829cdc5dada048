//! What an operation does, by name.

use std::fmt;
use std::sync::Arc;

macro_rules! functions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// The function of an operation: what the client asked the database to do.
        ///
        /// The named ones are those that workloads draw and checkers know; any other (from an imported history, or a
        /// client in another language) is kept by its name.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum F {
            $($(#[$doc])* $variant,)+
            /// A function known by its name only.
            Other(Arc<str>),
        }

        impl F {
            /// The name used in files and reports.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for F {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    other => Self::Other(Arc::from(other)),
                }
            }
        }
    };
}

functions! {
    /// Read a key, or a whole object. The result is the value.
    Read = "read",
    /// Set a key to a value.
    Write = "write",
    /// Compare and set: the value is the list `[expected, new]`.
    Cas = "cas",
    /// A transaction: a list of micro-operations `[name, key, value]`.
    Txn = "txn",
    /// Add an element to a set, or an amount to a counter.
    Add = "add",
    /// Remove an element from a set.
    Remove = "remove",
    /// Append a value to a log.
    Append = "append",
    /// Put a value at the end of a queue.
    Enqueue = "enqueue",
    /// Take a value from the front of a queue.
    Dequeue = "dequeue",
    /// Take all that is left in a queue.
    Drain = "drain",
    /// Put a value on a stack.
    Push = "push",
    /// Take the newest value of a stack.
    Pop = "pop",
    /// Take a lock.
    Acquire = "acquire",
    /// Give a lock back.
    Release = "release",
    /// Move an amount between accounts.
    Transfer = "transfer",
    /// Draw an identifier.
    Generate = "generate",
    /// The nemesis injects a fault.
    Inject = "inject",
    /// The nemesis heals a fault.
    Heal = "heal",
    /// The run enters a phase.
    Phase = "phase",
}

impl fmt::Display for F {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in ["read", "cas", "drain", "inject", "fsync-everything"] {
            assert_eq!(F::from(name).name(), name);
        }
        assert_eq!(F::from("write"), F::Write);
        assert_eq!(F::from("Write"), F::Other(Arc::from("Write")));
    }
}
