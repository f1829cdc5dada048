//! The nodes' logs: what they say near an anomaly, and whether anything crashed.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use regex::Regex;
use schism_checkers::{LogPattern, Validity, Verdict};
use schism_history::{History, Time};

use crate::plan::Plan;
use crate::report::{LogExcerpt, LogLine};
use crate::run_folder::{Facts, FolderError, RunFolder};

/// So long before and after an anomaly, log lines are worth a look.
const NEAR: Duration = Duration::from_secs(2);
/// So many lines of one log are shown at most.
const MOST: usize = 200;
/// So many of its last lines are shown when there is no anomaly.
const LAST: usize = 20;
/// So many characters of a line are shown at most.
const WIDEST: usize = 600;

/// The texts of all logs of a node; bytes that are no text are replaced.
pub(super) fn of_node(folder: &RunFolder, node: &str) -> Result<Vec<String>, FolderError> {
    let home = folder.file("logs").join(node);
    let failed = |path: &std::path::Path| {
        let path = path.to_owned();
        move |source| FolderError::Read { path, source }
    };
    if !home.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(&home).map_err(failed(&home))? {
        paths.push(entry.map_err(failed(&home))?.path());
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            fs::read(&path)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .map_err(failed(&path))
        })
        .collect()
}

/// For each log of each node, the lines near the first anomaly of each checker; the last lines where there is none.
pub(super) fn excerpts(
    folder: &RunFolder,
    history: &History,
    verdicts: &[Verdict],
    facts: &Facts,
) -> Result<Vec<LogExcerpt>, FolderError> {
    let windows = windows(history, verdicts);
    let clock = Clock::new(facts);
    let mut excerpts = Vec::new();
    for node in history.nodes() {
        for log in of_node(folder, node)? {
            excerpts.extend(excerpt(node, &log, &windows, &clock));
        }
    }
    Ok(excerpts)
}

/// From when to when the operations of an anomaly ran, with what is near.
fn windows(history: &History, verdicts: &[Verdict]) -> Vec<(Time, Time)> {
    let invalid = verdicts
        .iter()
        .filter(|verdict| verdict.validity == Validity::Invalid);
    let mut windows = Vec::new();
    for anomaly in invalid.filter_map(|verdict| verdict.anomalies.first()) {
        let operations = || anomaly.operations.iter().map(|id| history.operation(*id));
        let from = operations().map(|op| op.invoked).min();
        let to = operations()
            .map(|op| op.completed.unwrap_or(op.invoked))
            .max();
        windows.extend(from.zip(to).map(|(from, to)| (from - NEAR, to + NEAR)));
    }
    windows
}

fn excerpt(node: &str, log: &str, windows: &[(Time, Time)], clock: &Clock) -> Option<LogExcerpt> {
    let all: Vec<&str> = log.lines().collect();
    if all.is_empty() {
        return None;
    }
    let shown = |line: &&str| LogLine {
        time: clock.time_of(line),
        text: line.chars().take(WIDEST).collect(),
    };
    let near = |time: Time| {
        windows
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&time))
    };
    let mut lines: Vec<LogLine> = all
        .iter()
        .map(shown)
        .filter(|line| line.time.is_some_and(near))
        .collect();
    let near_anomaly = !lines.is_empty();
    if !near_anomaly {
        lines = all[all.len().saturating_sub(LAST)..]
            .iter()
            .map(shown)
            .collect();
    }
    lines.truncate(MOST);
    let left_out = (lines.len() < all.len()).then(|| {
        let which = if near_anomaly {
            "near the anomaly"
        } else {
            "at its end"
        };
        format!("{} of {} lines: those {which}", lines.len(), all.len())
    });
    Some(LogExcerpt {
        node: node.to_owned(),
        lines,
        note: left_out,
    })
}

/// Reads the time in a log line, as a moment of the run. As true as the nodes' wall clocks are.
struct Clock {
    started: Option<Timestamp>,
    pattern: Regex,
}

impl Clock {
    fn new(facts: &Facts) -> Self {
        let pattern = r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)(Z|[+-]\d\d:?\d\d)?";
        Self {
            started: facts.started.parse().ok(),
            pattern: Regex::new(pattern).expect("it is a constant"),
        }
    }

    fn time_of(&self, line: &str) -> Option<Time> {
        // Only where a line begins: a time further on is part of what it says.
        let end = line
            .char_indices()
            .nth(120)
            .map_or(line.len(), |(end, _)| end);
        let found = self.pattern.captures(&line[..end])?;
        let local: DateTime = format!("{}T{}", &found[1], found[2].replace(',', "."))
            .parse()
            .ok()?;
        let offset = match found.get(3).map(|zone| zone.as_str()) {
            None | Some("Z") => 0,
            Some(zone) => {
                let digits: String = zone[1..].chars().filter(char::is_ascii_digit).collect();
                let minutes =
                    digits[..2].parse::<i64>().ok()? * 60 + digits[2..].parse::<i64>().ok()?;
                if zone.starts_with('-') {
                    -minutes * 60
                } else {
                    minutes * 60
                }
            }
        };
        let utc = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        let since = utc.as_nanosecond()
            - i128::from(offset) * 1_000_000_000
            - self.started?.as_nanosecond();
        u64::try_from(since).ok().map(Time::from_nanos)
    }
}

/// Looks for crashes in the nodes' logs, where the database says what they look like.
pub(super) fn crashes(
    plan: &Plan,
    history: &History,
    folder: &RunFolder,
) -> Result<Option<Verdict>, FolderError> {
    let Some(database) = &plan.database else {
        return Ok(None);
    };
    let Some(texts) = database
        .service
        .crash
        .as_ref()
        .filter(|texts| !texts.is_empty())
    else {
        return Ok(None);
    };
    let patterns = LogPattern::new(texts.iter().map(|text| regex::escape(text)));
    let Ok(patterns) = patterns else {
        return Ok(None);
    };
    let mut collected = Vec::new();
    for node in history.nodes() {
        let logs = of_node(folder, node)?;
        if logs.is_empty() {
            collected.push((node, None));
        }
        collected.extend(logs.into_iter().map(|log| (node, Some(log))));
    }
    let looked_at = collected
        .iter()
        .map(|(node, log)| (&***node, log.as_deref().map(str::lines)));
    Ok(Some(patterns.check(looked_at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::new(&Facts {
            started: "2026-11-21T10:00:00Z".to_owned(),
            ..Facts::default()
        })
    }

    #[test]
    fn times_of_several_notations_are_read() {
        let at = |line: &str| clock().time_of(line);
        let moment = Some(Time::from_millis(1_500));
        assert_eq!(
            at(r#"{"level":"info","ts":"2026-11-21T10:00:01.500Z","msg":"x"}"#),
            moment
        );
        assert_eq!(at("2026-11-21 10:00:01.5 UTC [7] LOG: x"), moment);
        assert_eq!(at("INFO 2026-11-21 10:00:01,500 x"), moment);
        assert_eq!(at(r#"{"ts":"2026-11-21T12:00:01.500+0200"}"#), moment);
        assert_eq!(at("2026-11-21T05:30:01.500-04:30"), moment);
        assert_eq!(at("no time"), None);
        assert_eq!(at("2026-13-41 99:00:00"), None);
        assert_eq!(at("2026-11-21T09:59:59Z before the run"), None);
    }

    #[test]
    fn lines_near_an_anomaly_are_shown_else_the_last() {
        let lines: Vec<String> = (0..60)
            .map(|s| format!("2026-11-21T10:00:{s:02}Z line {s}\n"))
            .collect();
        let log = lines.concat();
        let near = excerpt(
            "n1",
            &log,
            &[(Time::from_secs(10), Time::from_secs(12))],
            &clock(),
        )
        .unwrap();
        let texts: Vec<_> = near.lines.iter().map(|line| &line.text[21..]).collect();
        assert_eq!(texts, ["line 10", "line 11", "line 12"]);
        assert_eq!(
            near.note.as_deref(),
            Some("3 of 60 lines: those near the anomaly")
        );
        let last = excerpt("n1", &log, &[], &clock()).unwrap();
        assert_eq!(
            (last.lines.len(), last.lines[0].time),
            (LAST, Some(Time::from_secs(40)))
        );
        assert!(excerpt("n1", "", &[], &clock()).is_none());
    }
}
