//! How old the values are that reads return.
//!
//! Judged on registers whose values were written once: a read is stale for sure if its value had been replaced before
//! the read was sent. It was replaced when a write that began after the value had been written was itself
//! acknowledged, or found by somebody. That is a lower bound: what cannot be told is not counted as stale. Stale reads
//! break no promise by themselves, so the verdict is never invalid; gates judge the share.
//!
//! Figures: `reads` (judged), `undecidable` (reads of values that were written twice or never), `stale`, `stale_share`
//! (0 to 1; nil without reads); of the stale ones the age since they were replaced, `p99_s` and `worst_s`, and the number
//! of newer versions that had replaced them, `p99_versions` and `worst_versions`; `by_node`: each with `reads`,
//! `stale`, `stale_share`. And `fresh_after`, t-visibility (Bailis et al., "Probabilistically bounded staleness", 2012): of
//! the reads that were sent at least so long after the last write of their key had been acknowledged (`0s`, `1ms`, `10ms`,
//! `100ms`, `1s`, `10s`), the share that are not stale; nil where there are none.

use schism_history::{History, OpId, Time, Value};

use crate::measures::quantile::{Quantiles, seconds, share};
use crate::models::RegisterAction;
use crate::object::{Call, RegisterObject, Registers};
use crate::proof::story::count;
use crate::versions::Versions;
use crate::{Budget, Checker, Validity, Verdict};

/// Measures how old the values are that reads return. Gates judge.
#[derive(Clone, Copy, Debug, Default)]
pub struct Staleness;

#[derive(Default)]
struct Ages {
    reads: u64,
    undecidable: u64,
    /// Reads and stale reads by node.
    nodes: Vec<(u64, u64)>,
    nanos: Vec<u64>,
    versions: Vec<u64>,
    /// For each of [`AFTER`], reads that were sent so long after a write but not as long as the next one says, and the
    /// stale ones of them.
    after: [(u64, u64); AFTER.len()],
}

/// How long after the last write reads are told apart, and in nanoseconds.
const AFTER: [(&str, u64); 6] = [
    ("0s", 0),
    ("1ms", 1_000_000),
    ("10ms", 10_000_000),
    ("100ms", 100_000_000),
    ("1s", 1_000_000_000),
    ("10s", 10_000_000_000),
];

impl Checker for Staleness {
    fn name(&self) -> &'static str {
        "staleness"
    }

    fn check(&self, history: &History, budget: &Budget) -> Verdict {
        let registers = Registers::of(history);
        let mut ages = Ages {
            nodes: vec![(0, 0); history.nodes().len()],
            ..Ages::default()
        };
        for object in &registers.objects {
            if budget.is_stopped() {
                return Verdict::new(self.name(), Validity::Unknown, "the check was stopped");
            }
            measure(history, &registers, object, &mut ages);
        }
        let stale = ages.nanos.len() as u64;
        let by_node = history
            .nodes()
            .iter()
            .zip(&ages.nodes)
            .map(|(node, &(reads, stale))| {
                let figures = Value::map([
                    ("reads", Value::from(reads)),
                    ("stale", stale.into()),
                    ("stale_share", share(stale, reads)),
                ]);
                (node, figures)
            });
        let by_node = Value::map(by_node);
        let (nanos, versions) = (Quantiles::of(ages.nanos), Quantiles::of(ages.versions));
        let figures = Value::map([
            ("reads", Value::from(ages.reads)),
            ("undecidable", ages.undecidable.into()),
            ("stale", stale.into()),
            ("stale_share", share(stale, ages.reads)),
            ("p99_s", seconds(nanos.at(0.99))),
            ("worst_s", seconds(nanos.max())),
            ("p99_versions", versions.at(0.99).into()),
            ("worst_versions", versions.max().into()),
            ("by_node", by_node),
            ("fresh_after", fresh_after(&ages.after)),
        ]);
        let reads = count(ages.reads, "read");
        let (validity, summary) = if ages.reads == 0 {
            (
                Validity::Unknown,
                "there is nothing to measure: no read of a register whose values were written once"
                    .to_owned(),
            )
        } else if stale == 0 {
            (
                Validity::Valid,
                format!("none of {reads} is stale for sure"),
            )
        } else {
            (
                Validity::Valid,
                format!(
                    "{stale} of {reads} returned a value that had been replaced before, the oldest {:.3} s before",
                    nanos.max() as f64 / 1e9
                ),
            )
        };
        Verdict::new(self.name(), validity, summary).figures(figures)
    }
}

/// Shares of fresh reads: each of those sent so long after a write, or longer.
fn fresh_after(after: &[(u64, u64)]) -> Value {
    let shares = AFTER.iter().enumerate().map(|(i, &(name, _))| {
        let reads: u64 = after[i..].iter().map(|(reads, _)| reads).sum();
        let stale: u64 = after[i..].iter().map(|(_, stale)| stale).sum();
        (name, share(reads - stale, reads))
    });
    Value::map(shares)
}

/// Measures the reads of one register. O(n log n).
fn measure(history: &History, registers: &Registers, object: &RegisterObject, ages: &mut Ages) {
    let calls = registers.calls(object);
    let versions = Versions::of(history, calls, object.values);
    let replaced = Replaced::of(&versions, object.values);
    let mut written: Vec<Time> = replaced.moments.iter().map(|&(_, by)| by).collect();
    written.sort_unstable();
    let is_read = |call: &&Call<RegisterAction>| matches!(call.action, RegisterAction::Read(_));
    let mut stale: Vec<(OpId, Time, Time)> = Vec::new();
    for call in calls.iter().filter(is_read) {
        let Some(value) = call
            .action
            .found()
            .filter(|&value| versions.is_known(value))
        else {
            ages.undecidable += 1;
            continue;
        };
        let op = history.operation(call.id);
        let node = op
            .node()
            .and_then(|node| history.nodes().iter().position(|other| other == node));
        ages.reads += 1;
        if let Some(node) = node {
            ages.nodes[node].0 += 1;
        }
        // The initial value had been written before all.
        let since = if value == 0 {
            None
        } else {
            Some(versions.written_by(value))
        };
        let at = replaced.at(since);
        let before = written.partition_point(|&by| by < call.invoked);
        if let Some(last) = before.checked_sub(1) {
            let ago = call.invoked.since(written[last]).as_nanos() as u64;
            let place = AFTER.partition_point(|&(_, least)| least <= ago) - 1;
            ages.after[place].0 += 1;
            ages.after[place].1 += u64::from(at < call.invoked);
        }
        if at < call.invoked {
            ages.nanos.push(call.invoked.since(at).as_nanos() as u64);
            stale.push((call.id, since.unwrap_or(Time::ZERO), call.invoked));
            if let Some(node) = node {
                ages.nodes[node].1 += 1;
            }
        }
    }
    ages.versions.extend(replaced.counts(&stale));
}

/// When versions were replaced.
struct Replaced {
    /// Of each version but the first: not written before, and written by. In order of the former.
    moments: Vec<(Time, Time)>,
    /// For each place, the first moment by which any version from there on had been written.
    first: Vec<Time>,
}

impl Replaced {
    fn of(versions: &Versions<'_>, values: u32) -> Self {
        let mut moments: Vec<(Time, Time)> = (1..values)
            .filter(|&value| versions.is_known(value) && versions.written_by(value) != Time::NEVER)
            .map(|value| (versions.not_before(value), versions.written_by(value)))
            .collect();
        moments.sort_unstable();
        let mut first: Vec<Time> = moments.iter().map(|&(_, by)| by).collect();
        for place in (1..first.len()).rev() {
            first[place - 1] = first[place - 1].min(first[place]);
        }
        Self { moments, first }
    }

    /// When a version that had been written by `since` had been replaced; [`Time::NEVER`] if it was not, for sure.
    fn at(&self, since: Option<Time>) -> Time {
        let newer = match since {
            None => 0,
            Some(since) => self
                .moments
                .partition_point(|&(not_before, _)| not_before <= since),
        };
        self.first.get(newer).copied().unwrap_or(Time::NEVER)
    }

    /// For each stale read (which operation, when its value had been written, when it was sent), how many versions had
    /// replaced its value by then. Counts with a Fenwick tree over the order in which versions began. O(n log n).
    fn counts(&self, stale: &[(OpId, Time, Time)]) -> Vec<u64> {
        let mut by_written: Vec<usize> = (0..self.moments.len()).collect();
        by_written.sort_unstable_by_key(|&i| self.moments[i].1);
        let mut tree = vec![0_u64; self.moments.len() + 1];
        let mut written = 0;
        // Reads stand in order of invocation.
        let count = |&(_, since, sent): &(OpId, Time, Time)| {
            while let Some(&i) = by_written
                .get(written)
                .filter(|&&i| self.moments[i].1 < sent)
            {
                let mut node = i + 1;
                while node < tree.len() {
                    tree[node] += 1;
                    node += node & node.wrapping_neg();
                }
                written += 1;
            }
            let older = self
                .moments
                .partition_point(|&(not_before, _)| not_before <= since);
            let mut node = older;
            let mut not_newer = 0;
            while node > 0 {
                not_newer += tree[node];
                node -= node & node.wrapping_neg();
            }
            written as u64 - not_newer
        };
        stale.iter().map(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::attempt::testing::figure;
    use schism_history::testing;

    fn judge(drawing: &str) -> Verdict {
        Staleness.check(&testing::history(drawing), &Budget::default())
    }

    #[test]
    fn fresh_reads_are_not_stale() {
        let verdict = judge(
            "
            0 |w x 1|
            1         |w x 2|
            2         |r x -> 1|
            2                    |r x -> 2|
            ",
        );
        assert_eq!(verdict.summary, "none of 2 reads is stale for sure");
        assert_eq!(figure(&verdict.figures, "stale_share"), &Value::from(0.0));
    }

    #[test]
    fn age_is_counted_in_seconds_and_versions() {
        let verdict = judge(
            "
            0@n1 |w x 1|
            1@n1         |w x 2|
            1@n1                 |w x 3|
            2@n2                         |r x -> 1|
            2@n2                                    |r x -> nil|
            3@n1                         |r x -> 3|
            ",
        );
        let figures = &verdict.figures;
        assert_eq!(verdict.validity, Validity::Valid);
        assert_eq!(figure(figures, "stale"), &Value::from(2));
        assert_eq!(figure(figures, "stale_share"), &Value::from(2.0 / 3.0));
        assert_eq!(figure(figures, "worst_versions"), &Value::from(3));
        // 1 was written at 23 ms, and nil was read from 52.001 ms on.
        assert_eq!(figure(figures, "worst_s"), &Value::from(0.029_001));
        assert_eq!(figure(figures, "by_node.n2.stale_share"), &Value::from(1.0));
        assert_eq!(figure(figures, "by_node.n1.stale"), &Value::from(0));
        // Of the two reads that were sent at once, and the one ten milliseconds later.
        let fresh = |after: &str| figure(figures, &format!("fresh_after.{after}")).clone();
        assert_eq!(fresh("0s"), Value::from(1.0 / 3.0));
        assert_eq!(fresh("10ms"), Value::from(0.0));
        assert_eq!(fresh("1s"), Value::Nil);
    }

    #[test]
    fn what_cannot_be_told_is_not_stale() {
        let verdict = judge(
            "
            0 |w x 1|
            1         |w x 1|
            2                 |r x -> 1|
            ",
        );
        assert_eq!(verdict.validity, Validity::Unknown);
        assert_eq!(figure(&verdict.figures, "undecidable"), &Value::from(1));
    }
}
