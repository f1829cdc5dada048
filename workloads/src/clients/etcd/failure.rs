//! Which of etcd's errors prove that nothing happened.
//!
//! Everything that is not proved below is `info`: it may have happened, or still happen later. The proofs are from the
//! sources of etcd 3.4, 3.5, 3.6 and 3.7. A request passes these stages in order; an error of a stage before the
//! proposal proves that nothing happened, an error behind it does not:
//!
//! 1. *gateway*: the HTTP side of the node finds the method and hands the request to the node's gRPC side;
//! 2. *checks*: interceptors and `check…Request` of the gRPC side;
//! 3. *proposal*: `processInternalRaftRequestOnce` proposes it to Raft and waits, for as long as 7 s;
//! 4. *apply*: once committed, every member carries it out, or refuses it, all alike.

use crate::Failure;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It changes nothing.
    Read,
    /// It may change something.
    Write,
}

/// Why there is no answer to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No connection came about.
    Unsent { class: &'static str, detail: String },
    /// It was sent, or part of it was, and no whole answer came.
    Unanswered { class: &'static str, detail: String },
    /// The answer is an error.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The gRPC code, where the answer has one.
        code: Option<i64>,
        message: String,
    },
    /// The answer is no error, and makes no sense.
    Garbled { detail: String },
}

impl Trouble {
    /// What the operation comes to.
    ///
    /// | what was seen | write | read | why |
    /// |---|---|---|---|
    /// | no connection: refused, unreachable, timed out | fail | fail | no byte of the request left |
    /// | connection closed or reset, answer cut off, not understood | info | fail | it may have arrived |
    /// | code 2 with "raft proposal dropped" | fail | fail | Raft took no notice of it |
    /// | code 3, 9, 11, 12, 5 | fail | fail | refused by a check, before the proposal |
    /// | code 7, 16, 3 with "revision of auth store is old" | fail | fail | refused by a check, or by all members alike |
    /// | code 8 with "too many requests" | fail | fail | refused right before the proposal |
    /// | code 8 with "database space exceeded" | info | fail | **it may be applied and answered so all the same** |
    /// | code 14: no leader, leader changed, timed out, server stopped | info | fail | it may be committed later |
    /// | code 1, 2, 4, 10, 13, 15, or none of the above | info | fail | nothing is known |
    /// | no code, HTTP 404 or 405 | fail | fail | the node has no such method: nothing ran |
    ///
    /// A read that brings no value changes nothing and shows nothing to anyone: no order of the operations is possible
    /// with it and impossible without it, so taking it as never done is always right.
    pub(super) fn failure(&self, effect: Effect) -> Failure {
        let class = self.class();
        let detail = self.detail();
        if self.is_certain() || effect == Effect::Read {
            Failure::fail(class, detail)
        } else {
            Failure::info(class, detail)
        }
    }

    /// Whether it is proved that nothing happened and nothing will.
    #[expect(
        clippy::match_same_arms,
        reason = "each arm stands beside its own proof"
    )]
    fn is_certain(&self) -> bool {
        match self {
            // Without a connection no byte of the request left this process, and the driver is set to never try again.
            Self::Unsent { .. } => true,
            Self::Unanswered { .. } | Self::Garbled { .. } => false,
            Self::Refused {
                status,
                code,
                message,
            } => match code {
                // `node.Propose` waits until the local Raft has taken the proposal or dropped it, and returns this error only
                // in the latter case (no leader known, leadership being moved, too much uncommitted): it was neither put
                // into the log nor sent on. When a remote leader drops it, the answer is a time-out instead.
                Some(2) => message.contains("raft proposal dropped"),
                // INVALID_ARGUMENT: `check…Request` before the proposal, "request is too large" in
                // `processInternalRaftRequestOnce` before it proposes. "revision of auth store is old" comes when it is
                // applied: `authApplierV3` asks first and carries out afterwards.
                Some(3) => true,
                // NOT_FOUND: the gateway has no such method. (Leases and members can be missing too; we use none.)
                Some(5) => true,
                // PERMISSION_DENIED: `authApplierV3` asks for permission before it carries anything out, on every member with
                // the same users and the same request.
                Some(7) => true,
                // RESOURCE_EXHAUSTED. "too many requests" is the first thing that `processInternalRaftRequestOnce` checks.
                // "database space exceeded" is another matter: `quotaApplierV3.Put` and `.Txn` carry the write out, and
                // *then* return this error when it was over the quota.
                Some(8) => message.contains("too many requests"),
                // FAILED_PRECONDITION: for reads, puts and transactions only interceptors return it (the member is a learner,
                // the cluster is not capable), before the request is handled.
                Some(9) => true,
                // OUT_OF_RANGE: a revision to read at is compacted, or is still to come: a range, which changes nothing; a
                // transaction checks all its ranges before it writes.
                Some(11) => true,
                // UNIMPLEMENTED: the gRPC side has no such method.
                Some(12) => true,
                // UNAUTHENTICATED: the token is looked up in `AuthInfoFromCtx`, before the proposal.
                Some(16) => true,
                // 1 CANCELLED, 4 DEADLINE_EXCEEDED, 10 ABORTED, 13 INTERNAL, 14 UNAVAILABLE ("no leader", "leader changed",
                // "request timed out", "server stopped", the gateway lost its gRPC side), 15 DATA_LOSS: the proposal may have
                // been made, and a proposal may be committed as long as any member has it.
                Some(_) => false,
                // No handler for this path (the gateway may be switched off) or this method.
                None => matches!(status, 404 | 405),
            },
        }
    }

    /// What kind of failure, for counting.
    fn class(&self) -> &'static str {
        /// Parts of etcd's messages, the more special ones first.
        const MESSAGES: [(&str, &str); 14] = [
            ("too many requests", "too many requests"),
            ("database space exceeded", "no space"),
            ("no leader", "no leader"),
            ("leader changed", "leader changed"),
            ("server stopped", "server stopped"),
            ("timed out", "timeout"),
            ("deadline exceeded", "timeout"),
            ("unhealthy cluster", "unhealthy"),
            ("corrupt cluster", "corrupt"),
            ("permission denied", "permission denied"),
            ("invalid auth token", "unauthenticated"),
            ("auth store is old", "unauthenticated"),
            ("authentication failed", "unauthenticated"),
            ("raft proposal dropped", "proposal dropped"),
        ];
        match self {
            Self::Unsent { class, .. } | Self::Unanswered { class, .. } => class,
            Self::Garbled { .. } => "bad answer",
            Self::Refused {
                status,
                code,
                message,
            } => MESSAGES
                .iter()
                .find(|(part, _)| message.contains(part))
                .map_or_else(
                    || match (code, status) {
                        (Some(1), _) => "cancelled",
                        (Some(3 | 9 | 11), _) => "invalid request",
                        (Some(4), _) => "timeout",
                        (Some(5 | 12), _) | (None, 404 | 405) => "no such method",
                        (Some(7), _) => "permission denied",
                        (Some(8), _) => "resource exhausted",
                        (Some(14), _) | (None, 503) => "unavailable",
                        (Some(16), _) => "unauthenticated",
                        _ => "server error",
                    },
                    |(_, class)| class,
                ),
        }
    }

    /// What the node or the driver said.
    fn detail(&self) -> String {
        match self {
            Self::Unsent { detail, .. }
            | Self::Unanswered { detail, .. }
            | Self::Garbled { detail } => detail.clone(),
            Self::Refused {
                status,
                code: Some(code),
                message,
            } => format!("{message} (code {code}, HTTP {status})"),
            Self::Refused {
                status, message, ..
            } => format!("{message} (HTTP {status})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Certainty::{self, Fail, Info};

    fn refused(status: u16, code: i64, message: &str) -> Trouble {
        Trouble::Refused {
            status,
            code: Some(code),
            message: message.into(),
        }
    }

    #[test]
    fn a_write_fails_only_with_proof() {
        let table: [(Trouble, Certainty, &str); 26] = [
            (
                Trouble::Unsent {
                    class: "connection refused",
                    detail: String::new(),
                },
                Fail,
                "connection refused",
            ),
            (
                Trouble::Unanswered {
                    class: "connection lost",
                    detail: String::new(),
                },
                Info,
                "connection lost",
            ),
            (
                Trouble::Garbled {
                    detail: String::new(),
                },
                Info,
                "bad answer",
            ),
            (
                refused(400, 3, "etcdserver: duplicate key given in txn request"),
                Fail,
                "invalid request",
            ),
            (
                refused(400, 3, "etcdserver: request is too large"),
                Fail,
                "invalid request",
            ),
            (
                refused(400, 3, "etcdserver: revision of auth store is old"),
                Fail,
                "unauthenticated",
            ),
            (refused(404, 5, "Not Found"), Fail, "no such method"),
            (
                refused(403, 7, "etcdserver: permission denied"),
                Fail,
                "permission denied",
            ),
            (
                refused(429, 8, "etcdserver: too many requests"),
                Fail,
                "too many requests",
            ),
            (
                refused(429, 8, "etcdserver: mvcc: database space exceeded"),
                Info,
                "no space",
            ),
            (
                refused(429, 8, "grpc: received message larger than max"),
                Info,
                "resource exhausted",
            ),
            (
                refused(400, 9, "etcdserver: rpc not supported for learner"),
                Fail,
                "invalid request",
            ),
            (
                refused(
                    400,
                    11,
                    "etcdserver: mvcc: required revision has been compacted",
                ),
                Fail,
                "invalid request",
            ),
            (
                refused(501, 12, "unknown method Frobnicate"),
                Fail,
                "no such method",
            ),
            (
                refused(401, 16, "etcdserver: invalid auth token"),
                Fail,
                "unauthenticated",
            ),
            (
                refused(500, 2, "raft proposal dropped"),
                Fail,
                "proposal dropped",
            ),
            (refused(500, 2, "raft: stopped"), Info, "server error"),
            (refused(499, 1, "context canceled"), Info, "cancelled"),
            (
                refused(504, 4, "context deadline exceeded"),
                Info,
                "timeout",
            ),
            (refused(500, 13, "transport: oops"), Info, "server error"),
            (refused(503, 14, "etcdserver: no leader"), Info, "no leader"),
            (
                refused(503, 14, "etcdserver: leader changed"),
                Info,
                "leader changed",
            ),
            (
                refused(
                    503,
                    14,
                    "etcdserver: request timed out, possibly due to previous leader failure",
                ),
                Info,
                "timeout",
            ),
            (
                refused(503, 14, "etcdserver: server stopped"),
                Info,
                "server stopped",
            ),
            (
                refused(503, 14, "transport is closing"),
                Info,
                "unavailable",
            ),
            (
                refused(500, 15, "etcdserver: corrupt cluster"),
                Info,
                "corrupt",
            ),
        ];
        for (trouble, certainty, class) in table {
            let write = trouble.failure(Effect::Write);
            assert_eq!(
                (write.certainty, write.class),
                (certainty, class),
                "{trouble:?}"
            );
            assert_eq!(trouble.failure(Effect::Read).certainty, Fail, "{trouble:?}");
        }
    }

    #[test]
    fn an_answer_without_a_code_proves_something_only_if_nothing_can_have_run() {
        for (status, certainty) in [
            (404, Fail),
            (405, Fail),
            (400, Info),
            (500, Info),
            (503, Info),
        ] {
            let trouble = Trouble::Refused {
                status,
                code: None,
                message: "page not found".into(),
            };
            assert_eq!(
                trouble.failure(Effect::Write).certainty,
                certainty,
                "{status}"
            );
        }
    }
}
