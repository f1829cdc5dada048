//! The rest of the page, in tables: faults and their proof, checkers and their figures, gates, logs, and the run.

use maud::{Markup, html};
use schism_history::{FaultOutcome, FaultSpan, Time, Value};

use super::overview::validity;
use super::{Page, chip};
use crate::gates::Level;
use crate::report::headline::{self, Tone, amount};
use crate::report::{figure, number, phrase};

const FAULTS_MOST: usize = 500;
const FIGURES_MOST: usize = 400;
const EVIDENCE_MOST: usize = 120;
const LINES_MOST: usize = 400;
const LINE_MOST: usize = 500;

/// The faults, and how it is known that they took effect.
pub(super) fn faults(page: &Page<'_>) -> Markup {
    let faults = page.input.history.faults();
    let (proved, all) = headline::proved_faults(faults);
    html! {
        section.part #faults {
            h2 { "Faults and their proof" }
            @if faults.is_empty() {
                p.empty { "No fault was injected: this run says how the database does in fair weather." }
            } @else {
                p {
                    (proved) " of " (all) " installed: measured to have taken effect. One that was skipped had none, of an \
                     indeterminate one nobody knows; with either, a run is not valid."
                }
                div.card.scroll {
                    table {
                        thead { tr {
                            th { "#" } th { "Fault" } th.wide-text { "On" } th.number { "From" } th.number { "To" }
                            th { "Took effect" } th { "Healed" } th.wide-text { "Evidence" }
                        } }
                        tbody { @for span in faults.iter().take(FAULTS_MOST) { (fault(span)) } }
                    }
                }
                @if faults.len() > FAULTS_MOST {
                    p.soft { "and " (number::count((faults.len() - FAULTS_MOST) as u64)) " more, in verdict.json" }
                }
            }
        }
    }
}

fn fault(span: &FaultSpan) -> Markup {
    let time = |at: Option<Time>| at.map_or_else(|| "–".to_owned(), |at| at.to_string());
    html! {
        tr {
            td { (span.id) }
            td.tight { (phrase::clean(&span.name)) }
            td {
                @if span.label.is_empty() {
                    (span.nodes.iter().map(|node| phrase::clean(node)).collect::<Vec<_>>().join(" "))
                } @else { (phrase::clean(&span.label)) }
            }
            td.number.tight { (span.injecting) }
            td.number.tight { (time(span.healed)) }
            td { (effect(span.outcome)) }
            td {
                @if span.healing.is_none() { (chip(Tone::Bad, "never")) }
                @else if span.heal_outcome == FaultOutcome::Installed { (chip(Tone::Good, "proved")) }
                @else { (effect(span.heal_outcome)) }
            }
            td {
                (evidence("when injected", &span.evidence))
                (evidence("when healed", &span.heal_evidence))
            }
        }
    }
}

fn effect(outcome: FaultOutcome) -> Markup {
    let tone = match outcome {
        FaultOutcome::Installed => Tone::Good,
        FaultOutcome::Skipped | FaultOutcome::Indeterminate => Tone::Doubtful,
    };
    chip(tone, outcome.name())
}

fn evidence(when: &str, value: &Value) -> Markup {
    if value.is_nil() {
        return html! {};
    }
    let (rows, left_out) = match value {
        Value::Map(_) => figure::rows(value, EVIDENCE_MOST),
        other => (
            vec![figure::Row {
                name: "measured".to_owned(),
                text: figure::in_words("", other),
            }],
            0,
        ),
    };
    html! {
        details {
            summary { (when) ": " (number::counted(rows.len() as u64, "fact")) }
            dl.facts.small {
                @for row in rows { dt { (row.name) } dd { (row.text) } }
                @if left_out > 0 { dt { "left out" } dd { (left_out) } }
            }
        }
    }
}

/// What each checker says, and what it measured.
pub(super) fn checkers(page: &Page<'_>) -> Markup {
    html! {
        section.part #checkers {
            h2 { "Checkers" }
            @if page.input.verdicts.is_empty() {
                p.empty { "No checker ran, so nothing is known about this history." }
            } @else {
                div.card.scroll {
                    table {
                        thead { tr { th { "Checker" } th { "Verdict" } th.wide-text { "Why" } } }
                        tbody {
                            @for verdict in page.input.verdicts {
                                tr {
                                    td.tight { (verdict.checker) }
                                    td { (chip(validity(verdict.validity), verdict.validity.name())) }
                                    td {
                                        (phrase::clean(&verdict.summary))
                                        @if let Some(disagreement) = &verdict.disagreement {
                                            p { strong { "Two algorithms disagree, which is an error in schism: " } (phrase::clean(disagreement)) }
                                        }
                                        (figures(&verdict.figures))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn figures(value: &Value) -> Markup {
    let (rows, left_out) = figure::rows(value, FIGURES_MOST);
    html! {
        @if !rows.is_empty() {
            details {
                summary { (number::counted(rows.len() as u64, "figure")) }
                dl.facts {
                    @for row in rows { dt { (row.name) } dd { (row.text) } }
                    @if left_out > 0 { dt { "left out" } dd { (left_out) } }
                }
            }
        }
    }
}

/// The plan's gates.
pub(super) fn gates(page: &Page<'_>) -> Markup {
    let gates = page.input.gates;
    html! {
        @if !gates.is_empty() {
            section.part #gates {
                h2 { "Gates" }
                p { "Limits of the plan. One that is missed, or cannot be measured, fails the run." }
                div.card.scroll {
                    table {
                        thead { tr { th { "Gate" } th.number { "Measured" } th.number { "Warning" } th.number { "Critical" } th { "" } } }
                        tbody {
                            @for gate in gates {
                                tr {
                                    td {
                                        (phrase::clean(&gate.name))
                                        @if let Some(reason) = &gate.reason { p.soft.small { (phrase::clean(reason)) } }
                                    }
                                    td.number { (gate.measured.map_or_else(|| "–".to_owned(), amount)) }
                                    td.number { (gate.warning.map_or_else(|| "–".to_owned(), amount)) }
                                    td.number { (gate.critical.map_or_else(|| "–".to_owned(), amount)) }
                                    td { (chip(level(gate.level), gate.level.name())) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn level(level: Level) -> Tone {
    match level {
        Level::Passed => Tone::Good,
        Level::Warning => Tone::Flawed,
        Level::NotMeasured | Level::Critical => Tone::Bad,
    }
}

/// What the nodes logged.
pub(super) fn logs(page: &Page<'_>) -> Markup {
    html! {
        @if !page.input.logs.is_empty() {
            section.part #logs {
                h2 { "Node logs" }
                div.card {
                    @for log in page.input.logs {
                        details {
                            summary {
                                (phrase::clean(&log.node)) ": " (number::counted(log.lines.len() as u64, "line"))
                                @if let Some(note) = &log.note { ", " (phrase::clean(note)) }
                            }
                            ol.log.mono.tall {
                                @for line in log.lines.iter().take(LINES_MOST) {
                                    (log_line(line.time, &log.node, &line.text))
                                }
                            }
                            @if log.lines.len() > LINES_MOST {
                                p.soft.small { "and " (log.lines.len() - LINES_MOST) " more lines, in the run's folder" }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A line of a log.
pub(super) fn log_line(time: Option<Time>, node: &str, text: &str) -> Markup {
    html! {
        li {
            span.soft { (time.map_or_else(String::new, |time| time.to_string())) }
            span.node { (phrase::clean(node)) }
            span { (phrase::shortened(&phrase::clean(text), LINE_MOST)) }
        }
    }
}

/// The plan, the versions, the seed: what it takes to do it again.
pub(super) fn run(page: &Page<'_>) -> Markup {
    let run = page.input.run;
    let (wide, narrow) = (&run.versions, &run.environment);
    html! {
        section.part #run {
            h2 { "This run" }
            div.card {
                dl.facts {
                    dt { "Name" } dd { (phrase::clean(&run.name)) }
                    dt { "Target" } dd { (phrase::clean(&run.target)) }
                    dt { "Started" } dd { (phrase::clean(&run.started)) }
                    dt { "Length" } dd { (number::seconds(page.input.history.end().as_secs_f64())) }
                    dt { "Seed" } dd { (run.seed) }
                    dt { "Repeat" } dd { code { (phrase::clean(&run.command)) } }
                }
            }
            div.split {
                @for (title, facts) in [("Versions", wide), ("Environment", narrow)] {
                    @if !facts.is_empty() {
                        div.card {
                            h3 { (title) }
                            dl.facts {
                                @for (name, text) in facts { dt { (phrase::clean(name)) } dd { (phrase::clean(text)) } }
                            }
                        }
                    }
                }
            }
            @if !run.plan.is_empty() {
                details open {
                    summary { "The plan as resolved" }
                    pre { (run.plan.lines().map(phrase::clean).collect::<Vec<_>>().join("\n")) }
                }
            }
        }
    }
}
