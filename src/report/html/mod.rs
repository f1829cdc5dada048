//! `report.html`: one file for a colleague who was not there. The verdict first, then its proof, then the run.
//!
//! The page needs nothing from outside and says so in its policy; without its script it is complete but for the
//! interactive timeline. Everything that comes from a database, a node or a plan is escaped by maud, by
//! `plots::escaped`, or by `timeline::Data::to_script`.

mod anomalies;
mod charts;
mod levels;
mod overview;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::anomaly::{self, Shown};
use super::input::Input;
use super::plots::{self, Chart, Frame};
use super::timeline::Data;
use super::{headline, page, phrase};
use crate::judge::levels::Standings;

/// What the sections of the page are made from.
struct Page<'a> {
    input: &'a Input<'a>,
    frame: &'a Frame,
    charts: &'a [Chart],
    anomalies: Vec<Shown<'a>>,
}

/// The whole page.
pub(crate) fn page(input: &Input<'_>, frame: &Frame, charts: &[Chart]) -> String {
    let page = Page {
        input,
        frame,
        charts,
        anomalies: anomaly::shown(input.verdicts, input.history),
    };
    let data = Data::new(input.history, frame, charts, &page.anomalies);
    let standings = Standings::of(input.verdicts);
    let style = page::style();
    let name = phrase::clean(&input.run.name);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(page::policy(&style));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (headline::word(input)) " · " (name) " · schism" }
                style { (PreEscaped(&style)) }
            }
            body {
                a.skip href="#main" { "To the verdict" }
                (bar(&page, !standings.is_empty()))
                main #main {
                    (overview::verdict(&page))
                    (overview::figures(&page))
                    (anomalies::section(&page))
                    (levels::section(&standings))
                    (charts::section(&page))
                    (charts::timeline(&page, &data))
                    (tables::faults(&page))
                    (tables::checkers(&page))
                    (tables::gates(&page))
                    (tables::logs(&page))
                    (tables::run(&page))
                }
                footer {
                    "Made by schism from history.jsonl and verdict.json. "
                    code { "schism report" } " on the run's folder makes this page again, byte for byte."
                }
                div #tip role="tooltip" hidden {}
                @if !input.history.is_empty() {
                    script #data type="application/json" { (PreEscaped(data.to_script())) }
                }
                script { (PreEscaped(page::SCRIPT)) }
            }
        }
    };
    let mut text = markup.into_string();
    text.push('\n');
    text
}

/// The bar at the top.
fn bar(page: &Page<'_>, has_levels: bool) -> Markup {
    let links = [
        ("#anomalies", "Anomalies", !page.anomalies.is_empty()),
        ("#levels", "Levels", has_levels),
        ("#charts", "Charts", !page.charts.is_empty()),
        ("#timeline", "Timeline", !page.input.history.is_empty()),
        ("#faults", "Faults", true),
        ("#checkers", "Checkers", true),
        ("#gates", "Gates", !page.input.gates.is_empty()),
        ("#logs", "Logs", !page.input.logs.is_empty()),
        ("#run", "Run", true),
    ];
    html! {
        header.top {
            div {
                span.brand {
                    (PreEscaped(
                        "<svg viewBox=\"0 0 18 18\" aria-hidden=\"true\"><path d=\"M1 5h6l4 8h6M1 13h5M12 5h5\" fill=\"none\" \
                         stroke=\"currentColor\" stroke-width=\"2\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>"
                    ))
                    "schism"
                }
                nav aria-label="Parts of this page" {
                    @for (target, name, _) in links.iter().filter(|(_, _, is_there)| *is_there) {
                        a href=(target) { (name) }
                    }
                }
                button #theme type="button" hidden aria-label="Switch between light and dark" { "Dark" }
            }
        }
    }
}

/// A mark for a state, drawn so that its shape says it too: a check, an exclamation mark, a question mark, a cross.
fn icon(tone: headline::Tone) -> Markup {
    let shape = match tone {
        headline::Tone::Good => "M15 27l8 8 15-17",
        headline::Tone::Bad => "M17 17l18 18M35 17l-18 18",
        headline::Tone::Flawed => "M26 13v17M26 38.200v.100",
        headline::Tone::Doubtful => "M19 20q0-7 7-7t7 7q0 4.500-4 6.500-3 1.500-3 5M26 38.200v.100",
    };
    PreEscaped(format!(
        "<svg viewBox=\"0 0 52 52\" aria-hidden=\"true\"><circle cx=\"26\" cy=\"26\" r=\"25\" fill=\"var(--mark)\"/>\
         <path d=\"{shape}\" fill=\"none\" stroke=\"#fff\" stroke-width=\"5\" stroke-linecap=\"round\" \
         stroke-linejoin=\"round\"/></svg>"
    ))
}

/// A state in a pill.
fn chip(tone: headline::Tone, text: &str) -> Markup {
    html! { span class={ "chip " (tone.name()) } { (icon(tone)) (text) } }
}

/// The legend of a chart.
fn legend(chart: &Chart) -> Markup {
    html! {
        @if !chart.legend.is_empty() {
            ul.legend {
                @for key in &chart.legend {
                    li {
                        (PreEscaped(format!(
                            "<svg viewBox=\"0 0 14 12\" aria-hidden=\"true\">{}</svg>", plots::swatch(key)
                        )))
                        (key.label)
                    }
                }
            }
        }
    }
}
