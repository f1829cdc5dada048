//! The charts on one time axis, and the interactive timeline.

use maud::{Markup, PreEscaped, html};

use super::{Page, legend};
use crate::report::plots::{self, Table};
use crate::report::timeline::Data;
use crate::report::{number, phrase};

/// So many rows of a table are in the page.
const ROWS_MOST: usize = 360;

/// The charts.
pub(super) fn section(page: &Page<'_>) -> Markup {
    html! {
        section.part #charts {
            h2 { "What the run looked like" }
            @if page.input.history.is_empty() {
                p.empty { "No client invoked anything, so there is nothing to draw." }
                @if !page.charts.is_empty() { div.charts #charts-body { (figures(page)) } }
            } @else {
                p {
                    "All on one time axis. Shaded: a fault was there."
                    @if page.frame.bands.is_empty() { " This run had no faults." }
                }
                div.toolbar.only-live role="toolbar" aria-label="Zoom of all charts and the timeline" hidden {
                    button #zoom-in type="button" aria-label="Zoom in" { "+" }
                    button #zoom-out type="button" aria-label="Zoom out" { "−" }
                    button #pan-left type="button" aria-label="Earlier" { "←" }
                    button #pan-right type="button" aria-label="Later" { "→" }
                    button #zoom-reset type="button" { "Whole run" }
                    output #view {}
                    span.how { "drag to zoom · ctrl + wheel · double click for the whole run" }
                }
                div.charts #charts-body { (figures(page)) }
            }
        }
    }
}

fn figures(page: &Page<'_>) -> Markup {
    html! {
        @for chart in page.charts {
            figure {
                figcaption {
                    h3 { (chart.title) }
                    (legend(chart))
                }
                div.plate { (PreEscaped(plots::inline(chart, page.frame))) }
                details {
                    summary { "How it was counted, and the figures" }
                    p { (chart.caption) }
                    (table(&chart.table))
                }
            }
        }
    }
}

/// The figures behind a chart.
fn table(table: &Table) -> Markup {
    html! {
        div.scroll.tall {
            table.data {
                thead { tr { @for (i, name) in table.head.iter().enumerate() { th.number[i > 0] { (name) } } } }
                tbody {
                    @for row in table.rows.iter().take(ROWS_MOST) {
                        tr { @for (i, cell) in row.iter().enumerate() { td.number[i > 0] { (cell) } } }
                    }
                }
            }
        }
        @if table.rows.len() > ROWS_MOST {
            p { "and " (number::count((table.rows.len() - ROWS_MOST) as u64)) " more rows" }
        }
    }
}

/// The timeline: every operation as a bar.
pub(super) fn timeline(page: &Page<'_>, data: &Data) -> Markup {
    let history = page.input.history;
    if history.is_empty() {
        return html! {};
    }
    let total = history.len();
    html! {
        section.part #timeline {
            h2 { "Every operation" }
            p {
                "A bar from the moment a client sent an operation to the moment it had the answer, to time scale, with \
                 the same zoom as the charts."
                @if data.shown() < total {
                    " This page has " (number::count(data.shown() as u64)) " of " (number::count(total as u64))
                    " operations: all near an anomaly, those that failed or are unknown, and an even sample of the rest. \
                     history.jsonl has them all."
                }
            }
            noscript { p.empty { "The timeline needs JavaScript. Everything else on this page does without." } }
            div.card.only-live hidden {
                form.filters #filters aria-label="Filter of the timeline and the latency chart" {
                    label { "Function"
                        select name="function" {
                            option value="-1" { "all" }
                            @for (i, f) in history.functions().iter().enumerate() {
                                option value=(i) { (phrase::clean(f.name())) }
                            }
                        }
                    }
                    label { "Node"
                        select name="node" {
                            option value="-1" { "all" }
                            @for (i, node) in history.nodes().iter().enumerate() {
                                option value=(i) { (phrase::clean(node)) }
                            }
                        }
                    }
                    label { "Key" input type="text" name="key" placeholder="any" autocomplete="off"; }
                    label { "Process" input type="text" name="process" placeholder="any" inputmode="numeric" autocomplete="off"; }
                    fieldset aria-label="Outcome" {
                        @for (name, label) in [("ok", "ok"), ("info", "unknown"), ("fail", "failed")] {
                            label { input type="checkbox" name=(name) checked; span class={ "dot " (name) } {} (label) }
                        }
                        @if !page.anomalies.is_empty() {
                            label { input type="checkbox" name="marked"; span.dot.anomaly {} "only anomalies" }
                        }
                    }
                    button type="reset" { "Clear" }
                }
                p.count #count role="status" {}
                div #lanes { canvas role="img" aria-label="Operations over time, a lane for each client; the list below has the same in words" {} }
                div #detail hidden { dl.facts {} }
                details #rows {
                    summary { "The first 200 operations in view, as a list" }
                    div.scroll.tall {
                        table.data {
                            thead { tr { th { "Operation" } th { "Process" } th { "Node" } th { "Key" } th { "What" } th { "Invoked" } th { "Latency" } } }
                            tbody {}
                        }
                    }
                }
            }
        }
    }
}
