//! Lines in the nodes' logs that mean trouble.
//!
//! Not a judge of a history: it looks at the logs that were collected from the nodes. A log that is missing is `unknown`
//! and never `valid`: nobody looked. Its anomalies prove themselves by the lines that they quote; there are no
//! operations.
//!
//! Figures: `logs` (read), `missing`, `lines`, `matches`; `by_pattern` (pattern to number of lines).

use regex::{Regex, RegexSet};
use schism_history::Value;

use crate::proof::story::count;
use crate::verdict::{Anomaly, Confirmation, Picture, Step};
use crate::{Validity, Verdict};

/// Lines of one node that one pattern matched, of which an anomaly quotes at most so many.
const QUOTED: usize = 5;
/// Characters of a line that are quoted.
const LONGEST: usize = 400;

/// Finds lines that match any of some patterns.
#[derive(Clone, Debug)]
pub struct LogPattern {
    patterns: Vec<Regex>,
    set: RegexSet,
}

/// A pattern that is no regular expression.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the log pattern {pattern:?} is no regular expression: {reason}")]
pub struct BadPattern {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

struct Found {
    pattern: usize,
    count: u64,
    /// Line numbers from 1, and the lines.
    lines: Vec<(u64, String)>,
}

impl LogPattern {
    /// Looks for lines that match any of these regular expressions (of the crate `regex`: no look-around, linear time).
    ///
    /// # Errors
    /// One of them is no regular expression, or too large a one.
    pub fn new<P: AsRef<str>>(patterns: impl IntoIterator<Item = P>) -> Result<Self, BadPattern> {
        let mut compiled = Vec::new();
        for pattern in patterns {
            let pattern = pattern.as_ref();
            compiled.push(Regex::new(pattern).map_err(|error| bad(pattern, &error))?);
        }
        let set = RegexSet::new(compiled.iter().map(Regex::as_str))
            .map_err(|error| bad("all patterns together", &error))?;
        Ok(Self {
            patterns: compiled,
            set,
        })
    }

    /// Judges the logs: for each node its name and its lines, or `None` when its log could not be had. A node may be
    /// named more than once, with a log each. One pass over the lines.
    pub fn check<'a, L: IntoIterator<Item = &'a str>>(
        &self,
        logs: impl IntoIterator<Item = (&'a str, Option<L>)>,
    ) -> Verdict {
        let mut anomalies = Vec::new();
        let mut missing: Vec<&str> = Vec::new();
        let mut by_pattern = vec![0_u64; self.patterns.len()];
        let (mut read, mut lines) = (0_u64, 0_u64);
        for (node, log) in logs {
            let Some(log) = log else {
                missing.push(node);
                continue;
            };
            read += 1;
            let (found, seen) = self.look(log);
            lines += seen;
            for found in found {
                by_pattern[found.pattern] += found.count;
                anomalies.push(self.tell(node, &found));
            }
        }
        let matches: u64 = by_pattern.iter().sum();
        let by_pattern = self.patterns.iter().map(Regex::as_str).zip(by_pattern);
        let figures = Value::map([
            ("logs", Value::from(read)),
            ("missing", Value::from(missing.len() as u64)),
            ("lines", lines.into()),
            ("matches", matches.into()),
            ("by_pattern", Value::map(by_pattern)),
        ]);
        let name = "log-pattern";
        let verdict = if let Some(first) = anomalies.first() {
            let summary = first.sentence.clone();
            Verdict {
                anomaly_count: matches,
                ..Verdict::invalid(name, summary, anomalies)
            }
        } else if self.patterns.is_empty() {
            Verdict::new(
                name,
                Validity::Unknown,
                "no pattern was given: nothing was looked for",
            )
        } else if !missing.is_empty() {
            let summary = format!(
                "the logs of {} are missing: nobody looked",
                missing.join(", ")
            );
            Verdict::new(name, Validity::Unknown, summary)
        } else if read == 0 {
            Verdict::new(
                name,
                Validity::Unknown,
                "no log was collected: nobody looked",
            )
        } else {
            let summary = format!(
                "none of {} in {} matches",
                count(lines, "line"),
                count(read, "log")
            );
            Verdict::new(name, Validity::Valid, summary)
        };
        verdict.figures(figures)
    }

    /// What each pattern finds in a log, and how many lines that has.
    fn look<'a>(&self, log: impl IntoIterator<Item = &'a str>) -> (Vec<Found>, u64) {
        let mut found: Vec<Option<Found>> = self.patterns.iter().map(|_| None).collect();
        let mut number = 0;
        for line in log {
            number += 1;
            for pattern in &self.set.matches(line) {
                let found = found[pattern].get_or_insert_with(|| Found {
                    pattern,
                    count: 0,
                    lines: Vec::new(),
                });
                found.count += 1;
                if found.lines.len() < QUOTED {
                    found.lines.push((number, line.to_owned()));
                }
            }
        }
        (found.into_iter().flatten().collect(), number)
    }

    fn tell(&self, node: &str, found: &Found) -> Anomaly {
        let pattern = &self.patterns[found.pattern];
        let steps = found
            .lines
            .iter()
            .map(|(number, line)| Step {
                operation: None,
                text: format!("line {number} of {node}: {}", quoted(line)),
            })
            .collect();
        Anomaly {
            name: "log-pattern",
            sentence: format!(
                "{} in the log of {node}: {:?}",
                count(found.count, "suspicious line"),
                pattern.as_str()
            ),
            key: Value::Nil,
            operations: Vec::new(),
            steps,
            confirmation: Confirmation {
                by: "each quoted line, matched again on its own",
                agrees: found.lines.iter().all(|(_, line)| pattern.is_match(line)),
            },
            picture: Picture::Nothing,
        }
    }
}

fn bad(pattern: &str, error: &regex::Error) -> BadPattern {
    BadPattern {
        pattern: pattern.to_owned(),
        reason: error.to_string(),
    }
}

/// A line, without line feed and control characters, and not too long.
fn quoted(line: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut quoted: String = line.trim_end().chars().take(LONGEST).map(plain).collect();
    if line.trim_end().chars().count() > LONGEST {
        quoted.push_str(" ...");
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(logs: &[(&str, Option<&str>)]) -> Verdict {
        LogPattern::new(["^panic:", "(?i)fatal"])
            .unwrap()
            .check(logs.iter().map(|&(node, log)| (node, log.map(str::lines))))
    }

    #[test]
    fn lines_that_match_are_quoted() {
        let verdict = judge(&[
            ("n1", Some("starting\nready")),
            (
                "n2",
                Some("starting\npanic: index out of range\nFatal: bye"),
            ),
        ]);
        assert_eq!(verdict.validity, Validity::Invalid);
        assert_eq!(verdict.anomaly_count, 2);
        assert_eq!(
            verdict.anomalies[0].steps[0].text,
            "line 2 of n2: panic: index out of range"
        );
        assert_eq!(
            verdict.summary,
            "1 suspicious line in the log of n2: \"^panic:\""
        );
        assert!(
            verdict
                .anomalies
                .iter()
                .all(|anomaly| anomaly.confirmation.agrees)
        );
    }

    #[test]
    fn a_missing_log_is_unknown() {
        let verdict = judge(&[("n1", Some("ready")), ("n2", None)]);
        assert_eq!(verdict.validity, Validity::Unknown);
        assert!(verdict.summary.contains("n2"));
        assert_eq!(judge(&[]).validity, Validity::Unknown);
        let found = judge(&[("n1", Some("panic: no")), ("n2", None)]);
        assert_eq!(found.validity, Validity::Invalid);
    }

    #[test]
    fn quiet_logs_are_valid() {
        let verdict = judge(&[("n1", Some("ready\ndon't panic: it is fine"))]);
        assert_eq!(verdict.validity, Validity::Valid, "{}", verdict.summary);
        assert_eq!(verdict.summary, "none of 2 lines in 1 log matches");
    }

    #[test]
    fn a_bad_pattern_says_what_is_wrong() {
        let error = LogPattern::new(["ok", "("]).unwrap_err().to_string();
        assert!(
            error.starts_with("the log pattern \"(\" is no regular"),
            "{error}"
        );
    }

    #[test]
    fn without_patterns_nothing_was_looked_for() {
        let verdict = LogPattern::new([""; 0])
            .unwrap()
            .check([("n1", Some("x".lines()))]);
        assert_eq!(verdict.validity, Validity::Unknown);
    }
}
