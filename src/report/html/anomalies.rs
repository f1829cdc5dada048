//! Each anomaly: what happened in a sentence, its operations drawn to time scale, and why it is impossible.

use std::time::Duration;

use maud::{Markup, PreEscaped, html};
use schism_checkers::{Anomaly, Dependency, Picture, StatesAfter, Step};
use schism_history::{History, OpId};

use super::Page;
use crate::report::anomaly::{self, Shown};
use crate::report::input::LogExcerpt;
use crate::report::intervals::{self, Room};
use crate::report::proof::{cycle, possible, strip};
use crate::report::{number, phrase};

/// Log lines so long (a second: the page says so) before and after an anomaly are shown with it.
const AROUND: Duration = Duration::from_secs(1);
/// So many of them.
const LINES_MOST: usize = 40;
/// So many operations of an anomaly are listed.
const OPERATIONS_MOST: usize = 200;
/// So many faults are named.
const FAULTS_MOST: usize = 6;
/// So many steps are told.
const STEPS_MOST: usize = 60;

/// All anomalies that are shown; nothing when there are none.
pub(super) fn section(page: &Page<'_>) -> Markup {
    let hidden = anomaly::hidden(page.input.verdicts, &page.anomalies);
    let all = hidden + page.anomalies.len() as u64;
    html! {
        @if let Some((first, others)) = page.anomalies.split_first() {
            section.part #anomalies {
                h2 { "What went wrong" }
                p {
                    "The fewest operations that prove it. Check it by hand: bars begin when a client sent \
                     its operation and end when it had the answer; in between, it took effect at some moment."
                }
                (card(page, first))
                @if !others.is_empty() {
                    details.others {
                        summary {
                            (number::counted(others.len() as u64, "more example"))
                            @if hidden > 0 { ", of " (number::counted(all, "anomaly")) " that were found" }
                        }
                        @for shown in others {
                            (card(page, shown))
                        }
                    }
                } @else if hidden > 0 {
                    p.soft.more { (number::counted(hidden, "more anomaly")) " found." }
                }
            }
        }
    }
}

fn card(page: &Page<'_>, shown: &Shown<'_>) -> Markup {
    let history = page.input.history;
    let anomaly = shown.anomaly;
    let number = shown.number;
    let id = format!("anomaly-{number}");
    let contradiction = anomaly::contradiction(anomaly);
    let badge = |id: OpId| {
        anomaly
            .operations
            .iter()
            .position(|operation| *operation == id)
            .map(|place| place + 1)
    };
    let steps = steps(anomaly);
    let last_step = steps
        .iter()
        .rposition(|step| step.operation.is_some() && step.operation == contradiction);
    let lines = lines_near(page.input.logs, history, shown);
    html! {
        article.card.anomaly-card id=(id) {
            header {
                p.kind {
                    strong { (phrase::anomaly_name(anomaly.name)) } " · found by " (shown.checker)
                    @if !anomaly.key.is_nil() { " · key " (phrase::shortened(&phrase::bare(&anomaly.key), 60)) }
                }
                @if !anomaly.operations.is_empty() {
                    button.show type="button" hidden data-anomaly=(number - 1) { "Show in timeline" }
                }
            }
            p.sentence { (phrase::sentence(&anomaly.sentence)) }
            @if !anomaly.operations.is_empty() {
                @for drawing in proof(history, anomaly, &id) {
                    figure { (PreEscaped(drawing)) }
                }
                figure {
                    @for room in [Room::Wide, Room::Narrow] {
                        (PreEscaped(intervals::svg(history, anomaly, page.frame, &format!("{id}-{room:?}"), room)))
                    }
                }
            }
            @if let Picture::Cycle(edges) = &anomaly.picture {
                (dependencies(anomaly, edges))
            }
            @if let Picture::States(after) = &anomaly.picture {
                (states(anomaly, after))
            }
            @if !steps.is_empty() {
                div.story {
                    div {
                        h3 { "Why this cannot be" }
                        ol.steps {
                            @for (i, step) in steps.iter().take(STEPS_MOST).enumerate() {
                                @let is_last = last_step == Some(i);
                                li.last[is_last] {
                                    @match step.operation.and_then(badge) {
                                        Some(n) => { span.badge-dot.last[is_last] { (n) } }
                                        None => { span.badge-dot.none { "·" } }
                                    }
                                    span { (phrase::clean(&step.text)) }
                                }
                            }
                            @if steps.len() > STEPS_MOST {
                                li { span.badge-dot.none { "·" } "and " (steps.len() - STEPS_MOST) " more steps, in verdict.json" }
                            }
                        }
                    }
                }
            }
            @let faults = anomaly::faults(history, anomaly);
            @if !faults.is_empty() {
                p.confirmed {
                    "Faults that were there: "
                    @for (i, fault) in faults.iter().take(FAULTS_MOST).enumerate() {
                        @if i > 0 { "; " }
                        (phrase::clean(&fault.name)) " " (phrase::clean(&fault.label))
                        " (" (fault.injecting) " to " (fault.healed.map_or_else(|| "the end".to_owned(), |at| at.to_string())) ")"
                    }
                    @if faults.len() > FAULTS_MOST { "; and " (faults.len() - FAULTS_MOST) " more" }
                    "."
                }
            }
            p.confirmed {
                @if anomaly.confirmation.agrees { "Confirmed independently: " }
                @else { "Not confirmed: " }
                (phrase::clean(anomaly.confirmation.by)) "."
            }
            @if !anomaly.operations.is_empty() { (operations(history, &anomaly.operations)) }
            @if !lines.is_empty() {
                details {
                    summary { "What the nodes logged within a second of it: " (number::counted(lines.len() as u64, "line")) }
                    ol.log.mono { @for line in &lines { (line) } }
                }
            }
        }
    }
}

/// Its proof drawn, wide and narrow; nothing where the operations over time say it all.
fn proof(history: &History, anomaly: &Anomaly, id: &str) -> Vec<String> {
    let drawn = |room: Room| {
        let id = format!("{id}-proof-{room:?}");
        match &anomaly.picture {
            Picture::Cycle(edges) => cycle::svg(history, anomaly, edges, &id, room),
            Picture::Sessions => strip::svg(history, anomaly, &id, room),
            _ => String::new(),
        }
    };
    let drawn = [Room::Wide, Room::Narrow].map(drawn).concat();
    if drawn.is_empty() {
        Vec::new()
    } else {
        vec![drawn]
    }
}

/// The steps to tell. What the reasons of a cycle say already is not told twice.
fn steps(anomaly: &Anomaly) -> Vec<&Step> {
    let Picture::Cycle(edges) = &anomaly.picture else {
        return anomaly.steps.iter().collect();
    };
    let is_new = |step: &&Step| !edges.iter().any(|edge| step.text.contains(&edge.because));
    anomaly.steps.iter().filter(is_new).collect()
}

/// In which states the object may have been when each operation had returned.
fn states(anomaly: &Anomaly, after: &[StatesAfter]) -> Markup {
    html! {
        div.story {
            div {
                h3 { "What it can have held" }
                ol.steps.reasons {
                    @for after in after.iter().take(STEPS_MOST) {
                        li {
                            span { "after" }
                            span.badge-dot.last[after.states.is_empty()] {
                                (anomaly::badge(anomaly, after.operation).map_or_else(|| after.operation.to_string(), |badge| badge.to_string()))
                            }
                            span { (possible(after)) }
                        }
                    }
                }
            }
        }
    }
}

/// Why each operation of a cycle comes before the next.
fn dependencies(anomaly: &Anomaly, edges: &[Dependency]) -> Markup {
    let badge = |id: OpId| {
        anomaly::badge(anomaly, id).map_or_else(|| id.to_string(), |badge| badge.to_string())
    };
    html! {
        div.story {
            div {
                h3 { "Why each comes before the next" }
                ol.steps.reasons {
                    @for edge in edges.iter().take(STEPS_MOST) {
                        li {
                            span.badge-dot { (badge(edge.from)) }
                            span class={ "kind edge " (edge.kind.name()) } {
                                (edge.kind.name())
                                @if !edge.key.is_nil() { " " (phrase::shortened(&phrase::bare(&edge.key), 24)) }
                            }
                            span.badge-dot { (badge(edge.to)) }
                            span { "because " (phrase::clean(&edge.because)) }
                        }
                    }
                    @if edges.len() > STEPS_MOST {
                        li { span.badge-dot.none { "·" } "and " (edges.len() - STEPS_MOST) " more, in verdict.json" }
                    }
                }
            }
        }
    }
}

fn operations(history: &History, ids: &[OpId]) -> Markup {
    html! {
        details {
            summary { "The operations as recorded" }
            div.scroll {
                table.data {
                    thead { tr {
                        th { "" } th { "Operation" } th { "Process" } th { "Node" } th { "Key" } th { "What" }
                        th.number { "Invoked" } th.number { "Completed" } th.number { "Latency" } th { "Error" }
                    } }
                    tbody {
                        @for (i, id) in ids.iter().take(OPERATIONS_MOST).enumerate() {
                            @let operation = history.operation(*id);
                            tr {
                                td { (i + 1) }
                                td { (id) }
                                td { (operation.process) }
                                td { (operation.node().map_or_else(String::new, |node| phrase::clean(node))) }
                                td { (phrase::shortened(&phrase::bare(operation.key()), 40)) }
                                td { (phrase::action(&operation, 160)) }
                                td.number { (format!("{:.6} s", operation.invoked.as_secs_f64())) }
                                td.number {
                                    (operation.completed.map_or_else(|| "never".to_owned(), |at| format!("{:.6} s", at.as_secs_f64())))
                                }
                                td.number {
                                    (operation.latency().map_or_else(String::new, |latency| number::seconds(latency.as_secs_f64())))
                                }
                                td { (operation.error().map_or_else(String::new, |error| phrase::shortened(&phrase::clean(error), 160))) }
                            }
                        }
                    }
                }
            }
            @if ids.len() > OPERATIONS_MOST {
                p.soft.small { "and " (ids.len() - OPERATIONS_MOST) " more, in verdict.json" }
            }
        }
    }
}

/// Lines of all nodes around an anomaly, in order of time.
fn lines_near(logs: &[LogExcerpt], history: &History, shown: &Shown<'_>) -> Vec<Markup> {
    let Some((from, to)) = anomaly::window(history, shown.anomaly) else {
        return Vec::new();
    };
    let (from, to) = (from - AROUND, to + AROUND);
    let mut near: Vec<_> = logs
        .iter()
        .flat_map(|log| log.lines.iter().map(move |line| (&log.node, line)))
        .filter_map(|(node, line)| Some((line.time?, node, line)))
        .filter(|(time, _, _)| (from..=to).contains(time))
        .collect();
    near.sort_by_key(|(time, _, _)| *time);
    if near.len() > LINES_MOST {
        // The ones before the end of the story are the ones that may explain it.
        let end = near.partition_point(|(time, _, _)| *time + AROUND <= to);
        let first = end
            .saturating_sub(LINES_MOST / 2)
            .min(near.len() - LINES_MOST);
        near = near.split_off(first);
        near.truncate(LINES_MOST);
    }
    near.into_iter()
        .map(|(time, node, line)| super::tables::log_line(Some(time), node, &line.text))
        .collect()
}
