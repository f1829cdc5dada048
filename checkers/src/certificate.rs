//! What shows that a valid verdict is right, in a form that anybody can check.

mod serial;

use rustc_hash::FxHashMap;
use schism_history::{F, History, KeyId, OpId, Outcome, Time, Value};
use serde::Serialize;

use crate::Level;

/// A proof that a history keeps a promise: an order of its operations that explains what each of them found.
///
/// [`verify`](Certificate::verify) looks at nothing but the order and the history. It shares no code with the checkers
/// that find orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certificate {
    /// Linearizability of registers: for each key, the order in which its operations took effect.
    Linearization(Vec<Linearization>),
    /// Serializability of transactions on lists, on registers and by predicate: one order of them all.
    SerialOrder(SerialOrder),
}

/// One order of all transactions: run in it one after the other, each finds what it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SerialOrder {
    /// What it shows: [`Level::Serializable`], [`Level::StrongSessionSerializable`] if it respects the order of each
    /// session, or [`Level::StrictSerializable`] if it respects real time too.
    pub level: Level,
    /// Every transaction that succeeded, and those of unknown outcome that took effect.
    pub order: Vec<OpId>,
}

/// The order of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Linearization {
    /// Its key.
    pub key: Value,
    /// Every operation that succeeded, and those of unknown outcome that took effect, in the order in which they did.
    /// Reads of unknown outcome are left out.
    pub order: Vec<OpId>,
}

/// Why a certificate proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// An operation is not one of this key, or surely did not happen.
    #[error("{operation} has no place in the order of key {key}")]
    Foreign {
        /// The operation.
        operation: OpId,
        /// The key.
        key: Value,
    },
    /// An operation stands in it twice.
    #[error("{operation} stands in the order twice")]
    Twice {
        /// The operation.
        operation: OpId,
    },
    /// An operation that succeeded is missing.
    #[error("{operation} succeeded, and is missing")]
    Missing {
        /// The operation.
        operation: OpId,
    },
    /// An operation had returned before one that stands in front of it was invoked.
    #[error("{operation} returned before {before}, which stands in front of it, was invoked")]
    OutOfTime {
        /// The operation.
        operation: OpId,
        /// The one in front of it.
        before: OpId,
    },
    /// At its place in the order, an operation would have found something else.
    #[error("{operation} would have found {held}")]
    Unexplained {
        /// The operation.
        operation: OpId,
        /// What it would have found.
        held: Value,
    },
    /// It surely did not happen, or is no transaction.
    #[error("{operation} did not happen, or is no transaction")]
    Stranger {
        /// The operation.
        operation: OpId,
    },
    /// It has steps whose meaning is not known.
    #[error("what {operation} did cannot be understood")]
    NotUnderstood {
        /// The operation.
        operation: OpId,
    },
    /// At its place in the order, a transaction would have read something else.
    #[error("{operation} would have read something else of {key}")]
    OtherRead {
        /// The transaction.
        operation: OpId,
        /// Of which key, or by which predicate.
        key: Value,
    },
    /// Two transactions of a session stand in the opposite order.
    #[error("{before} stands in front of {operation}, which its session sent before")]
    OutOfSession {
        /// The one that was sent first.
        operation: OpId,
        /// The one in front of it.
        before: OpId,
    },
}

impl Certificate {
    /// Whether it proves what it says about this history. O(operations), for transactions O(steps + elements read); and
    /// where transactions read by predicate, O(predicates) for each write.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn verify(&self, history: &History) -> Result<(), Unproven> {
        match self {
            Self::Linearization(objects) => verify_registers(history, objects),
            Self::SerialOrder(order) => serial::verify(history, order),
        }
    }
}

fn verify_registers(history: &History, objects: &[Linearization]) -> Result<(), Unproven> {
    let mut placed = vec![false; history.len()];
    for object in objects {
        let mut held = &Value::Nil;
        let mut latest: Option<(Time, OpId)> = None;
        for &id in &object.order {
            let foreign = || Unproven::Foreign {
                operation: id,
                key: object.key.clone(),
            };
            if id.index() >= history.len() {
                return Err(foreign());
            }
            let op = history.operation(id);
            if *op.key() != object.key || op.outcome == Outcome::Fail {
                return Err(foreign());
            }
            if std::mem::replace(&mut placed[id.index()], true) {
                return Err(Unproven::Twice { operation: id });
            }
            if let Some((invoked, before)) = latest
                && op.end() < invoked
            {
                return Err(Unproven::OutOfTime {
                    operation: id,
                    before,
                });
            }
            if latest.is_none_or(|(invoked, _)| invoked < op.invoked) {
                latest = Some((op.invoked, id));
            }
            let refused = op.outcome == Outcome::Ok && *op.output() == Value::Bool(false);
            let next = match (op.f(), op.input().as_pair()) {
                (F::Read, _) if op.outcome == Outcome::Ok => (op.output() == held).then_some(held),
                (F::Write, _) => Some(op.input()),
                (F::Cas, Some((old, _))) if refused => (old != held).then_some(held),
                (F::Cas, Some((old, new))) => (old == held).then_some(new),
                _ => return Err(foreign()),
            };
            held = next.ok_or_else(|| Unproven::Unexplained {
                operation: id,
                held: held.clone(),
            })?;
        }
    }
    // Keys with anything but register operations are no registers: nothing is claimed about them.
    // In a history of sets, a key that is only read is a set.
    let adds = history.functions().contains(&F::Add);
    let mut is_register: FxHashMap<KeyId, (bool, bool)> = FxHashMap::default();
    for op in history.operations() {
        let (fits, written) = is_register.entry(op.key_id).or_insert((true, !adds));
        *fits &= matches!(op.f(), F::Read | F::Write | F::Cas);
        *written |= *op.f() != F::Read;
    }
    let missing = history.operations().find(|op| {
        op.outcome == Outcome::Ok
            && !placed[op.id.index()]
            && is_register[&op.key_id] == (true, true)
    });
    match missing {
        Some(op) => Err(Unproven::Missing { operation: op.id }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schism_history::testing;

    const SERIAL: &str = "
        0 |txn nil [[append,x,1],[append,y,1],[w,z,1]]|
        1 |txn nil [] -> [[r,x,[1]],[append,x,2]]|
        2 |txn nil [[append,x,3]] ?
        0                                                            |txn nil [] -> [[r,y,[1]],[r,x,[1,2]],[r,z,1],[r,u,nil]]|
        3                                                            |txn nil [] -> [[r,z,1],[p,{prefix:z},[[z,1]]]]|
        ";

    fn serial(level: Level, drawing: &str, order: &[u32]) -> Result<(), Unproven> {
        let order = order.iter().map(|&id| OpId(id)).collect();
        Certificate::SerialOrder(SerialOrder { level, order }).verify(&testing::history(drawing))
    }

    #[test]
    fn a_serial_order_is_run() {
        let verify = |order: &[u32]| serial(Level::StrictSerializable, SERIAL, order);
        assert_eq!(verify(&[0, 1, 3, 4]), Ok(()));
        assert_eq!(verify(&[0, 1, 3, 4, 2]), Ok(()), "it may have happened");
        let [zero, one, three, four, nine] = [0, 1, 3, 4, 9].map(OpId);
        let other = |operation, key: &str| {
            Err(Unproven::OtherRead {
                operation,
                key: key.into(),
            })
        };
        assert_eq!(
            verify(&[0, 1, 4]),
            Err(Unproven::Missing { operation: three })
        );
        assert_eq!(
            verify(&[0, 1, 3, 4, 0]),
            Err(Unproven::Twice { operation: zero })
        );
        assert_eq!(verify(&[9]), Err(Unproven::Stranger { operation: nine }));
        assert_eq!(verify(&[1, 0, 3, 4]), other(one, "x"));
        assert_eq!(verify(&[0, 3, 1, 4]), other(three, "x"));
        assert_eq!(verify(&[4, 0, 1, 3]), other(four, "z"));
        let spoiled = SERIAL.replace("[[z,1]]]]", "[]]]");
        let verified = serial(Level::Serializable, &spoiled, &[0, 1, 3, 4]);
        assert!(
            matches!(verified, Err(Unproven::OtherRead { .. })),
            "{verified:?}"
        );
        let spoiled = SERIAL.replace("{prefix:z}", "odd");
        let verified = serial(Level::Serializable, &spoiled, &[0, 1, 3, 4]);
        assert_eq!(verified, Err(Unproven::NotUnderstood { operation: four }));
    }

    #[test]
    fn a_serial_order_keeps_sessions_and_time_where_it_says_so() {
        let stale = "
            0 |txn nil [[w,x,1]]|
            0                      |txn nil [] -> [[r,x,nil]]|
            ";
        let [zero, one] = [0, 1].map(OpId);
        assert_eq!(serial(Level::Serializable, stale, &[1, 0]), Ok(()));
        let out = Unproven::OutOfSession {
            operation: zero,
            before: one,
        };
        assert_eq!(
            serial(Level::StrongSessionSerializable, stale, &[1, 0]),
            Err(out)
        );
        let late = Unproven::OutOfTime {
            operation: zero,
            before: one,
        };
        assert_eq!(serial(Level::StrictSerializable, stale, &[1, 0]), Err(late));
    }

    fn verify(order: &[u32]) -> Result<(), Unproven> {
        let history = testing::history(
            "
            0 |w x 1|
            1          |r x -> 1|
            2          |w x 2 ?
            3                      |r x -> 2|
            4                      |cas x 1 3 -> false|
            5 |w x 3 !|
            ",
        );
        let order = order.iter().map(|&id| OpId(id)).collect();
        let key = Value::from("x");
        Certificate::Linearization(vec![Linearization { key, order }]).verify(&history)
    }

    #[test]
    fn an_order_that_explains_everything_is_a_proof() {
        assert_eq!(verify(&[0, 2, 3, 4, 5]), Ok(()));
    }

    #[test]
    fn what_is_wrong_with_an_order_is_found() {
        let [zero, two, three, five] = [0, 2, 3, 5].map(OpId);
        let foreign = |id| Unproven::Foreign {
            operation: OpId(id),
            key: Value::from("x"),
        };
        assert_eq!(verify(&[1, 0, 2, 3, 4, 5]), Err(foreign(1)), "it failed");
        assert_eq!(verify(&[99]), Err(foreign(99)));
        assert_eq!(verify(&[0, 0]), Err(Unproven::Twice { operation: zero }));
        assert_eq!(
            verify(&[0, 2, 3, 4]),
            Err(Unproven::Missing { operation: five })
        );
        assert_eq!(
            verify(&[3, 0]),
            Err(Unproven::OutOfTime {
                operation: zero,
                before: three
            })
        );
        assert_eq!(
            verify(&[0, 3, 2, 4, 5]),
            Err(Unproven::Unexplained {
                operation: two,
                held: Value::from(2)
            })
        );
    }
}
