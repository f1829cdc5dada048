//! The top of the page: the verdict, its reason, and the key figures.

use maud::{Markup, html};
use schism_checkers::Validity;

use super::{Page, chip, icon};
use crate::report::headline::{self, Tone};
use crate::report::phrase;

/// So many doubts are spelled out.
const DOUBTS_MOST: usize = 8;

/// The verdict in plain words.
pub(super) fn verdict(page: &Page<'_>) -> Markup {
    let input = page.input;
    let run = input.run;
    let tone = headline::tone(input);
    let doubts = headline::doubts(input);
    let facts: Vec<String> = [&run.name, &run.target, &run.started]
        .into_iter()
        .filter(|fact| !fact.is_empty())
        .map(|fact| phrase::clean(fact))
        .collect();
    html! {
        section class={ "verdict " (tone.name()) } aria-labelledby="verdict" {
            (icon(tone))
            div {
                h1 #verdict { (headline::title(input)) }
                p.reason { (phrase::sentence(&input.conclusion.reason)) }
                @if !doubts.is_empty() {
                    ul {
                        @for doubt in doubts.iter().take(DOUBTS_MOST) {
                            li { (doubt) }
                        }
                        @if doubts.len() > DOUBTS_MOST {
                            li { "and " (doubts.len() - DOUBTS_MOST) " more, below" }
                        }
                    }
                }
                p.run {
                    (facts.join(" · ")) " · seed " (run.seed)
                    " · exit code " (input.conclusion.exit.code()) ": " (input.conclusion.exit.meaning())
                }
            }
        }
    }
}

/// The key figures, the checkers at a glance, and the command to repeat.
pub(super) fn figures(page: &Page<'_>) -> Markup {
    let input = page.input;
    let tiles = headline::tiles(input);
    // Rows of equal length: 7 and 8 in two rows of 4.
    let columns = if tiles.len() > 6 { 4 } else { tiles.len() };
    html! {
        dl class={ "tiles n" (columns) } {
            @for tile in &tiles {
                div {
                    dt { (tile.name) }
                    dd class=(if tile.is_bad { "value worse" } else { "value" }) { (tile.value) }
                    @if !tile.remark.is_empty() { dd.remark { (tile.remark) } }
                }
            }
        }
        @if !input.verdicts.is_empty() {
            ul.chips aria-label="Checkers" {
                @for verdict in input.verdicts {
                    li { a href="#checkers" { (chip(validity(verdict.validity), verdict.checker)) } }
                }
            }
        }
        @if !input.run.command.is_empty() {
            p.repeat {
                "Repeat" code { (phrase::clean(&input.run.command)) }
                button.copy type="button" hidden { "Copy" }
            }
        }
    }
}

/// The colour of an answer.
pub(super) fn validity(validity: Validity) -> Tone {
    match validity {
        Validity::Valid => Tone::Good,
        Validity::Unknown => Tone::Doubtful,
        Validity::Invalid => Tone::Bad,
    }
}
