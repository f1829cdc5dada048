//! What was measured about a link, and what that proves. Pure but for the controller's own probe.

use std::net::IpAddr;
use std::time::Duration;

use schism_history::FaultOutcome;

use crate::fault::RejectMode;
use crate::probe::Reach;

/// How long a probe that should pass may take, in seconds: two tries of TCP.
pub(super) const OPEN_SECONDS: u32 = 2;
/// How long a probe that should not pass may take, in seconds. Short, because each does take that long; that it was not
/// too short is seen by the counters.
pub(super) const CUT_SECONDS: u32 = 1;

/// What one place saw when it probed another, address by address.
pub(super) type Seen = Vec<(IpAddr, Reach)>;

/// What was measured about a link that was to be cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Measured {
    /// What the sender saw of the receiver before.
    pub(super) before: Seen,
    /// And while the cut was in force.
    pub(super) during: Seen,
    /// How many packets of the sender the receiver's rules have cut; `None` when that could not be read.
    pub(super) packets: Option<u64>,
    /// The way back.
    pub(super) back: Back,
}

/// The way back from the receiver of a cut link to its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Back {
    /// It is cut, too, or cannot be measured apart.
    #[default]
    Cut,
    /// It stays open, though no answers can pass; how many packets came that way.
    Open {
        /// `None` when that could not be read.
        packets: Option<u64>,
    },
}

/// What that proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The link is cut, and was not before.
    Cut,
    /// The link still carries packets.
    Open,
    /// Nothing came through before either, so nothing is proved.
    DeadBefore,
    /// It could not be measured.
    Unknown,
}

impl Measured {
    pub(super) fn proof(&self, mode: RejectMode) -> Proof {
        let reached = |seen: &Seen| seen.iter().any(|(_, reach)| reach.is_reached());
        let probed = self
            .during
            .iter()
            .any(|(_, reach)| *reach != Reach::Unknown);
        // An address that nobody could reach before says nothing, whatever it says now.
        let came_through = self.during.iter().any(|(address, reach)| {
            let refused_counts = mode == RejectMode::Drop;
            *reach == Reach::Open
                || (*reach == Reach::Refused
                    && refused_counts
                    && self
                        .before
                        .iter()
                        .any(|(a, b)| a == address && b.is_reached()))
        });
        let hit = self.packets.is_some_and(|packets| packets > 0);
        if came_through {
            return Proof::Open;
        }
        if let Back::Open { packets: back } = self.back {
            // One way: probes fail both ways, so the counters alone tell which way is cut and which is open.
            return match (hit, back) {
                (true, Some(packets)) if packets > 0 => Proof::Cut,
                _ if !reached(&self.before) && probed => Proof::DeadBefore,
                _ => Proof::Unknown,
            };
        }
        if !probed {
            return if hit { Proof::Cut } else { Proof::Unknown };
        }
        let was_open = self.before.iter().any(|(_, reach)| *reach == Reach::Open);
        let told_apart = match mode {
            RejectMode::Drop => reached(&self.before),
            // A port that refused before and refuses now may never have been cut.
            RejectMode::Reject => was_open,
        };
        if hit || (told_apart && self.packets.is_none()) {
            Proof::Cut
        } else if told_apart {
            // Nothing came back, but nothing was cut either: the probe was too slow, or it was lost elsewhere.
            Proof::Unknown
        } else if self
            .before
            .iter()
            .all(|(_, reach)| *reach == Reach::Unknown)
        {
            Proof::Unknown
        } else {
            Proof::DeadBefore
        }
    }
}

/// The outcome of a partition, from the proofs of its links. `covered` tells how many of those that were dead before
/// another fault of ours cuts.
///
/// Gives the reason unless it is [`FaultOutcome::Installed`].
pub(super) fn outcome(proofs: &[Proof], covered: usize) -> (FaultOutcome, Option<String>) {
    let count = |proof| proofs.iter().filter(|p| **p == proof).count();
    let (cut, open, dead) = (
        count(Proof::Cut),
        count(Proof::Open),
        count(Proof::DeadBefore),
    );
    let all = proofs.len();
    if all == 0 {
        return (
            FaultOutcome::Skipped,
            Some("there is no link to cut".to_owned()),
        );
    }
    if open == all {
        return (
            FaultOutcome::Skipped,
            Some("every link still carries packets".to_owned()),
        );
    }
    if dead == all {
        let why = if covered == all {
            "another fault had cut every link already"
        } else {
            "nothing came through before either, so nothing is proved"
        };
        return (FaultOutcome::Skipped, Some(why.to_owned()));
    }
    if cut > 0 && cut + dead == all && dead == covered {
        return (FaultOutcome::Installed, None);
    }
    let mut reasons = Vec::new();
    if open > 0 {
        reasons.push(format!("{open} of {all} links still carry packets"));
    }
    if dead > covered {
        reasons.push(format!(
            "{} of {all} links were dead before",
            dead - covered
        ));
    }
    let unknown = count(Proof::Unknown);
    if unknown > 0 {
        reasons.push(format!("{unknown} of {all} links could not be measured"));
    }
    (FaultOutcome::Indeterminate, Some(reasons.join("; ")))
}

/// What was seen, in a word where one is enough: `silent`, or `10.0.0.2 open, fd00::2 silent`.
pub(super) fn shown(seen: &Seen) -> String {
    match seen.first() {
        None => Reach::Unknown.name().to_owned(),
        Some((_, first)) if seen.iter().all(|(_, reach)| reach == first) => first.name().to_owned(),
        Some(_) => seen
            .iter()
            .map(|(address, reach)| format!("{address} {}", reach.name()))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// Whether anything of it was reached.
pub(super) fn is_reached(seen: &Seen) -> bool {
    seen.iter().any(|(_, reach)| reach.is_reached())
}

/// Whether everything is reached again that was reached before; when nothing is known of before, anything at all.
pub(super) fn is_restored(before: Option<&Seen>, after: &Seen) -> bool {
    let Some(before) = before else {
        return is_reached(after);
    };
    let is_reached_now = |address: &IpAddr| {
        after
            .iter()
            .any(|(now, reach)| now == address && reach.is_reached())
    };
    before
        .iter()
        .filter(|(_, reach)| reach.is_reached())
        .all(|(address, _)| is_reached_now(address))
}

/// A TCP connection from here.
pub(super) async fn dial(host: String, port: u16, seconds: u32) -> Reach {
    let connect = tokio::net::TcpStream::connect((host.as_str(), port));
    match tokio::time::timeout(Duration::from_secs(seconds.into()), connect).await {
        Ok(Ok(_)) => Reach::Open,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => Reach::Refused,
        Ok(Err(_)) | Err(_) => Reach::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(reaches: &[Reach]) -> Seen {
        reaches
            .iter()
            .zip(1u8..)
            .map(|(reach, i)| (IpAddr::from([10, 0, 0, i]), *reach))
            .collect()
    }

    fn measured(before: &[Reach], during: &[Reach], packets: Option<u64>) -> Measured {
        Measured {
            before: seen(before),
            during: seen(during),
            packets,
            back: Back::Cut,
        }
    }

    #[test]
    fn a_link_is_cut_when_what_was_reached_no_longer_is() {
        use Reach::{Open, Refused, Silent, Unknown};
        for (before, during, packets, drop, reject) in [
            (&[Open][..], &[Silent][..], Some(1), Proof::Cut, Proof::Cut),
            (&[Open], &[Silent], None, Proof::Cut, Proof::Cut),
            (&[Open], &[Silent], Some(0), Proof::Unknown, Proof::Unknown),
            (&[Refused], &[Silent], Some(1), Proof::Cut, Proof::Cut),
            (&[Refused], &[Silent], None, Proof::Cut, Proof::DeadBefore),
            (&[Open], &[Refused], Some(1), Proof::Open, Proof::Cut),
            (
                &[Refused],
                &[Refused],
                Some(0),
                Proof::Open,
                Proof::DeadBefore,
            ),
            (&[Refused], &[Refused], Some(2), Proof::Open, Proof::Cut),
            (&[Open], &[Open], Some(0), Proof::Open, Proof::Open),
            (
                &[Silent],
                &[Silent],
                Some(0),
                Proof::DeadBefore,
                Proof::DeadBefore,
            ),
            (&[Silent], &[Silent], Some(3), Proof::Cut, Proof::Cut),
            (
                &[Open, Silent],
                &[Silent, Silent],
                Some(1),
                Proof::Cut,
                Proof::Cut,
            ),
            (
                &[Open, Open],
                &[Silent, Open],
                Some(2),
                Proof::Open,
                Proof::Open,
            ),
            (&[Open], &[Unknown], Some(2), Proof::Cut, Proof::Cut),
            (&[Open], &[Unknown], Some(0), Proof::Unknown, Proof::Unknown),
            (
                &[Unknown],
                &[Silent],
                Some(0),
                Proof::Unknown,
                Proof::Unknown,
            ),
            (&[], &[], None, Proof::Unknown, Proof::Unknown),
        ] {
            let measured = measured(before, during, packets);
            assert_eq!(measured.proof(RejectMode::Drop), drop, "{measured:?}");
            assert_eq!(measured.proof(RejectMode::Reject), reject, "{measured:?}");
        }
    }

    #[test]
    fn a_one_way_cut_is_proved_by_the_counters_of_both_ways() {
        let with = |packets, back| {
            Measured {
                back: Back::Open { packets: back },
                ..measured(&[Reach::Open], &[Reach::Silent], packets)
            }
            .proof(RejectMode::Drop)
        };
        assert_eq!(with(Some(2), Some(2)), Proof::Cut);
        assert_eq!(
            with(Some(2), Some(0)),
            Proof::Unknown,
            "the way back may be cut, too"
        );
        assert_eq!(with(Some(0), Some(2)), Proof::Unknown);
        assert_eq!(with(None, None), Proof::Unknown);
    }

    #[test]
    fn a_partition_counts_only_if_every_link_is_proved() {
        use FaultOutcome::{Indeterminate, Installed, Skipped};
        use Proof::{Cut, DeadBefore, Open, Unknown};
        for (proofs, covered, expected) in [
            (&[][..], 0, Skipped),
            (&[Cut, Cut], 0, Installed),
            (&[Cut, Open], 0, Indeterminate),
            (&[Open, Open], 0, Skipped),
            (&[DeadBefore, DeadBefore], 0, Skipped),
            (&[DeadBefore, DeadBefore], 2, Skipped),
            (&[Cut, DeadBefore], 1, Installed),
            (&[Cut, DeadBefore], 0, Indeterminate),
            (&[Cut, Unknown], 0, Indeterminate),
            (&[Unknown], 0, Indeterminate),
            (&[Open, DeadBefore], 1, Indeterminate),
        ] {
            let (found, reason) = outcome(proofs, covered);
            assert_eq!(found, expected, "{proofs:?}");
            assert_eq!(reason.is_none(), found == Installed);
        }
    }

    #[test]
    fn a_link_is_restored_when_every_address_is_that_was_there_before() {
        use Reach::{Open, Refused, Silent};
        for (before, after, restored) in [
            (Some(&[Open, Open][..]), &[Open, Refused][..], true),
            (Some(&[Open, Open]), &[Open, Silent], false),
            (Some(&[Open, Silent]), &[Open, Silent], true),
            (Some(&[Silent]), &[Silent], true),
            (None, &[Silent, Open], true),
            (None, &[Silent], false),
        ] {
            let found = is_restored(before.map(seen).as_ref(), &seen(after));
            assert_eq!(found, restored, "{before:?} {after:?}");
        }
    }

    #[test]
    fn what_was_seen_is_shown_shortly() {
        use Reach::{Open, Silent};
        assert_eq!(shown(&seen(&[])), "unknown");
        assert_eq!(shown(&seen(&[Open, Open])), "open");
        assert_eq!(
            shown(&seen(&[Open, Silent])),
            "10.0.0.1 open, 10.0.0.2 silent"
        );
    }
}
