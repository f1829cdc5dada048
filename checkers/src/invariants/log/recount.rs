//! The second opinion: the operations of an anomaly, read again as plain values.

use schism_history::{F, History, OpId, Outcome, Process, Value};

/// How it looks again.
pub(super) const BY: &str = "reading the offsets in these operations again";

/// A message of one key that an operation mentions.
struct Mention {
    id: OpId,
    process: Process,
    outcome: Outcome,
    is_poll: bool,
    offset: Option<i64>,
    message: Value,
}

/// Whether these operations show the anomaly of this name on this key.
pub(super) fn recount(
    history: &History,
    name: &str,
    key: &str,
    ids: &[OpId],
) -> Result<(), String> {
    let mut here: Vec<Mention> = ids
        .iter()
        .flat_map(|&id| mentions(history, id, key))
        .collect();
    here.sort_by_key(|mention| mention.id);
    let offsets: Vec<&Mention> = here
        .iter()
        .filter(|mention| mention.offset.is_some() && mention.outcome == Outcome::Ok)
        .collect();
    let pairs = || {
        offsets
            .iter()
            .flat_map(|a| offsets.iter().map(move |b| (*a, *b)))
    };
    let polls = || offsets.iter().copied().filter(|mention| mention.is_poll);
    let sends = || here.iter().filter(|mention| !mention.is_poll);
    // Neighbours in what one process was delivered, or got as offsets.
    let goes_back = |is_poll: bool, within: bool| {
        let line: Vec<&&Mention> = offsets
            .iter()
            .filter(|mention| mention.is_poll == is_poll)
            .collect();
        line.windows(2).any(|pair| {
            pair[0].process == pair[1].process
                && (pair[0].id == pair[1].id) == within
                && pair[1].offset <= pair[0].offset
        })
    };
    let skips = |within: bool| {
        let line: Vec<&Mention> = polls().collect();
        (0..line.len()).any(|i| {
            (i + 1..line.len()).any(|j| {
                let (a, b) = (line[i], line[j]);
                let next = line[i + 1..j]
                    .iter()
                    .all(|between| between.process != a.process);
                let passed = |c: &&Mention| c.offset > a.offset && c.offset < b.offset;
                a.process == b.process
                    && (a.id == b.id) == within
                    && next
                    && offsets.iter().any(passed)
            })
        })
    };
    let sent_anywhere = |message: &Value, fails: bool| {
        let all = history
            .operations()
            .flat_map(|op| mentions(history, op.id, key));
        all.filter(|mention| !mention.is_poll && mention.message == *message)
            .any(|mention| fails || mention.outcome != Outcome::Fail)
    };
    let polled_anywhere = |message: &Value| {
        let all = history
            .operations()
            .flat_map(|op| mentions(history, op.id, key));
        all.into_iter()
            .any(|mention| mention.is_poll && mention.message == *message)
    };
    let shown = match name {
        "inconsistent-offsets" => {
            pairs().any(|(a, b)| a.offset == b.offset && a.message != b.message)
        }
        "duplicate" => pairs().any(|(a, b)| a.offset != b.offset && a.message == b.message),
        "lost-write" => sends().any(|sent| {
            let later = polls().any(|polled| sent.offset.is_some() && polled.offset > sent.offset);
            sent.outcome == Outcome::Ok && later && !polled_anywhere(&sent.message)
        }),
        "aborted-read" => polls().any(|polled| {
            let failed =
                sends().any(|sent| sent.message == polled.message && sent.outcome == Outcome::Fail);
            failed && !sent_anywhere(&polled.message, false)
        }),
        "garbage-read" => polls().any(|polled| !sent_anywhere(&polled.message, true)),
        "precommitted-read" => polls().any(|polled| {
            sends().any(|sent| sent.id == polled.id && sent.message == polled.message)
        }),
        "internal-poll-skip" => skips(true),
        "poll-skip" => skips(false),
        "internal-nonmonotonic-poll" => goes_back(true, true),
        "nonmonotonic-poll" => goes_back(true, false),
        "internal-nonmonotonic-send" => goes_back(false, true),
        "nonmonotonic-send" => goes_back(false, false),
        _ => false,
    };
    if shown {
        Ok(())
    } else {
        Err(format!("its operations do not show {name}"))
    }
}

fn mentions(history: &History, id: OpId, key: &str) -> Vec<Mention> {
    let op = history.operation(id);
    let mention = |is_poll, offset: Option<i64>, message: &Value| Mention {
        id,
        process: op.process,
        outcome: op.outcome,
        is_poll,
        offset,
        message: message.clone(),
    };
    let is_key = |value: &Value| {
        value
            .as_text()
            .map_or_else(|| value.to_string() == key, |text| text == key)
    };
    let delivered = |list: &Value| -> Vec<Mention> {
        let list = list.as_list().unwrap_or_default().iter();
        list.filter_map(|item| match item.as_list()? {
            [offset, message] => Some(mention(true, Some(offset.as_int()?), message)),
            _ => None,
        })
        .collect()
    };
    let ok = op.outcome == Outcome::Ok;
    let mut found = Vec::new();
    if !op.key().is_nil() {
        if is_key(op.key()) && op.f().name() == "send" {
            found.push(mention(
                false,
                op.output().as_int().filter(|_| ok),
                op.input(),
            ));
        } else if is_key(op.key()) && op.f().name() == "poll" && ok {
            found.extend(delivered(op.output()));
        }
        return found;
    }
    if *op.f() != F::Txn && !matches!(op.f().name(), "send" | "poll") {
        return found;
    }
    let steps = if ok { op.output() } else { op.input() };
    for step in steps.as_list().unwrap_or_default() {
        let Some(step) = step.as_list() else { continue };
        match step.first().and_then(Value::as_text) {
            Some("send") if step.len() == 3 && is_key(&step[1]) => match step[2].as_list() {
                Some([offset, message]) if ok => {
                    found.push(mention(false, offset.as_int(), message));
                }
                _ => found.push(mention(false, None, &step[2])),
            },
            Some("poll") if ok => {
                if let Some(list) = step.get(1).and_then(|polled| polled.get(key)) {
                    found.extend(delivered(list));
                }
            }
            _ => {}
        }
    }
    found
}
