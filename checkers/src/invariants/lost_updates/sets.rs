//! Elements of sets: `add`, and `read` with all elements as result.
//!
//! An element is *known* once its addition was acknowledged or somebody read it. It is
//!
//! - lost, if the reads that have the last word were sent after it was known, and none of them holds it;
//! - stale, if it is not lost, but some read that was sent after it was known lacked it;
//! - never read, if it was acknowledged, nobody read it, and nobody with the last word looked later;
//! - recovered, if its addition ended unknown and somebody read it;
//! - duplicated, if one read held it more than once;
//! - unexpected, if somebody read it and nobody can have added it.
//!
//! Lost, duplicated and unexpected elements are anomalies. Keys from which elements are removed are not judged.
//!
//! Figures: `attempted`, `acknowledged`, `stable` (known, not lost, looked for), `lost`, `stale`, `never_read`,
//! `recovered`, `duplicated`, `unexpected`; `stable_latency` and `lost_latency` (`p50_s` to `max_s`: how long after
//! they were known reads still lacked the stale ones, or still held the lost ones); `worst_stale` (up to 8 of
//! `{key, element, latency_s}`).

use rustc_hash::FxHashMap;
use schism_history::{F, History, OpId, Outcome, Time, Value};

use super::Part;
use crate::final_read::last_words;
use crate::measures::quantile::{Quantiles, seconds};
use crate::proof::findings::{Broken, Findings};
use crate::proof::story::of_key;
use crate::proof::witness::Witness;

/// Stale elements that are listed.
const WORST: usize = 8;

/// What was attempted and what was read, of one element.
#[derive(Clone, Copy, Debug)]
struct Element<'h> {
    value: &'h Value,
    attempted: bool,
    /// Somebody was told that adding it surely failed.
    failed: bool,
    acknowledged: bool,
    /// When it was known, and from which operation.
    known: Option<(Time, OpId)>,
    /// The last read that held it, by place among the reads.
    last_present: Option<usize>,
    /// The last read before that one that lacked it.
    gap: Option<usize>,
    /// Whether a read that has the last word held it.
    in_last_words: bool,
    duplicated: bool,
}

/// Counts over all sets.
#[derive(Default)]
struct Counts<'h> {
    attempted: u64,
    acknowledged: u64,
    stable: u64,
    lost: u64,
    stale: u64,
    never_read: u64,
    recovered: u64,
    duplicated: u64,
    unexpected: u64,
    stable_latencies: Vec<u64>,
    lost_latencies: Vec<u64>,
    worst: Vec<(u64, &'h Value, &'h Value)>,
}

/// Judges all sets of a history; `None` when it has none. O(elements read).
pub(crate) fn judge(history: &History, findings: &mut Findings) -> Option<Part> {
    if !history.functions().contains(&F::Add) {
        return None;
    }
    let mut counts = Counts::default();
    for (_, ids) in history.by_key() {
        let f = |id: &OpId| history.operation(*id).f();
        let adds = ids.iter().any(|id| *f(id) == F::Add);
        let removes = ids.iter().any(|id| *f(id) == F::Remove);
        if adds && !removes {
            Set::of(history, &ids).count(findings, &mut counts);
        }
    }
    let latencies = |nanos: Vec<u64>| Value::map(Quantiles::of(nanos).in_seconds());
    counts.worst.sort_by(|a, b| b.0.cmp(&a.0).then(a.cmp(b)));
    let worst = counts
        .worst
        .iter()
        .take(WORST)
        .map(|(nanos, key, element)| {
            Value::map([
                ("key", (*key).clone()),
                ("element", (*element).clone()),
                ("latency_s", seconds(*nanos)),
            ])
        });
    Some(Part {
        name: "sets",
        decided: counts.stable + counts.lost,
        undecided: counts.never_read,
        figures: Value::map([
            ("attempted", Value::from(counts.attempted)),
            ("acknowledged", counts.acknowledged.into()),
            ("stable", counts.stable.into()),
            ("lost", counts.lost.into()),
            ("stale", counts.stale.into()),
            ("never_read", counts.never_read.into()),
            ("recovered", counts.recovered.into()),
            ("duplicated", counts.duplicated.into()),
            ("unexpected", counts.unexpected.into()),
            ("worst_stale", Value::list(worst)),
            ("stable_latency", latencies(counts.stable_latencies)),
            ("lost_latency", latencies(counts.lost_latencies)),
        ]),
    })
}

struct Set<'a, 'h> {
    history: &'h History,
    key: &'h Value,
    ids: &'a [OpId],
    elements: Vec<Element<'h>>,
    /// The successful reads, in order of invocation.
    reads: Vec<OpId>,
    last_words: Vec<OpId>,
    /// For each element that was read more than once at a time, where.
    duplicates: Vec<(usize, OpId)>,
}

impl<'a, 'h> Set<'a, 'h> {
    fn of(history: &'h History, ids: &'a [OpId]) -> Self {
        let mut numbers: FxHashMap<&'h Value, usize> = FxHashMap::default();
        let reads: Vec<OpId> = ids
            .iter()
            .copied()
            .filter(|&id| {
                let op = history.operation(id);
                *op.f() == F::Read && op.outcome == Outcome::Ok
            })
            .collect();
        let mut set = Self {
            history,
            key: history.operation(ids[0]).key(),
            ids,
            elements: Vec::new(),
            last_words: last_words(history, reads.iter().copied()),
            reads,
            duplicates: Vec::new(),
        };
        for &id in ids {
            let op = history.operation(id);
            if *op.f() == F::Add {
                let number = set.number(&mut numbers, op.input());
                let element = &mut set.elements[number];
                element.failed |= op.outcome == Outcome::Fail;
                element.attempted |= op.outcome != Outcome::Fail;
                if op.outcome == Outcome::Ok {
                    element.acknowledged = true;
                    element.learn(op.end(), id);
                }
            }
        }
        for place in 0..set.reads.len() {
            let op = history.operation(set.reads[place]);
            let last_word = set.last_words.binary_search(&op.id).is_ok();
            for value in op.output().as_list().unwrap_or_default() {
                let number = set.number(&mut numbers, value);
                let element = &mut set.elements[number];
                match element.last_present {
                    Some(last) if last == place => {
                        if !element.duplicated {
                            element.duplicated = true;
                            set.duplicates.push((number, op.id));
                        }
                        continue;
                    }
                    Some(last) if last + 1 == place => {}
                    _ => element.gap = place.checked_sub(1).or(element.gap),
                }
                element.last_present = Some(place);
                element.in_last_words |= last_word;
                element.learn(op.end(), op.id);
            }
        }
        set
    }

    fn number(&mut self, numbers: &mut FxHashMap<&'h Value, usize>, value: &'h Value) -> usize {
        *numbers.entry(value).or_insert_with(|| {
            self.elements.push(Element {
                value,
                attempted: false,
                failed: false,
                acknowledged: false,
                known: None,
                last_present: None,
                gap: None,
                in_last_words: false,
                duplicated: false,
            });
            self.elements.len() - 1
        })
    }

    fn invoked(&self, read: usize) -> Time {
        self.history.operation(self.reads[read]).invoked
    }

    fn count(&self, findings: &mut Findings, counts: &mut Counts<'h>) {
        for element in &self.elements {
            let was_read = element.last_present.is_some();
            counts.attempted += u64::from(element.attempted || element.failed);
            counts.acknowledged += u64::from(element.acknowledged);
            if was_read && !element.attempted {
                counts.unexpected += 1;
                self.report_unexpected(findings, element);
                continue;
            }
            counts.recovered += u64::from(was_read && !element.acknowledged);
            let Some((known, by)) = element.known else {
                continue;
            };
            let looked = |&&id: &&OpId| self.history.operation(id).invoked > known;
            let lacking = self
                .last_words
                .iter()
                .filter(|_| !element.in_last_words)
                .find(looked);
            if let Some(&lacking) = lacking {
                counts.lost += 1;
                let last = element
                    .last_present
                    .map_or(known, |read| self.invoked(read));
                counts.lost_latencies.push(nanos(last, known));
                self.report_lost(findings, element, by, lacking);
            } else if was_read {
                counts.stable += 1;
                self.count_stale(element, known, counts);
            } else {
                counts.never_read += 1;
            }
        }
        for &(number, read) in &self.duplicates {
            let element = &self.elements[number];
            if element.attempted {
                counts.duplicated += 1;
                self.report_duplicated(findings, element, read);
            }
        }
    }

    fn count_stale(&self, element: &Element<'h>, known: Time, counts: &mut Counts<'h>) {
        let last = self.reads.len() - 1;
        let lacked = match element.last_present {
            Some(present) if present == last => element.gap,
            _ => Some(last),
        };
        let latency = lacked.map_or(0, |read| nanos(self.invoked(read), known));
        counts.stable_latencies.push(latency);
        if latency > 0 {
            counts.stale += 1;
            counts.worst.push((latency, self.key, element.value));
            if counts.worst.len() > WORST * 64 {
                counts.worst.sort_by(|a, b| b.0.cmp(&a.0).then(a.cmp(b)));
                counts.worst.truncate(WORST);
            }
        }
    }

    /// Everybody who may have added the element.
    fn adders(&self, element: &Value) -> impl Iterator<Item = OpId> {
        self.ids.iter().copied().filter(move |&id| {
            let op = self.history.operation(id);
            *op.f() == F::Add && op.outcome != Outcome::Fail && op.input() == element
        })
    }

    fn witness(&self, element: &Element<'h>, others: &[OpId]) -> Witness<'h> {
        Witness::sets(
            self.adders(element.value).chain(others.iter().copied()),
            vec![(self.key, element.value)],
        )
    }

    fn report_lost(&self, findings: &mut Findings, element: &Element<'h>, by: OpId, lacking: OpId) {
        findings.report(self.history, "lost-element", || {
            let how = if element.acknowledged {
                "although its addition had been acknowledged"
            } else {
                "although it had been read before"
            };
            let nobody = match self.last_words.len() {
                1 => "the last read lacks it".to_owned(),
                reads => format!("all {reads} last reads lack it"),
            };
            Some(Broken {
                sentence: format!(
                    "{} {} is lost, {how}: {nobody}",
                    element.value,
                    of_key(self.key)
                ),
                key: self.key,
                witness: self.witness(element, &[by, lacking]),
                because: vec![(
                    lacking,
                    format!(", after that: {} is not there", element.value),
                )],
            })
        });
    }

    fn report_unexpected(&self, findings: &mut Findings, element: &Element<'h>) {
        let name = if element.failed {
            "failed-add-read"
        } else {
            "unexpected-element"
        };
        findings.report(self.history, name, || {
            let failed = self.ids.iter().copied().filter(|&id| {
                let op = self.history.operation(id);
                *op.f() == F::Add && op.input() == element.value
            });
            let (_, by) = element.known?;
            Some(Broken {
                sentence: format!(
                    "{} {} was read, {}",
                    element.value,
                    of_key(self.key),
                    if element.failed {
                        "although adding it surely failed"
                    } else {
                        "which nobody ever added"
                    }
                ),
                key: self.key,
                witness: Witness::sets(failed.take(1).chain([by]), vec![(self.key, element.value)]),
                because: vec![(by, format!(": {} is there", element.value))],
            })
        });
    }

    fn report_duplicated(&self, findings: &mut Findings, element: &Element<'h>, read: OpId) {
        findings.report(self.history, "duplicate-element", || {
            Some(Broken {
                sentence: format!(
                    "one read of the set {} holds {} more than once",
                    of_key(self.key),
                    element.value
                ),
                key: self.key,
                witness: self.witness(element, &[read]),
                because: vec![(read, format!(": {} is there more than once", element.value))],
            })
        });
    }
}

impl Element<'_> {
    fn learn(&mut self, time: Time, by: OpId) {
        if self.known.is_none_or(|(known, _)| time < known) {
            self.known = Some((time, by));
        }
    }
}

fn nanos(later: Time, earlier: Time) -> u64 {
    later.as_nanos().saturating_sub(earlier.as_nanos())
}

#[cfg(test)]
mod tests {
    use crate::proof::findings::testing::{broken, check};
    use crate::{LostUpdates, Validity, Verdict};
    use schism_history::Value;

    fn judge(drawing: &str) -> Verdict {
        check(&LostUpdates, drawing)
    }

    fn figure(verdict: &Verdict, name: &str) -> i64 {
        let sets = verdict.figures.get("sets").unwrap();
        sets.get(name).and_then(Value::as_int).unwrap()
    }

    #[test]
    fn elements_that_are_there_at_the_end_are_stable() {
        let verdict = judge(
            "
            0 |add s 1|
            1 |add s 2 ?
            2          |add s 3 !|
            0                       |r s -> [1,2]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "stable"), 2);
        assert_eq!(figure(&verdict, "recovered"), 1);
        assert_eq!(figure(&verdict, "attempted"), 3);
    }

    #[test]
    fn an_acknowledged_element_that_nobody_finds_is_lost() {
        let verdict = judge(
            "
            0 |add s 1|
            1   |add s 2|
            0            |r s -> [1,2]|
            0                           |r s -> [2]|
            ",
        );
        assert_eq!(broken(&verdict), [("lost-element", vec![0, 3])]);
        assert_eq!(
            verdict.summary,
            "1 of key \"s\" is lost, although its addition had been acknowledged: the last read lacks it"
        );
    }

    #[test]
    fn an_element_that_was_read_and_vanished_is_lost_though_never_acknowledged() {
        let verdict = judge(
            "
            0 |add s 1 ?
            1     |r s -> [1]|
            1                 |r s -> []|
            ",
        );
        assert_eq!(broken(&verdict), [("lost-element", vec![0, 1, 2])]);
    }

    #[test]
    fn an_element_that_one_node_does_not_show_is_stale_only() {
        let verdict = judge(
            "
            0@n1 |add s 1|
            0@n2          |r s -> []|
            1@n2                     |r s -> []|
            0@n1                                |r s -> [1]|
            ",
        );
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(figure(&verdict, "stale"), 1);
        let latency = verdict
            .figures
            .get("sets")
            .unwrap()
            .get("stable_latency")
            .unwrap();
        assert_eq!(latency.get("max_s"), Some(&Value::from(0.012_001)));
    }

    /// Jepsen compares the count of duplicates with `(< v 1)`, so that it never reports any.
    #[test]
    fn duplicates_are_reported() {
        let verdict = judge(
            "
            0 |add s 1|
            0           |r s -> [1,1]|
            ",
        );
        assert_eq!(broken(&verdict), [("duplicate-element", vec![0, 1])]);
        assert_eq!(figure(&verdict, "duplicated"), 1);
    }

    #[test]
    fn elements_from_nowhere_are_reported() {
        let verdict = judge(
            "
            0 |add s 1 !|
            0             |r s -> [1,7]|
            ",
        );
        assert_eq!(
            broken(&verdict),
            [
                ("unexpected-element", vec![1]),
                ("failed-add-read", vec![0, 1])
            ]
        );
    }

    #[test]
    fn what_nobody_looked_for_is_undecided() {
        let verdict = judge(
            "
            0 |r s -> []|
            1             |add s 1|
            ",
        );
        assert_eq!(verdict.validity, Validity::Unknown);
        assert_eq!(figure(&verdict, "never_read"), 1);
    }
}
